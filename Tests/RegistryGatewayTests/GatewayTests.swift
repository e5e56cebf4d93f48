import AsyncHTTPClient
import ContainerRegistry
import DebianRegistry
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import RegistryGateway
import ScriptedServer
import Synchronization
import Testing

private let environment = ProcessInfo.processInfo.environment

/// Images go from a builder without any login through both sides of the gateway into Debian's registry.
@Suite(.serialized, .enabled(if: environment["SEAWAY_SKIP_CLUSTER_TESTS"] != "1", "switched off by SEAWAY_SKIP_CLUSTER_TESTS"))
struct GatewayTests {
    private static func credentials(_ address: String, password: String = DebianRegistry.login.password) throws -> RegistryCredentials {
        let text = #"{"auths": {"\#(address)": {"username": "\#(DebianRegistry.login.user)", "password": "\#(password)"}}}"#
        return try RegistryCredentials(configuration: Array(text.utf8))
    }

    /// Pushes an image of one layer as builders do: one blob in pieces, one whole.
    /// - Returns: the manifest's digest.
    private func push(_ passage: Passage, to repository: String, layer: Data) async throws -> String {
        let base = "/v2/\(repository)"
        #expect(try await passage.send(.GET, "/v2/").status == 200)

        #expect(try await passage.send(.HEAD, "\(base)/blobs/\(DebianRegistry.digest(layer))").status == 404)
        var answer = try await passage.send(.POST, "\(base)/blobs/uploads/", .bytes(ByteBuffer()))
        try #require(answer.status == 202, "\(answer)")
        for piece in [layer.prefix(layer.count / 3), layer.dropFirst(layer.count / 3)] {
            let location = try #require(answer.headers.first(name: "Location"))
            #expect(location.hasPrefix("\(base)/blobs/uploads/"), "builders come back through the gateway")
            answer = try await passage.send(.PATCH, location, .bytes(ByteBuffer(bytes: piece)), type: "application/octet-stream")
            try #require(answer.status == 202, "\(answer)")
        }
        let last = try #require(answer.headers.first(name: "Location"))
        answer = try await passage.send(.PUT, "\(last)?digest=\(DebianRegistry.digest(layer).replacing(":", with: "%3A"))", .bytes(ByteBuffer()))
        try #require(answer.status == 201, "\(answer)")
        #expect(answer.headers.first(name: "Docker-Content-Digest") == DebianRegistry.digest(layer))
        let head = try await passage.send(.HEAD, "\(base)/blobs/\(DebianRegistry.digest(layer))")
        #expect(head.status == 200 && head.headers.first(name: "Content-Length") == "\(layer.count)")

        let config = Data("{}".utf8)
        answer = try await passage.send(.POST, "\(base)/blobs/uploads/")
        let place = try #require(answer.headers.first(name: "Location"))
        answer = try await passage.send(
            .PUT, "\(place)?digest=\(DebianRegistry.digest(config))",
            .stream(
                AsyncStream { pieces in
                    pieces.yield(ByteBuffer(bytes: config))
                    pieces.finish()
                }, length: .unknown),
            type: "application/octet-stream")
        try #require(answer.status == 201, "\(answer)")

        let manifest = Passage.manifest(config: config, layer: layer)
        answer = try await passage.send(.PUT, "\(base)/manifests/v1", .bytes(ByteBuffer(bytes: manifest)), type: Passage.manifestType)
        try #require(answer.status == 201, "\(answer)")
        let read = try await passage.send(.GET, "\(base)/manifests/v1")
        #expect(read.status == 200 && read.body == manifest)
        #expect(try await passage.send(.GET, "\(base)/blobs/\(DebianRegistry.digest(layer))").body == layer)
        return DebianRegistry.digest(manifest)
    }

    private static func layer(megabytes: Int) -> Data {
        var generator = SystemRandomNumberGenerator()
        return Data((0..<megabytes << 17).map { _ in generator.next() as UInt64 }.withUnsafeBytes { Array($0) })
    }

