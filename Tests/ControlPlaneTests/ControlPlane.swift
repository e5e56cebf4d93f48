import Foundation
import KubernetesClient
import KubernetesModel
import Testing

/// The real API server that these tests ask: the one named by `SEAWAY_TEST_KUBECONFIG`, never the user's own.
///
/// Without it they fail, so that a cluster that is not there is seen; `SEAWAY_SKIP_CLUSTER_TESTS=1` leaves them out by name.
enum ControlPlane {
    static let isWanted = ProcessInfo.processInfo.environment["SEAWAY_SKIP_CLUSTER_TESTS"] != "1"

    struct Missing: Error, CustomStringConvertible {
        let description = """
            SEAWAY_TEST_KUBECONFIG names no kubeconfig: bring a control plane up with 'scripts/cluster up --control-plane-only', \
            or leave these tests out with SEAWAY_SKIP_CLUSTER_TESTS=1
            """
    }

    static func configuration() throws -> ClusterConfiguration {
        guard let path = ProcessInfo.processInfo.environment["SEAWAY_TEST_KUBECONFIG"], !path.isEmpty else { throw Missing() }
        return try ClusterConfiguration.load(kubeconfig: path)
    }

    /// A client for one test.
    static func withClient<R>(
        _ configuration: ClusterConfiguration? = nil, _ body: (KubernetesClient) async throws -> R
    ) async throws -> R {
        let chosen = try configuration ?? Self.configuration()
        return try await withClient(KubernetesClient(configuration: chosen), body)
    }

    static func withClient<R>(_ client: KubernetesClient, _ body: (KubernetesClient) async throws -> R) async throws -> R {
        let result: Result<R, any Error>
        do {
            result = .success(try await body(client))
        } catch {
            result = .failure(error)
        }
        try await client.shutdown()
        return try result.get()
    }

    /// A client and a namespace of its own for one test.
    static func withNamespace<R>(_ body: (_ client: KubernetesClient, _ namespace: String) async throws -> R) async throws -> R {
        try await withClient { client in
            try await withNamespace(client) { try await body(client, $0) }
        }
    }

    static func withNamespace<R>(_ client: KubernetesClient, _ body: (_ namespace: String) async throws -> R) async throws -> R {
        let name = "seaway-test-\(UUID().uuidString.prefix(8).lowercased())"
        _ = try await client.create(["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(name)]])
        let result: Result<R, any Error>
        do {
            result = .success(try await body(name))
        } catch {
            result = .failure(error)
        }
        try await client.delete(.namespaces, name: name, namespace: nil)
        return try result.get()
    }

    /// Installs the Environment resource as `seactl install` does. It stays: tests of other processes may use it.
    static func installEnvironments(_ client: KubernetesClient, _ definition: JSONValue) async throws {
        _ = try await client.apply(definition, fieldManager: "seactl", force: true)
        try await wait(client, CustomResourceDefinition.self, "environments.seaway.ctx.sh", namespace: nil) { $0?.isEstablished == true }
    }

    /// Waits, by a watch, until an object is as wanted; `nil` stands for one that is not there.
    static func wait<T: KubernetesObject>(
        _ client: KubernetesClient, _ type: T.Type, _ name: String, namespace: String?, until isWanted: (T?) -> Bool
    ) async throws {
        while true {
            // From the version of a list on, nothing that happens is missed.
            let list = try await client.list(type, namespace: namespace, fieldSelector: "metadata.name=\(name)")
            if isWanted(list.items.first) { return }
            let isDone = try await client.withWatch(
                type, namespace: namespace, name: name, resourceVersion: list.resourceVersion, timeoutSeconds: 60
            ) { events in
                for try await event in events {
                    switch event {
                    case .added(let object), .modified(let object): if isWanted(object) { return true }
                    case .deleted: if isWanted(nil) { return true }
                    case .bookmark, .undecodable, .error: break
                    }
                }
                return false
            }
            if isDone { return }
        }
    }
}

extension JSONValue {
    static func configMap(_ name: String, _ namespace: String, _ data: [String: String], labels: [String: String] = [:]) -> JSONValue {
        [
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": [
                "name": .string(name), "namespace": .string(namespace), "labels": .object(labels.mapValues(JSONValue.string)),
            ],
            "data": .object(data.mapValues(JSONValue.string)),
        ]
    }
}
