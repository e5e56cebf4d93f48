import AsyncHTTPClient
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import SourceService

/// A request that a server has answered.
struct Exchange: Sendable {
    var method: String
    /// With its query.
    var target: String
    var status: Int
    /// When the answer's head was there.
    var answered: ContinuousClock.Instant

    var path: String { String(target.prefix { $0 != "?" }) }
    var isWatch: Bool { target.contains("watch=true") }
    var isWrite: Bool { method != "GET" && method != "HEAD" }
    var succeeded: Bool { (200..<300).contains(status) }
}

/// Stands before a server in plain HTTP and shows each exchange before the client gets the answer. What is shown has happened: whoever
/// ends the client meanwhile ends it after an effect that it does not know of.
enum ObservingProxy {
    /// - Parameters:
    ///   - server: `http://` or `https://`, without a slash at its end.
    ///   - onAnswer: when it throws, the client gets no answer.
    ///   - body: gets the proxy's address, as `127.0.0.1:4711`.
    static func with(
        _ server: String, by client: HTTPClient, onAnswer: @escaping @Sendable (Exchange) async throws -> Void,
        _ body: @escaping @Sendable (_ address: String) async throws -> Void
    ) async throws {
        let responder = CallbackResponder<BasicRequestContext> { request, _ in
            try await pass(request, to: server, by: client, onAnswer)
        }
        let (ports, port) = AsyncStream<Int>.makeStream()
        var quiet = Logger(label: "proxy")
        quiet.logLevel = .critical
        let application = Application(
            responder: responder, configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0), serverName: nil),
            onServerRunning: { channel in port.yield(channel.localAddress?.port ?? 0) }, logger: quiet)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await application.runUntilCancelled(endingWithin: .milliseconds(200)) }
            group.addTask {
                guard let number = await ports.first(where: { _ in true }) else { throw CancellationError() }
                try await body("127.0.0.1:\(number)")
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private static func pass(
        _ request: Request, to server: String, by client: HTTPClient, _ onAnswer: @Sendable (Exchange) async throws -> Void
    ) async throws -> Response {
        let target = request.uri.description
        var message = HTTPClientRequest(url: server + target)
        message.method = HTTPMethod(rawValue: request.method.rawValue)
        for field in request.headers where field.name != .contentLength && field.name != .transferEncoding {
            message.headers.add(name: field.name.rawName, value: field.value)
        }
        // A signature covers the name that the client knows.
        if let host = request.head.authority { message.headers.replaceOrAdd(name: "Host", value: host) }
        let body = try await request.body.collect(upTo: 64 << 20)
        if body.readableBytes > 0 || request.headers[.contentLength] != nil { message.body = .bytes(body) }
        let answer = try await client.execute(message, timeout: .seconds(60))
        try await onAnswer(
            Exchange(method: request.method.rawValue, target: target, status: Int(answer.status.code), answered: .now))
        var headers = HTTPFields()
        for (name, value) in answer.headers {
            if let name = HTTPField.Name(name), name != .transferEncoding, name != .connection { headers.append(HTTPField(name: name, value: value)) }
        }
        let length = answer.headers.first(name: "Content-Length").flatMap { Int($0) }
        let pieces = answer.body
        let stream = ResponseBody(contentLength: length) { writer in
            for try await piece in pieces { try await writer.write(piece) }
            try await writer.finish(nil)
        }
        return Response(status: .init(code: Int(answer.status.code)), headers: headers, body: stream)
    }
}