    @Test func `passwords, and TLS of an own authority`() async throws {
        let certificate = try TestCertificate()
        defer { certificate.remove() }
        try await DebianRegistry.with(.passwords, tls: certificate) { registry in
            let address = "localhost:\(registry.port)"
            try await Passage.with(registry: address, authority: certificate.chain, credentials: try Self.credentials(address)) { passage in
                let layer = Self.layer(megabytes: 24)
                let digest = try await push(passage, to: "shop/web", layer: layer)
                _ = try await push(passage, to: "shop/web/cache", layer: Self.layer(megabytes: 1))
                // By another client, with the login: it is there.
                let headers = try registry.curl(
                    [
                        "--fail", "--head", "--user", "\(DebianRegistry.login.user):\(DebianRegistry.login.password)", "--header",
                        "Accept: \(Passage.manifestType)",
                    ],
                    certificate, "shop/web/manifests/v1")
                #expect(headers.contains(digest))
            }
        }
    }

    @Test func tokens() async throws {
        let certificate = try TestCertificate()
        defer { certificate.remove() }
        let tokens = try await TokenServer(certificate: certificate)
        try await DebianRegistry.with(.tokens(tokens), tls: certificate) { registry in
            let address = "localhost:\(registry.port)"
            try await Passage.with(
                registry: address, authority: certificate.chain, credentials: try Self.credentials(address), readable: ["base"]
            ) { passage in
                _ = try await push(passage, to: "shop/web", layer: Self.layer(megabytes: 2))
                // Nobody asks for a right that the request does not need.
                #expect(tokens.asked.allSatisfy { $0.contains("scope=repository%3Ashop%2Fweb%3Apull") })
                #expect(tokens.asked.contains { $0.hasSuffix("pull%2Cpush") } && tokens.asked.count < 5, "\(tokens.asked)")
            }
        }
        try await tokens.shutdown()
    }

    @Test func `base images are read and mounted where that is allowed, and foreign repositories are closed`() async throws {
        let certificate = try TestCertificate()
        defer { certificate.remove() }
        try await DebianRegistry.with(.passwords, tls: certificate) { registry in
            let address = "localhost:\(registry.port)"
            let (config, layer) = (Data("{}".utf8), Data("a layer of the base image".utf8))
            let login = ["--user", "\(DebianRegistry.login.user):\(DebianRegistry.login.password)"]
            for repository in ["base/debian", "other/web"] {
                for blob in [config, layer] { try registry.put(blob: blob, into: repository, certificate, signed: login) }
                try registry.put(
                    manifest: Passage.manifest(config: config, layer: layer), into: repository, tag: "12", certificate, signed: login)
            }
            try await Passage.with(
                registry: address, authority: certificate.chain, credentials: try Self.credentials(address), readable: ["base/"]
            ) { passage in
                #expect(try await passage.send(.GET, "/v2/base/debian/manifests/12").status == 200)
                #expect(try await passage.send(.GET, "/v2/base/debian/blobs/\(DebianRegistry.digest(layer))").body == layer)
                var mounted = try await passage.send(
                    .POST, "/v2/shop/web/blobs/uploads/?mount=\(DebianRegistry.digest(layer))&from=base%2Fdebian", .bytes(ByteBuffer()))
                #expect(mounted.status == 201, "\(mounted)")
                #expect(try await passage.send(.HEAD, "/v2/shop/web/blobs/\(DebianRegistry.digest(layer))").status == 200)

                // Of what it may not read, the build can bring in nothing: the upload begins as any other.
                mounted = try await passage.send(.POST, "/v2/shop/web/blobs/uploads/?from=other/web&mount=\(DebianRegistry.digest(config))")
                #expect(mounted.status == 202, "\(mounted)")
                #expect(try await passage.send(.HEAD, "/v2/shop/web/blobs/\(DebianRegistry.digest(config))").status == 404)

                let denied = try await passage.send(.GET, "/v2/other/web/manifests/12")
                #expect(denied.status == 403 && denied.text.contains("DENIED") && denied.text.contains("--registry-readable"), "\(denied)")
                for path in ["/v2/base/debian/blobs/uploads/", "/v2/other/web/blobs/uploads/", "/v2/shop/api/blobs/uploads/"] {
                    #expect(try await passage.send(.POST, path).status == 403)
                }
                #expect(try await passage.send(.PUT, "/v2/other/web/manifests/12", .bytes(ByteBuffer(string: "{}"))).status == 403)
                #expect(try await passage.send(.GET, "/v2/_catalog").status == 404)
                #expect(try await passage.send(.DELETE, "/v2/shop/web/manifests/v1").status == 405)
                #expect(try await passage.send(.GET, "/healthz").status == 404)
                // A place that the registry never gave.
                let made = Data(repeating: 65, count: 32) + Data("http://127.0.0.1:1/".utf8)
                let forged = "/v2/shop/web/blobs/uploads/\(made.base64EncodedString().replacing("=", with: ""))"
                #expect(try await passage.send(.PATCH, forged, .bytes(ByteBuffer(string: "x"))).status == 404)
            }
        }
    }

