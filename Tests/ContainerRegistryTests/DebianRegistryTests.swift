import DebianRegistry
import Foundation
import ScriptedServer
import Testing

@testable import ContainerRegistry

private let environment = ProcessInfo.processInfo.environment

/// What the operator does with a registry, on Debian's, with each way to sign in. Without the program these tests fail, unless they
/// are switched off by name.
@Suite(.serialized, .enabled(if: environment["SEAWAY_SKIP_CLUSTER_TESTS"] != "1", "switched off by SEAWAY_SKIP_CLUSTER_TESTS"))
struct DebianRegistryTests {
    private static let login = (DebianRegistry.login.user, DebianRegistry.login.password)

    /// Starts a registry with an image, and hands over its address and the image's digest.
    private func withRegistry(
        _ access: DebianRegistry.Access = .open, tls: TestCertificate? = nil, authorization: String? = nil,
        _ body: (String, String) async throws -> Void
    ) async throws {
        try await DebianRegistry.with(access, tls: tls) { registry in
            let digest = try push(to: registry, tls, authorization.map { ["--header", "Authorization: \($0)"] } ?? [])
            try await body("localhost:\(registry.port)", digest)
        }
    }

    /// An image of one empty configuration, by another client than ours.
    private func push(to registry: DebianRegistry, _ tls: TestCertificate?, _ authorization: [String]) throws -> String {
        let config = try registry.put(blob: Data("{}".utf8), into: "team/app", tls, signed: authorization)
        let manifest = Data(
            """
            {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": [],
             "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "\(config)", "size": 2}}
            """.utf8)
        for tag in ["one", "two"] { try registry.put(manifest: manifest, into: "team/app", tag: tag, tls, signed: authorization) }
        return DebianRegistry.digest(manifest)
    }

    /// What the operator does with a registry.
    private func checkUse(_ client: RegistryClient, _ digest: String) async throws {
        #expect(try await client.digest(repository: "team/app", tag: "one") == digest)
        #expect(try await client.contains(repository: "team/app", tag: "three") == false)
        #expect(try await client.contains(repository: "team/other", tag: "one") == false)
        #expect(try await client.tags(repository: "team/app").sorted() == ["one", "two"])
        try await client.removeAll(repository: "team/app")
        #expect(try await client.contains(repository: "team/app", tag: "one") == false)
        #expect(try await client.contains(repository: "team/app", tag: "two") == false)
    }

    private func refusal(_ body: () async throws -> Void) async -> String {
        do {
            try await body()
            return ""
        } catch {
            return "\(error)"
        }
    }

    @Test func openOverPlainHTTP() async throws {
        try await withRegistry { (address: String, digest: String) async throws in
            try await withRegistryClient(address, insecure: false) { (client: RegistryClient) async throws in
                let message = await refusal { _ = try await client.tags(repository: "team/app") }
                #expect(message.contains("does not speak TLS"))
            }
            try await withRegistryClient(address) { try await checkUse($0, digest) }
        }
    }

    @Test func passwordsOverTLSOfAnOwnAuthority() async throws {
        let certificate = try TestCertificate()
        defer { certificate.remove() }
        try await withRegistry(.passwords, tls: certificate, authorization: DebianRegistry.basicAuthorization) {
            (address: String, digest: String) async throws in
            try await withRegistryClient(address, insecure: false, login: Self.login) { (client: RegistryClient) async throws in
                let message = await refusal { _ = try await client.tags(repository: "team/app") }
                #expect(message.contains("not trusted"))
            }
            try await withRegistryClient(address, insecure: false, authority: certificate.chain) { (client: RegistryClient) async throws in
                let message = await refusal { _ = try await client.tags(repository: "team/app") }
                #expect(message.contains("it wants credentials"))
            }
            try await withRegistryClient(address, insecure: false, login: (Self.login.0, "wrong-hidden"), authority: certificate.chain) {
                (client: RegistryClient) async throws in
                let message = await refusal { _ = try await client.tags(repository: "team/app") }
                #expect(message.contains("does not take the credentials") && !message.contains("hidden"))
            }
            try await withRegistryClient(address, insecure: false, login: Self.login, authority: certificate.chain) {
                try await checkUse($0, digest)
            }
        }
    }

    @Test func tokens() async throws {
        let certificate = try TestCertificate()
        defer { certificate.remove() }
        let issuer = try await TokenServer(certificate: certificate)
        let signed = "Bearer \(issuer.token("repository:team/app:pull,push"))"
        try await withRegistry(.tokens(issuer), authorization: signed) { (address: String, digest: String) async throws in
            try await withRegistryClient(address, login: Self.login, authority: certificate.chain) { try await checkUse($0, digest) }
            try await withRegistryClient(address, authority: certificate.chain) { (client: RegistryClient) async throws in
                let message = await refusal { _ = try await client.tags(repository: "team/app") }
                #expect(message.contains("it wants credentials"))
            }
        }
        #expect(issuer.asked.contains { $0.contains("delete") })
        try await issuer.shutdown()
    }
}
