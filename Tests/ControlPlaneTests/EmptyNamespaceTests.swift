import Foundation
import InstallManifests
import KubernetesClient
import KubernetesModel
import SeawayAPI
import Testing

@testable import SeawayOperator

/// The namespace of a temporary Environment goes only when Seaway made it and nobody would miss anything in it.
@Suite(.enabled(if: ControlPlane.isWanted), .timeLimit(.minutes(10))) struct EmptyNamespaceTests {
    private static let environment = Environment(
        metadata: ObjectMeta(name: "shop", uid: "0f5c"), spec: EnvironmentSpec(revision: String(repeating: "a", count: 64)))

    /// - Returns: whether the namespace was removed, with `object` in it.
    private func isRemoved(with object: JSONValue?, madeBySeaway: Bool = true) async throws -> Bool {
        try await ControlPlane.withNamespace { client, namespace in
            try await ControlPlane.installEnvironments(client, try #require(try InstallManifests.customResourceDefinition()))
            if madeBySeaway {
                _ = try await client.mergePatch(
                    .namespaces, ["metadata": ["labels": [Names.createdNamespaceLabel: "true"]]], name: namespace, namespace: nil)
            }
            // Kubernetes' own are there before anything is asked.
            try await ControlPlane.wait(client, ServiceAccount.self, "default", namespace: namespace) { $0 != nil }
            try await ControlPlane.wait(client, ConfigMap.self, "kube-root-ca.crt", namespace: namespace) { $0 != nil }
            if var object {
                object["metadata"]?["namespace"] = .string(namespace)
                _ = try await client.create(object)
            }
            try await EmptyNamespace(cluster: client).remove(namespace, leftBy: Self.environment)
            let left = try await client.getIfPresent(Namespace.self, namespace)
            return left == nil || left?.metadata.deletionTimestamp != nil
        }
    }

    private static let own: JSONValue = [
        ["apiVersion": "seaway.ctx.sh/v1beta1", "kind": "Environment", "name": "shop", "uid": "0f5c"]
    ]

    @Test func `an empty one goes, with what Kubernetes and the Environment itself left`() async throws {
        #expect(try await isRemoved(with: nil))
        #expect(
            try await isRemoved(with: [
                "apiVersion": "v1", "kind": "Secret", "metadata": ["name": "db", "ownerReferences": Self.own], "stringData": ["a": "b"],
            ]))
        // Before 1.24 each ServiceAccount has such a Secret.
        #expect(
            try await isRemoved(with: [
                "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
                "metadata": ["name": "token", "annotations": ["kubernetes.io/service-account.name": "default"]],
            ]))
    }

    @Test(
        arguments: [
            ["apiVersion": "v1", "kind": "Secret", "metadata": ["name": "mine"], "stringData": ["a": "b"]],
            ["apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "mine"], "data": ["a": "b"]],
            ["apiVersion": "v1", "kind": "Service", "metadata": ["name": "mine"], "spec": ["ports": [["port": 80]]]],
            [
                "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": ["name": "mine"],
                "spec": ["accessModes": ["ReadWriteOnce"], "resources": ["requests": ["storage": "1Gi"]]],
            ],
        ] as [JSONValue])
    func `one that holds something of somebody's stays`(object: JSONValue) async throws {
        #expect(try await !isRemoved(with: object))
    }

    @Test func `one that Seaway did not make stays`() async throws {
        #expect(try await !isRemoved(with: nil, madeBySeaway: false))
    }
}
