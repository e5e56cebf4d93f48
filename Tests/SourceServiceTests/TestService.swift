import AsyncHTTPClient
import Crypto
import Foundation
import Logging
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import NIOSSL
import ObjectStore
import Source
import SourceService
import SourceTransfer
import SwiftASN1
import Synchronization
import Testing
import X509

/// A real source server on the loopback, over TLS, with a directory as store.
struct TestService: Sendable {
    static let shopToken = "secret-token-of-shop"
    static let otherToken = "secret-token-of-other"
    /// The token for which the authenticator fails.
    static let unlucky = "secret-token-that-cannot-be-checked"

    let port: Int
    let directory: String
    let objects: any ObjectStore
    let store: SourceStore
    let client: HTTPClient
    let log: LogRecorder

    /// Sends a request as it is.
    func send(_ request: TransferRequest, token: String? = shopToken) async throws -> (status: Int, headers: HTTPHeaders, body: Data) {
        var http = HTTPClientRequest(url: "https://localhost:\(port)\(request.path)")
        http.method = HTTPMethod(rawValue: request.method)
        for (name, value) in request.headers { http.headers.add(name: name, value: value) }
        if let token { http.headers.replaceOrAdd(name: "X-Seaway-Token", value: token) }
        if let body = request.body { http.body = .bytes(ByteBuffer(data: body)) }
        let response = try await client.execute(http, timeout: .seconds(120))
        let body = try await response.body.collect(upTo: 64 << 20)
        return (Int(response.status.code), response.headers, Data(buffer: body))
    }

    var transport: TransferTransport {
        { request in
            let (status, _, body) = try await send(request)
            return TransferResponse(status: status, body: body)
        }
    }

    func uploader(_ environment: String = "app", transport: TransferTransport? = nil) -> SourceUploader {
        SourceUploader(namespace: "shop", environment: environment, transport: transport ?? self.transport)
    }

    func fetcher(_ environment: String = "app", transport: TransferTransport? = nil) -> SourceFetcher {
        SourceFetcher(namespace: "shop", environment: environment, transport: transport ?? self.transport)
    }

    /// Everything that is stored.
    func storedKeys() async throws -> [String] { try await objects.list("") }
}

/// Runs `body` with a bucket of its own on a real S3, which is emptied afterwards. Without one it fails, so that this is seen, but for
/// `SEAWAY_SKIP_CLUSTER_TESTS=1`.
func withS3(bucket: String, _ body: (S3ObjectStore) async throws -> Void) async throws {
    let variables = ProcessInfo.processInfo.environment
    if variables["SEAWAY_TEST_S3_ENDPOINT"] == nil, variables["SEAWAY_SKIP_CLUSTER_TESTS"] == "1" { return }
    let endpoint = try #require(variables["SEAWAY_TEST_S3_ENDPOINT"], "SEAWAY_TEST_S3_ENDPOINT names a real S3; scripts/cluster gives one")
    let objects = try S3ObjectStore(
        configuration: S3Configuration(
            endpoint: endpoint, bucket: "\(bucket)-\(UUID().uuidString.lowercased())",
            accessKey: try #require(variables["SEAWAY_S3_ACCESS_KEY"]), secretKey: try #require(variables["SEAWAY_S3_SECRET_KEY"])),
        logger: Logger(label: "test"))
    do {
        try await objects.prepare()
        try await body(objects)
        try await objects.deleteAll("sources/")
    } catch {
        try? await objects.shutdown()
        throw error
    }
    try await objects.shutdown()
}

/// Runs `body` with a service that is stopped and removed afterwards.
/// - Parameters:
///   - folder: where its directory is made.
///   - objects: where it keeps sources; `nil`: in that directory.
func withService(
    in folder: String = NSTemporaryDirectory(), objects: (any ObjectStore)? = nil, isReady: Bool = true, patience: BodyPatience = BodyPatience(),
    authenticate: SourceAuthenticator? = nil,
    _ body: @escaping @Sendable (TestService) async throws -> Void
) async throws {
    let directory = folder + "seaway-service-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let identity = try Identity()
    let objects = objects ?? DirectoryObjectStore(root: "\(directory)/store")
    let store = SourceStore(objects: objects)
    let log = LogRecorder()
    let (ports, port) = AsyncStream<Int>.makeStream()
    var configuration = SourceServer.Configuration(
        host: "127.0.0.1", port: 0, certificateChainPEM: identity.certificatePEM, privateKeyPEM: identity.keyPEM)
    configuration.patience = patience
    let server = SourceServer(
        configuration: configuration, store: store,
        authenticate: authenticate ?? { token in
            struct Down: Error {}
            switch token {
            case TestService.shopToken: return "shop"
            case TestService.otherToken: return "other"
            case TestService.unlucky: throw Down()
            default: return nil
            }
        },
        readiness: { isReady }, logger: Logger(label: "test") { _ in log }, onListening: { port.yield($0) })

    var tls = TLSConfiguration.makeClientConfiguration()
    tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(identity.certificatePEM.utf8)))
    var clientConfiguration = HTTPClient.Configuration(tlsConfiguration: tls)
    // Many clients are many connections, not many requests that wait for a few.
    clientConfiguration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 200
    let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: clientConfiguration)
    let outcome: Result<Void, any Error>
    do {
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await server.run() }
            tasks.addTask {
                guard let number = await ports.first(where: { _ in true }) else { throw CancellationError() }
                try await body(
                    TestService(port: number, directory: directory, objects: objects, store: store, client: client, log: log))
            }
            try await tasks.next()
            tasks.cancelAll()
        }
        outcome = .success(())
    } catch {
        outcome = .failure(error)
    }
    try await client.shutdown()
    try outcome.get()
}

