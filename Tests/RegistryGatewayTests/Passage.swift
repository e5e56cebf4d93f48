import AsyncHTTPClient
import ContainerRegistry
import DebianRegistry
import Foundation
import Logging
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import NIOSSL
import ObjectStore
import RegistryGateway
import ScriptedServer
import SourceService
import Synchronization

/// The whole way of a build's image: the gateway of a build pod, the operator's server over TLS, and a registry behind it.
struct Passage: Sendable {
    static let token = "token-of-shop"
    static let otherToken = "token-of-other"

    /// The build's registry as its builder sees it.
    let port: Int
    /// The operator's server.
    let endpoint: String
    let client: HTTPClient
    final class Over: Sendable { let isOver = Mutex(false) }
    let build: Over

    struct Answer {
        var status: Int
        var headers: HTTPHeaders
        var body: Data
        var text: String { String(decoding: body, as: UTF8.self) }
    }

    /// - Parameter url: a path on the gateway, or a whole URL.
    func send(
        _ method: HTTPMethod, _ url: String, _ body: HTTPClientRequest.Body? = nil, type: String? = nil, token: String? = nil
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: url.hasPrefix("/") ? "http://127.0.0.1:\(port)\(url)" : url)
        request.method = method
        request.body = body
        if let type { request.headers.add(name: "Content-Type", value: type) }
        if let token { request.headers.add(name: "X-Seaway-Token", value: token) }
        request.headers.add(name: "Accept", value: Passage.manifestType)
        let response = try await client.execute(request, timeout: .seconds(60))
        let body = try await response.body.collect(upTo: 64 << 20)
        return Answer(status: Int(response.status.code), headers: response.headers, body: Data(buffer: body))
    }

    static let manifestType = "application/vnd.oci.image.manifest.v1+json"

    static func manifest(config: Data, layer: Data) -> Data {
        Data(
            """
            {"schemaVersion": 2, "mediaType": "\(manifestType)",
             "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "\(DebianRegistry.digest(config))", "size": \(config.count)},
             "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": "\(DebianRegistry.digest(layer))", "size": \(layer.count)}]}
            """.utf8)
    }
}

extension Passage {
    /// - Parameters:
    ///   - registry: `host:port` of the registry behind.
    ///   - authority: path of the certificates that it is trusted by.
    ///   - credentials: read at each sign-in.
    ///   - token: what the build pod's token file holds.
    static func with(
        registry: String, insecure: Bool = false, authority: String? = nil,
        credentials: @autoclosure @escaping @Sendable () throws -> RegistryCredentials = RegistryCredentials(), readable: [String] = [],
        token: String = token, _ body: @escaping @Sendable (Passage) async throws -> Void
    ) async throws {
        let identity = try TestCertificate()
        defer { identity.remove() }
        let store = NSTemporaryDirectory() + "seaway-passage-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: store) }
        let bytes = try authority.map { Array(try Data(contentsOf: URL(fileURLWithPath: $0))) }
        let upstream = HTTPClient(configuration: try RegistryClient.httpConfiguration(certificateAuthority: bytes))
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(identity.chain))
        let client = HTTPClient(configuration: .init(tlsConfiguration: tls))
        let build = Over()
        let routes = RegistryRoutes(
            registry: RegistryClient(address: registry, insecure: insecure, credentials: try credentials(), http: upstream), readable: readable,
            isBuilding: { _, pod in pod != "pod" || !build.isOver.withLock { $0 } })
        let (ports, port) = AsyncStream<Int>.makeStream()
        let server = SourceServer(
            configuration: .init(
                host: "127.0.0.1", port: 0, certificateChainPEM: try String(contentsOfFile: identity.chain, encoding: .utf8),
                privateKeyPEM: try String(contentsOfFile: identity.key, encoding: .utf8)),
            store: SourceStore(objects: DirectoryObjectStore(root: store)),
            authenticate: { [Passage.token: "shop", Passage.otherToken: "other"][$0] }, routes: { routes.add(to: $0, $1) },
            readiness: { true }, logger: Logger(label: "test.operator"), onListening: { port.yield($0) })

        let outcome: Result<Void, any Error>
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await server.run() }
                group.addTask {
                    var numbers = ports.makeAsyncIterator()
                    guard let number = await numbers.next() else { throw CancellationError() }
                    let endpoint = "https://localhost:\(number)"
                    let gateway = BuildGateway(
                        build: .init(namespace: "shop", environment: "web", pod: "pod"), endpoint: endpoint, port: 0, token: { token },
                        http: client, logger: Logger(label: "test.gateway"), onListening: { port.yield($0) })
                    try await withThrowingTaskGroup(of: Void.self) { inner in
                        inner.addTask { try await gateway.run() }
                        guard let local = await numbers.next() else { throw CancellationError() }
                        try await body(Passage(port: local, endpoint: endpoint, client: client, build: build))
                        // The build is over, and so is its gateway, by itself. Nobody tells the bearer of a foreign token.
                        build.isOver.withLock { $0 = true }
                        if token != Passage.token { inner.cancelAll() }
                        try await inner.next()
                    }
                }
                try await group.next()
                group.cancelAll()
            }
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        try await client.shutdown()
        try await upstream.shutdown()
        try outcome.get()
    }
}
