import AsyncHTTPClient
import Crypto
import Foundation
import NIOHTTP1
import ScriptedServer
import Testing

@testable import ContainerRegistry

private let environment = ProcessInfo.processInfo.environment

/// Debian's `docker-registry` as a process of its own, with each way to sign in. Without the program these tests fail, unless
/// they are switched off by name.
@Suite(.serialized, .enabled(if: environment["SEAWAY_SKIP_CLUSTER_TESTS"] != "1", "switched off by SEAWAY_SKIP_CLUSTER_TESTS"))
struct DebianRegistryTests {
    private static let user = ("developer", "hidden-password")
    /// That user, as `htpasswd -B` writes it.
    private static let passwords = "developer:$2b$04$XXn4cGuZru6.5fpaKHs3BeIO4461Qcwt9wNoiC.2mOrH9QnNOQMMS"

    /// Starts the registry, puts an image into it, and ends it.
    private func withRegistry(
        settings: String = "", tls: TestCertificate? = nil, authorization: String? = nil, _ body: (String, String) async throws -> Void
    ) async throws {
        let program = try #require(
            environment["SEAWAY_DOCKER_REGISTRY"],
            "SEAWAY_DOCKER_REGISTRY is not set: run 'eval $(scripts/cluster env)', or set SEAWAY_SKIP_CLUSTER_TESTS=1")
        let directory = NSTemporaryDirectory() + "seaway-registry-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try Self.passwords.write(toFile: "\(directory)/htpasswd", atomically: true, encoding: .utf8)
        let port = try await freePort()
        let encryption = tls.map { "\n  tls: {certificate: \($0.chain), key: \($0.key)}" } ?? ""
        try """
        version: 0.1
        log: {level: error, accesslog: {disabled: true}}
        storage: {filesystem: {rootdirectory: \(directory)/data}, delete: {enabled: true}}
        http:
          addr: 127.0.0.1:\(port)
          secret: of-this-test\(encryption)
        \(settings.replacing("@directory@", with: directory))
        """.write(toFile: "\(directory)/config.yml", atomically: true, encoding: .utf8)