/// A certificate for `localhost` that vouches for itself.
private struct Identity {
    let certificatePEM: String
    let keyPEM: String

    init() throws {
        let key = P256.Signing.PrivateKey()
        let name = try DistinguishedName { CommonName("localhost") }
        let certificate = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: .init(key.publicKey), notValidBefore: Date() - 3600,
            notValidAfter: Date() + 86400, issuer: name, subject: name, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                SubjectAlternativeNames([.dnsName("localhost")])
            },
            issuerPrivateKey: .init(key))
        certificatePEM = try certificate.serializeAsPEM().pemString
        keyPEM = key.pemRepresentation
    }
}

/// Keeps everything that is logged, at every level.
final class LogRecorder: LogHandler, Sendable {
    private let lines = Mutex<[String]>([])

    var text: String { lines.withLock { $0.joined(separator: "\n") } }

    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }
    var logLevel: Logger.Level {
        get { .trace }
        set {}
    }
    subscript(metadataKey _: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    func log(event: LogEvent) {
        lines.withLock { $0.append("\(event.level) \(event.message) \(event.metadata ?? [:])") }
    }
}

/// Remembers the requests that go through a transport.
final class RequestRecorder: Sendable {
    private let recorded = Mutex<[TransferRequest]>([])

    var requests: [TransferRequest] { recorded.withLock { $0 } }

    /// What is in the packs that were sent.
    func chunks() throws -> [Source.Digest] {
        try requests.filter { $0.method == "PUT" }.flatMap { try PackReader.check(Array($0.body ?? Data())).map(\.digest) }
    }

    func forget() { recorded.withLock { $0.removeAll() } }

    func note(_ request: TransferRequest) { recorded.withLock { $0.append(request) } }

    func recording(_ transport: @escaping TransferTransport) -> TransferTransport {
        { request in
            self.note(request)
            return try await transport(request)
        }
    }
}

/// Runs a shell command.
/// - Returns: What it printed.
@discardableResult
func shell(_ command: String, in directory: String) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", command]
    process.currentDirectoryURL = URL(fileURLWithPath: directory)
    process.environment = ["PATH": "/usr/bin:/bin:/usr/local/bin", "LC_ALL": "C"]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let text = String(decoding: data, as: UTF8.self)
    try #require(process.terminationStatus == 0, "\(command): \(text)")
    return text
}
