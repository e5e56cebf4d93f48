import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// An HTTP server for tests that answers what it is told to, also what a real server cannot be made to do.
public final class ScriptedServer: Sendable {
    public struct Request: Sendable {
        public var method: String
        /// Path and query as they were sent.
        public var target: String
        public var headers: HTTPHeaders
        public var body: [UInt8]
    }

    public struct Reply: Sendable {
        public var status: Int
        public var headers: [(String, String)]
        public var body: String
        /// Closes the connection in the middle of the body.
        public var cut = false

        public init(_ status: Int, _ headers: [(String, String)] = [], _ body: String = "", cut: Bool = false) {
            self.status = status
            self.headers = headers
            self.body = body
            self.cut = cut
        }
    }

    public let port: Int
    private let channel: any Channel
    private let log: Log

    final class Log: Sendable { let requests = Mutex<[Request]>([]) }

    /// - Parameters:
    ///   - host: the address to listen on.
    ///   - port: 0 lets the system choose.
    ///   - certificate: paths of a PEM certificate and its key; speaks TLS with them.
    public init(
        host: String = "127.0.0.1", port: Int = 0, certificate: (chain: String, key: String)? = nil,
        answer: @escaping @Sendable (_ request: Request, _ number: Int) -> Reply
    ) async throws {
        let log = Log()
        var context: NIOSSLContext?
        if let certificate {
            let chain = try NIOSSLCertificate.fromPEMFile(certificate.chain).map { NIOSSLCertificateSource.certificate($0) }
            let key = try NIOSSLPrivateKey(file: certificate.key, format: .pem)
            context = try NIOSSLContext(configuration: .makeServerConfiguration(certificateChain: chain, privateKey: .privateKey(key)))
        }
        channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { [context] channel in
                channel.eventLoop.makeCompletedFuture {
                    if let context { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context)) }
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Handler(log: log, answer: answer))
                }
            }
            .bind(host: host, port: port).get()
        self.log = log
        self.port = channel.localAddress?.port ?? 0
    }

    /// What was asked so far.
    public var requests: [Request] { log.requests.withLock { $0 } }

    public func shutdown() async throws { try await channel.close() }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let log: Log
        private let answer: @Sendable (Request, Int) -> Reply
        private var request: Request?

        init(log: Log, answer: @escaping @Sendable (Request, Int) -> Reply) {
            self.log = log
            self.answer = answer
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head): request = Request(method: head.method.rawValue, target: head.uri, headers: head.headers, body: [])
            case .body(let part): request?.body += Array(part.readableBytesView)
            case .end:
                guard let request else { return }
                let number = log.requests.withLock { requests in
                    requests.append(request)
                    return requests.count
                }
                reply(answer(request, number), to: request, context)
            }
        }

        private func reply(_ reply: Reply, to request: Request, _ context: ChannelHandlerContext) {
            var headers = HTTPHeaders(reply.headers)
            let body = Array(reply.body.utf8)
            if reply.status != 204 { headers.replaceOrAdd(name: "Content-Length", value: "\(body.count)") }
            context.write(
                wrapOutboundOut(.head(.init(version: .http1_1, status: .init(statusCode: reply.status), headers: headers))), promise: nil)
            let sent = reply.cut ? Array(body.prefix(body.count / 2)) : body
            if request.method != "HEAD", !sent.isEmpty {
                context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: sent)))), promise: nil)
            }
            if reply.cut {
                context.flush()
                context.close(promise: nil)
            } else {
                context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            }
        }
    }
}

/// A certificate for localhost, 127.0.0.1 and further addresses that is its own CA, made by `openssl`, which what installs the cluster brings.
public struct TestCertificate: Sendable {
    public var directory: String
    public var chain: String { directory + "/tls.crt" }
    public var key: String { directory + "/tls.key" }

    public init(addresses: [String] = []) throws {
        directory = NSTemporaryDirectory() + "seaway-certificate-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        _ = try run([
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1", "-subj",
            "/CN=localhost", "-addext",
            "subjectAltName=" + (["DNS:localhost", "IP:127.0.0.1"] + addresses.map { "IP:\($0)" }).joined(separator: ","),
            "-keyout", key, "-out", chain,
        ])
    }

    public func remove() { try? FileManager.default.removeItem(atPath: directory) }
}

public struct CommandFailed: Error, CustomStringConvertible {
    public var description: String
}

/// Runs a program to its end.
/// - Returns: its output.
/// - Throws: `CommandFailed` with its complaints.
public func run(_ command: [String], environment: [String: String] = [:]) throws -> Data {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = command
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let output = Pipe()
    let complaints = NSTemporaryDirectory() + "seaway-stderr-\(UUID().uuidString)"
    FileManager.default.createFile(atPath: complaints, contents: nil)
    defer { try? FileManager.default.removeItem(atPath: complaints) }
    process.standardOutput = output
    process.standardError = FileHandle(forWritingAtPath: complaints)
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
        let said = FileManager.default.contents(atPath: complaints).map { String(decoding: $0, as: UTF8.self) } ?? ""
        throw CommandFailed(description: "\(command.first ?? "") ended with \(process.terminationStatus): \(said.suffix(400))")
    }
    return data
}

/// Runs a server program while `body` does, and ends it.
/// - Parameters:
///   - command: with the program's path.
///   - log: gets what it complains about.
public func withServer<Result>(
    _ command: [String], environment: [String: String] = [:], log: String, _ body: () async throws -> Result
) async throws -> Result {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: command.first ?? "")
    process.arguments = Array(command.dropFirst())
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    _ = FileManager.default.createFile(atPath: log, contents: nil)
    process.standardError = FileHandle(forWritingAtPath: log)
    process.standardOutput = FileHandle.nullDevice
    process.standardInput = FileHandle.nullDevice
    try process.run()
    defer {
        // A child inherits which signals are blocked, and not each one lets them through again.
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }
    return try await body()
}

/// A port that nobody listens on just now.
public func freePort() async throws -> Int {
    let server = try await ScriptedServer { _, _ in .init(200) }
    try await server.shutdown()
    return server.port
}