    @Test func `another namespace's token opens nothing, and none opens nothing`() async throws {
        try await DebianRegistry.with { registry in
            try await Passage.with(registry: "localhost:\(registry.port)", insecure: true, token: Passage.otherToken) { passage in
                // As a build pod of `other` that says it is one of `shop`.
                let answer = try await passage.send(.POST, "/v2/shop/web/blobs/uploads/")
                #expect(answer.status == 403 && answer.text.contains("another namespace"), "\(answer)")
                let direct = "\(passage.endpoint)/v1/namespaces/shop/environments/web/registry/v2"
                #expect(try await passage.send(.PUT, "\(direct)/shop/web/manifests/v1", .bytes(ByteBuffer(string: "{}"))).status == 401)
                #expect(try await passage.send(.GET, "\(direct)/", token: "forged").status == 401)
                // Its own namespace's token, in its own path, for a repository that is not its own.
                let own = "\(passage.endpoint)/v1/namespaces/other/environments/web/registry/v2"
                #expect(try await passage.send(.POST, "\(own)/shop/web/blobs/uploads/", token: Passage.otherToken).status == 403)
                #expect(try await passage.send(.POST, "\(own)/other/web/blobs/uploads/", token: Passage.otherToken).status == 202)
                #expect(try await passage.send(.GET, "\(passage.endpoint)/v1/namespaces/shop/environments/web/builds/pod").status == 401)
            }
        }
    }

    @Test func `a registry that refuses the login is told in its words, and a renewed login is taken`() async throws {
        let certificate = try TestCertificate()
        defer { certificate.remove() }
        try await DebianRegistry.with(.passwords, tls: certificate) { registry in
            let address = "localhost:\(registry.port)"
            let password = Password()
            try await Passage.with(
                registry: address, authority: certificate.chain,
                credentials: try Self.credentials(address, password: password.current.withLock { $0 })
            ) { passage in
                for _ in 0..<2 {
                    let refused = try await passage.send(.POST, "/v2/shop/web/blobs/uploads/", .bytes(ByteBuffer(string: "x")))
                    #expect(refused.status == 403 && refused.text.contains("does not take the credentials"), "\(refused)")
                    #expect(refused.headers["WWW-Authenticate"].isEmpty && !refused.text.contains("wrong-hidden"))
                }
                password.current.withLock { $0 = DebianRegistry.login.password }
                #expect(try await passage.send(.GET, "/v2/shop/web/tags/list").status == 404)
                #expect(try await passage.send(.POST, "/v2/shop/web/blobs/uploads/", .bytes(ByteBuffer(string: "x"))).status == 202)
            }
        }
    }

    private final class Password: Sendable { let current = Mutex("wrong-hidden") }

    @Test func `a registry that is away, or trusted by nobody, is told`() async throws {
        try await Passage.with(registry: "127.0.0.1:9", insecure: true) { passage in
            let answer = try await passage.send(.GET, "/v2/shop/web/manifests/v1")
            #expect(answer.status == 502 && answer.text.contains("nothing answers there"), "\(answer)")
        }
        let certificate = try TestCertificate()
        defer { certificate.remove() }
        try await DebianRegistry.with(tls: certificate) { registry in
            try await Passage.with(registry: "localhost:\(registry.port)") { passage in
                let answer = try await passage.send(.POST, "/v2/shop/web/blobs/uploads/", .bytes(ByteBuffer(string: "x")))
                #expect(answer.status == 502 && answer.text.contains("not trusted"), "\(answer)")
            }
        }
    }

