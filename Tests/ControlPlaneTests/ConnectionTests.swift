import Foundation
import KubernetesClient
import KubernetesModel
import Testing

@Suite(.enabled(if: ControlPlane.isWanted), .timeLimit(.minutes(10))) struct ConnectionTests {
    private func complaint(_ change: (inout ClusterConfiguration) throws -> Void) async throws -> KubernetesError {
        var configuration = try ControlPlane.configuration()
        try change(&configuration)
        return try await ControlPlane.withClient(configuration) { client in
            try #require(await #expect(throws: KubernetesError.self) { try await client.serverVersion() })
        }
    }

    @Test func theServerHasAVersion() async throws {
        try await ControlPlane.withClient { client in
            let version = try await client.serverVersion()
            #expect(version.hasPrefix("v1."))
        }
    }

    @Test func nobodyThere() async throws {
        let error = try await complaint { $0.server = "https://127.0.0.1:1" }
        #expect(error.code == .unreachable)
        #expect(error.message.contains("connection refused. Check that the cluster is up"))
        let nowhere = try await complaint { $0.server = "https://no-such-host.invalid:6443" }
        #expect(nowhere.code == .unreachable)
        #expect(nowhere.message.contains("no-such-host.invalid"))
    }

    @Test func aStrangersCertificate() async throws {
        let error = try await complaint { $0.certificateAuthority = nil }
        #expect(error.code == .unreachable)
        #expect(error.message.contains("its certificate is not signed by the certificate authority"))
    }

    @Test func anotherNameInTheCertificate() async throws {
        var configuration = try ControlPlane.configuration()
        configuration.tlsServerName = "kubernetes"
        try await ControlPlane.withClient(configuration) { _ = try await $0.serverVersion() }
    }

    @Test func anyCertificateWhenAskedTo() async throws {
        var configuration = try ControlPlane.configuration()
        configuration.certificateAuthority = nil
        configuration.skipsTLSVerification = true
        try await ControlPlane.withClient(configuration) { _ = try await $0.serverVersion() }
    }

    /// Refusals of the API server itself; what services answer is part of the end-to-end tests.
    @Test func theServiceProxyWithoutAService() async throws {
        try await ControlPlane.withNamespace { client, namespace in
            func request(_ service: String) -> APIRequest {
                .serviceProxy(method: "GET", namespace: namespace, service: service, path: "/")
            }
            let missing = await #expect(throws: KubernetesError.self) { try await client.proxy(request("https:no:api")) }
            #expect(missing?.isNotFound == true)
            _ = try await client.create([
                "apiVersion": "v1", "kind": "Service", "metadata": ["name": "empty", "namespace": .string(namespace)],
                "spec": ["selector": ["app": "none"], "ports": [["name": "api", "port": 8443]]],
            ])
            // Until its controller, which may just have started, has made them, the answer is that there are none at all.
            try await ControlPlane.wait(client, Endpoints.self, "empty", namespace: namespace) { $0 != nil }
            let empty = await #expect(throws: KubernetesError.self) { try await client.proxy(request("https:empty:api")) }
            #expect(empty?.status?.isServiceUnavailable == true)
            #expect(empty?.message.contains("no endpoints available") == true)
        }
    }
}
