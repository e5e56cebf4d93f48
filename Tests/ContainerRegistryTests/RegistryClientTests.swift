import AsyncHTTPClient
import Foundation
import NIOHTTP1
import ScriptedServer
import Testing

@testable import ContainerRegistry

/// Runs a client that is given back whatever happens.
func withRegistryClient(
    _ address: String, insecure: Bool = true, login: (String, String)? = nil, authority: String? = nil,
    _ body: (RegistryClient) async throws -> Void
) async throws {
    let bytes = try authority.map { Array(try Data(contentsOf: URL(fileURLWithPath: $0))) }
    let http = HTTPClient(configuration: try RegistryClient.httpConfiguration(certificateAuthority: bytes))
    let credentials = try login.map { login in
        let text = #"{"auths": {"\#(address)": {"username": "\#(login.0)", "password": "\#(login.1)"}}}"#
        return try RegistryCredentials(configuration: Array(text.utf8))
    }
    do {
        try await body(RegistryClient(address: address, insecure: insecure, credentials: credentials ?? RegistryCredentials(), http: http))
    } catch {
        try await http.shutdown()
        throw error
    }
    try await http.shutdown()
}

@Suite struct RegistryClientTests {
    private typealias Reply = ScriptedServer.Reply

    /// Tokens end: each is good for two requests.
    @Test func tokensAreKeptAndRenewed() async throws {
        let server = try await ScriptedServer { request, number in
            if request.target.hasPrefix("/token") {
                let signed = request.headers.first(name: "Authorization") == "Basic \(Data("me:hidden".utf8).base64EncodedString())"
                return signed ? Reply(200, [], #"{"token": "t\#(number)"}"#) : Reply(401)
            }
            let host = request.headers.first(name: "Host") ?? ""
            let token = request.headers.first(name: "Authorization")?.dropFirst("Bearer t".count) ?? ""
            guard let given = Int(token), number <= given + 2 else {
                return Reply(401, [("WWW-Authenticate", #"Bearer realm="http://\#(host)/token?a=b",service="the registry""#)])
            }
            return Reply(200, [("Docker-Content-Digest", "sha256:1")])
        }
        try await withRegistryClient("127.0.0.1:\(server.port)", login: ("me", "hidden")) { (client: RegistryClient) async throws in
            for _ in 0..<3 { #expect(try await client.digest(repository: "a/b", tag: "1") == "sha256:1") }
        }
        #expect(
            server.requests.map { $0.target.hasPrefix("/token") ? "token" : $0.method } == [
                "HEAD", "token", "HEAD", "HEAD", "HEAD", "token", "HEAD",
            ])
        #expect(server.requests[1].target == "/token?a=b&service=the%20registry&scope=repository%3Aa%2Fb%3Apull")
        try await server.shutdown()
    }

    @Test func credentialsStayWithTheRegistry() async throws {
        let other = try await ScriptedServer { _, _ in Reply(200, [("Docker-Content-Digest", "sha256:2")]) }
        let server = try await ScriptedServer { request, _ in
            if request.headers.first(name: "Authorization") == nil { return Reply(401, [("WWW-Authenticate", "Basic realm=x")]) }
            if request.target.contains("/here") { return Reply(307, [("Location", "/v2/a/manifests/there")]) }
            return Reply(307, [("Location", "http://127.0.0.1:\(other.port)/elsewhere")])
        }
        try await withRegistryClient("127.0.0.1:\(server.port)", login: ("me", "hidden")) { (client: RegistryClient) async throws in
            #expect(try await client.digest(repository: "a", tag: "here") == "sha256:2")
        }
        #expect(other.requests.map(\.target) == ["/elsewhere"])
        #expect(other.requests.allSatisfy { !$0.headers.contains(name: "Authorization") })
        #expect(server.requests.last?.headers.contains(name: "Authorization") == true)
        for type in ["oci.image.index.v1", "oci.image.manifest.v1", "docker.distribution.manifest.list.v2", "docker.distribution.manifest.v2"] {
            #expect(server.requests.allSatisfy { $0.headers["Accept"].contains("application/vnd.\(type)+json") })
        }
        try await server.shutdown()
        try await other.shutdown()
    }

    @Test(arguments: [(401, "it wants credentials"), (403, "permissions"), (405, "enable deletion"), (500, "500")])
    func refusalsSayWhatToDo(_ status: Int, _ advice: String) async throws {
        let server = try await ScriptedServer { _, _ in Reply(status, [], #"{"errors": [{"code": "DENIED", "message": "x"}]}"#) }
        try await withRegistryClient("127.0.0.1:\(server.port)") { (client: RegistryClient) async throws in
            await #expect {
                try await client.tags(repository: "a/b")
            } throws: {
                guard let error = $0 as? RegistryError else { return false }
                return error.message.contains("127.0.0.1:\(server.port) answered \(status) DENIED to: list the tags of a/b")
                    && error.message.contains(advice)
            }
        }
        try await server.shutdown()
    }

    @Test func registriesThatCannotBeReachedAreNamed() async throws {
        for (address, words) in [("127.0.0.1:9", "nothing answers there"), ("nowhere.invalid:80", "is not known")] {
            try await withRegistryClient(address) { (client: RegistryClient) async throws in
                await #expect {
                    try await client.contains(repository: "a", tag: "1")
                } throws: {
                    ($0 as? RegistryError)?.message.contains(words) == true
                }
            }
        }
    }
}