    /// Calls a function with each record.
    private struct Heard: LogHandler {
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace
        var hear: @Sendable (String) -> Void
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }
        func log(event: LogEvent) { hear("\(event.message)") }
    }

    @Test func `an operator that starts anew is waited for`() async throws {
        let (failures, failure) = AsyncStream<Void>.makeStream()
        let (ports, port) = AsyncStream<Int>.makeStream()
        let operatorPort = try await freePort()
        let client = HTTPClient()
        let gateway = BuildGateway(
            build: .init(namespace: "shop", environment: "web", pod: "pod"), endpoint: "http://127.0.0.1:\(operatorPort)", port: 0,
            token: { "token" }, http: client,
            logger: Logger(label: "test") { _ in Heard { if $0.contains("asking again") { failure.yield() } } }, onListening: { port.yield($0) })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await gateway.run() }
            var numbers = ports.makeAsyncIterator()
            let local = try #require(await numbers.next())
            async let answer = client.execute(
                HTTPClientRequest(url: "http://127.0.0.1:\(local)/v2/shop/web/manifests/v1"), timeout: .seconds(60))
            // Nobody listens there yet.
            for await _ in failures { break }
            let server = try await ScriptedServer(port: operatorPort) { request, _ in
                request.target.contains("/registry/v2/") ? .init(200, [], "here it is") : .init(200, [], #"{"isOver": false}"#)
            }
            #expect(try await String(buffer: answer.body.collect(upTo: 1 << 16)) == "here it is")
            try await server.shutdown()
            group.cancelAll()
        }
        try await client.shutdown()
    }

    /// What Debian's registry does not do: it sends uploads elsewhere, answers before it has read a body, and cuts connections.
    @Test func `uploads are followed elsewhere without the login, and what breaks off breaks nothing else`() async throws {
        let storage = try await ScriptedServer { _, _ in .init(201, [("Docker-Content-Digest", "sha256:1")]) }
        let server = try await ScriptedServer { request, _ in
            guard request.headers.first(name: "Authorization") != nil else { return .init(401, [("WWW-Authenticate", "Basic realm=x")]) }
            if request.method == "POST" { return .init(202, [("Location", "http://127.0.0.1:\(storage.port)/part?signature=s")]) }
            if request.target.hasSuffix("cut") { return .init(200, [], String(repeating: "x", count: 1000), cut: true) }
            return .init(200, [("Authorization", "x"), ("Set-Cookie", "a=b")], "{}")
        }
        let address = "127.0.0.1:\(server.port)"
        try await Passage.with(registry: address, insecure: true, credentials: try Self.credentials(address)) { passage in
            let begun = try await passage.send(.POST, "/v2/shop/web/blobs/uploads/", .bytes(ByteBuffer(string: "x")))
            let location = try #require(begun.headers.first(name: "Location"))
            #expect(location.hasPrefix("/v2/shop/web/") && !location.contains("signature"))
            let ended = try await passage.send(.PUT, "\(location)?digest=sha256:1", .bytes(ByteBuffer(string: "x")))
            #expect(ended.status == 201)
            #expect(storage.requests.map(\.target) == ["/part?signature=s&digest=sha256:1"])
            #expect(storage.requests.allSatisfy { $0.headers["Authorization"].isEmpty && $0.headers["X-Seaway-Token"].isEmpty })
            #expect(server.requests.allSatisfy { $0.headers["X-Seaway-Token"].isEmpty })

            await #expect(throws: (any Error).self) { try await passage.send(.GET, "/v2/shop/web/manifests/cut") }
            let whole = try await passage.send(.GET, "/v2/shop/web/manifests/whole")
            #expect(whole.text == "{}" && whole.headers["Set-Cookie"].isEmpty)
        }
        try await server.shutdown()
        try await storage.shutdown()
    }
}
