import AsyncHTTPClient
import Foundation
import InstallManifests
import KubernetesClient
import KubernetesModel
import NIOCore
import NIOHTTP1
import SeawayAPI
import Subprocess
import SystemPackage
import Testing

/// An API server and a controller manager of one test's own with an empty cluster behind them: they use the etcd of the other tests,
/// under a prefix of their own. An operator there sees, changes and is disturbed by nothing of anybody else.
struct PrivateControlPlane: Sendable {
    /// As the cluster's administrator.
    let configuration: ClusterConfiguration
    /// For files of the test; removed afterwards.
    let directory: String

    /// Whether there can be one: the other tests' control plane has to be processes of this machine.
    static var isPossible: Bool { APIServerProcess.isPossible }

    /// Does something with a control plane on which Seaway is installed but for its Deployments, then ends it and removes its data.
    static func with(_ body: @escaping @Sendable (PrivateControlPlane, KubernetesClient) async throws -> Void) async throws {
        let shared = try ControlPlane.configuration()
        let prefix = "/seaway-test-\(UUID().uuidString.prefix(8).lowercased())"
        let directory = NSTemporaryDirectory() + prefix.dropFirst()
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }

        var server = try await APIServerProcess.beside(shared)
        server.arguments.append("--etcd-prefix=\(prefix)")
        var configuration = shared
        configuration.server = "https://127.0.0.1:\(server.port)"
        let plane = PrivateControlPlane(configuration: configuration, directory: directory)
        let result: Result<Void, any Error>
        do {
            try await ControlPlane.withClient(configuration) { client in
                try await server.run(client) {
                    try await plane.withControllerManager(beside: shared) {
                        try await plane.install(client)
                        try await body(plane, client)
                    }
                }
            }
            result = .success(())
        } catch {
            result = .failure(error)
        }
        try await server.removeData(under: prefix)
        try result.get()
    }

    private func withControllerManager(beside shared: ClusterConfiguration, _ body: () async throws -> Void) async throws {
        let words = try #require(
            APIServerProcess.words { words in
                guard words[0].hasSuffix("kube-controller-manager"),
                    let file = words.first(where: { $0.hasPrefix("--kubeconfig=") })?.dropFirst("--kubeconfig=".count)
                else { return false }
                return (try? String(contentsOfFile: String(file), encoding: .utf8).contains(shared.server)) ?? false
            }, "the controller manager is no process of this machine")
        var arguments = words.dropFirst().filter { !$0.hasPrefix("--secure-port=") } + ["--secure-port=0"]
        for (place, argument) in arguments.enumerated() where argument.hasPrefix("--kubeconfig=") {
            let text = try String(contentsOfFile: String(argument.dropFirst("--kubeconfig=".count)), encoding: .utf8)
            let file = "\(directory)/controller-manager.kubeconfig"
            try text.replacing(shared.server, with: configuration.server).write(toFile: file, atomically: true, encoding: .utf8)
            arguments[place] = "--kubeconfig=\(file)"
        }
        let ended = try await Subprocess.run(
            .path(FilePath(words[0])), arguments: Arguments(arguments), input: .none, output: .discarded, error: .discarded
        ) { execution in
            let result: Result<Void, any Error>
            do { result = .success(try await body()) } catch { result = .failure(error) }
            try execution.send(signal: .kill)
            return result
        }
        try ended.closureResult.get()
    }

    private func install(_ client: KubernetesClient) async throws {
        try await ControlPlane.installEnvironments(client, try #require(try InstallManifests.customResourceDefinition()))
        for object in try InstallManifests.objects() where object["kind"] != "Deployment" && object["kind"] != "PersistentVolumeClaim" {
            _ = try await client.apply(object, fieldManager: "seactl", force: true)
        }
    }

    /// A kubeconfig of the operator's ServiceAccount.
    /// - Parameter server: what stands between, in plain HTTP.
    func operatorKubeconfig(_ client: KubernetesClient, server: String) async throws -> (file: String, token: String) {
        let account = JSONValue.object([
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": ["expirationSeconds": 7200],
        ])
        let request = APIRequest(
            method: "POST", path: "/api/v1/namespaces/\(Names.systemNamespace)/serviceaccounts/seaway/token",
            headers: [QueryItem("Content-Type", "application/json")], body: account.encoded())
        let token = try #require(try await client.send(request, as: JSONValue.self)["status"]?["token"]?.stringValue)
        let config: JSONValue = [
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [["name": "test", "cluster": ["server": .string(server)]]],
            "users": [["name": "operator", "user": ["token": .string(token)]]],
            "contexts": [["name": "test", "context": ["cluster": "test", "user": "operator"]]],
        ]
        let file = "\(directory)/operator-\(UUID().uuidString).kubeconfig"
        try config.encoded().write(to: URL(filePath: file))
        return (file, token)
    }
}

extension APIServerProcess {
    /// Removes what this server kept in etcd, by etcd's own interface for HTTP.
    fileprivate func removeData(under prefix: String) async throws {
        let etcd = try #require(arguments.first { $0.hasPrefix("--etcd-servers=") }?.dropFirst("--etcd-servers=".count).split(separator: ",").first)
        func encoded(_ text: String) -> JSONValue { .string(Data(text.utf8).base64EncodedString()) }
        var request = HTTPClientRequest(url: "\(etcd)/v3/kv/deleterange")
        request.method = .POST
        // From "/prefix/" up to what follows all that begin with it: '0' is the character after '/'.
        let range: JSONValue = ["key": encoded("\(prefix)/"), "range_end": encoded("\(prefix)0")]
        request.body = .bytes(ByteBuffer(bytes: range.encoded()))
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        #expect(response.status == .ok)
    }
}