        try await withServer([program, "serve", "\(directory)/config.yml"], log: "\(directory)/log") {
            let base = "\(tls == nil ? "http" : "https")://localhost:\(port)/v2/"
            let curl = ["curl", "--noproxy", "*", "--silent", "--show-error"] + (tls.map { ["--cacert", $0.chain] } ?? [])
            // Any answer will do.
            try Self.curl(
                curl + ["--retry", "50", "--retry-connrefused", "--retry-delay", "0", "--retry-max-time", "20", "--output", "/dev/null", base])
            let signed = curl + ["--fail"] + (authorization.map { ["--header", "Authorization: \($0)"] } ?? [])
            let digest = try Self.push(signed, base, directory)
            try await body("localhost:\(port)", digest)
        }
    }

    @discardableResult
    private static func curl(_ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "curl ended with \(process.terminationStatus)")
        return String(decoding: data, as: UTF8.self)
    }

    /// An image of one empty configuration, by another client than ours.
    private static func push(_ curl: [String], _ base: String, _ directory: String) throws -> String {
        func digest(_ text: String) -> String { "sha256:" + SHA256.hash(data: Data(text.utf8)).map { String(format: "%02x", $0) }.joined() }
        let headers = try self.curl(curl + ["--request", "POST", "--dump-header", "-", "--output", "/dev/null", base + "team/app/blobs/uploads/"])
        let location = try #require(headers.split(whereSeparator: \.isNewline).first { $0.lowercased().hasPrefix("location:") })
        let place = location.dropFirst("location:".count).trimmingCharacters(in: .whitespaces)
        try self.curl(
            curl + [
                "--request", "PUT", "--header", "Content-Type: application/octet-stream", "--data-binary", "{}",
                place + (place.contains("?") ? "&" : "?") + "digest=\(digest("{}"))",
            ])
        let type = "application/vnd.oci.image.manifest.v1+json"
        let manifest = """
            {"schemaVersion": 2, "mediaType": "\(type)", "layers": [],
             "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "\(digest("{}"))", "size": 2}}
            """
        for tag in ["one", "two"] {
            try self.curl(
                curl + ["--request", "PUT", "--header", "Content-Type: \(type)", "--data-binary", manifest, base + "team/app/manifests/\(tag)"])
        }
        return digest(manifest)
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
        let basic = "Basic \(Data("\(Self.user.0):\(Self.user.1)".utf8).base64EncodedString())"
        try await withRegistry(
            settings: "auth: {htpasswd: {realm: tests, path: @directory@/htpasswd}}", tls: certificate, authorization: basic
        ) { (address: String, digest: String) async throws in
            try await withRegistryClient(address, insecure: false, login: Self.user) { (client: RegistryClient) async throws in
                let message = await refusal { _ = try await client.tags(repository: "team/app") }
                #expect(message.contains("not trusted"))
            }
            try await withRegistryClient(address, insecure: false, authority: certificate.chain) { (client: RegistryClient) async throws in
                let message = await refusal { _ = try await client.tags(repository: "team/app") }
                #expect(message.contains("it wants credentials"))
            }
            try await withRegistryClient(address, insecure: false, login: (Self.user.0, "wrong-hidden"), authority: certificate.chain) {
                (client: RegistryClient) async throws in
                let message = await refusal { _ = try await client.tags(repository: "team/app") }
                #expect(message.contains("does not take the credentials") && !message.contains("hidden"))
            }
            try await withRegistryClient(address, insecure: false, login: Self.user, authority: certificate.chain) { try await checkUse($0, digest) }
        }
    }

    /// A token server that signs what the registry checks.
    @Test func tokens() async throws {
        let certificate = try TestCertificate()
        defer { certificate.remove() }
        let key = try P256.Signing.PrivateKey(pemRepresentation: String(contentsOfFile: certificate.key, encoding: .utf8))
        let chain = try String(contentsOfFile: certificate.chain, encoding: .utf8)
            .split(separator: "\n").filter { !$0.hasPrefix("-----") }.joined()
        @Sendable func token(_ scope: String) -> String {
            let parts = scope.split(separator: ":").map(String.init)
            let access =
                parts.count < 3
                ? [] : [["type": parts[0], "name": parts[1], "actions": parts[2].split(separator: ",").map(String.init)] as [String: Any]]
            let now = Int(Date().timeIntervalSince1970)
            let header: [String: Any] = ["typ": "JWT", "alg": "ES256", "x5c": [chain]]
            let claims: [String: Any] = [
                "iss": "tests", "sub": "developer", "aud": "the-registry", "exp": now + 300, "nbf": now - 10, "iat": now, "jti": "1",
                "access": access,
            ]
            func encoded(_ data: Data) -> String {
                data.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
            }
            let text = [header, claims].map { encoded((try? JSONSerialization.data(withJSONObject: $0)) ?? Data()) }.joined(separator: ".")
            let signature = try? key.signature(for: Data(text.utf8))
            return "\(text).\(encoded(signature?.rawRepresentation ?? Data()))"
        }
        let issuer = try await ScriptedServer { request, _ in
            let basic = "Basic \(Data("\(Self.user.0):\(Self.user.1)".utf8).base64EncodedString())"
            guard request.headers["Authorization"] == [basic] else { return .init(401) }
            let scope = URLComponents(string: request.target)?.queryItems?.first { $0.name == "scope" }?.value ?? ""
            return .init(200, [], #"{"token": "\#(token(scope))"}"#)
        }
        let settings = """
            auth:
              token: {realm: "http://127.0.0.1:\(issuer.port)/token", service: the-registry, issuer: tests, rootcertbundle: \(certificate.chain)}
            """
        try await withRegistry(settings: settings, authorization: "Bearer \(token("repository:team/app:pull,push"))") {
            (address: String, digest: String) async throws in
            try await withRegistryClient(address, login: Self.user) { try await checkUse($0, digest) }
            try await withRegistryClient(address) { (client: RegistryClient) async throws in
                let message = await refusal { _ = try await client.tags(repository: "team/app") }
                #expect(message.contains("it wants credentials"))
            }
        }
        #expect(issuer.requests.contains { $0.target.contains("delete") })
        try await issuer.shutdown()
    }
}
