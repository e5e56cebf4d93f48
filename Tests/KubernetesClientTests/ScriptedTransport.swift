import AsyncHTTPClient
import Foundation
import KubernetesModel
import NIOCore
import NIOHTTP1
import Synchronization
import Testing

@testable import KubernetesClient

/// An API server that knows what it will be asked, in order, and records an issue when it is asked anything else.
final class ScriptedTransport: Sendable {
    struct Exchange: Sendable {
        var request: String
        var answer: Answer
    }

    indirect enum Answer: Sendable {
        case status(Int, String = "{}", headers: [String: String] = [:])
        /// Pieces of a body, then an error if there is one.
        case stream([String], (any Error)? = nil)
        case failure(any Error)
        /// Something happens in the world before the answer comes.
        case after(@Sendable () throws -> Void, Answer)
    }

    private let script: Mutex<[Exchange]>
    private let seen = Mutex<[HTTPClientRequest]>([])

    init(_ script: [Exchange]) { self.script = Mutex(script) }

    convenience init(_ script: KeyValuePairs<String, Answer>) {
        self.init(script.map { Exchange(request: $0.key, answer: $0.value) })
    }

    var requests: [HTTPClientRequest] { seen.withLock { $0 } }

    func expectEverythingWasAsked() {
        #expect(script.withLock { $0.map(\.request) } == [])
    }

    func client(_ configuration: ClusterConfiguration = ClusterConfiguration(server: "https://api.test")) -> KubernetesClient {
        KubernetesClient(
            configuration: configuration, transport: HTTPTransport(execute: { request, _ in try self.answer(request) }, shutdown: {}),
            retries: RetryPolicy(longestDelay: 0))
    }

    private func answer(_ request: HTTPClientRequest) throws -> HTTPClientResponse {
        seen.withLock { $0.append(request) }
        let line = "\(request.method.rawValue) \(request.url.replacing("https://api.test", with: ""))"
        let next = script.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        guard let next, next.request == line else {
            Issue.record("asked \(line), expected \(next?.request ?? "nothing")")
            throw HTTPClientError.alreadyShutdown
        }
        return try make(next.answer)
    }

    private func make(_ answer: Answer) throws -> HTTPClientResponse {
        switch answer {
        case .after(let happening, let answer):
            try happening()
            return try make(answer)
        case .status(let code, let body, let headers):
            return HTTPClientResponse(
                status: HTTPResponseStatus(statusCode: code), headers: HTTPHeaders(headers.map { ($0.key, $0.value) }),
                body: .bytes(ByteBuffer(string: body)))
        case .stream(let pieces, let error):
            let (stream, continuation) = AsyncThrowingStream<ByteBuffer, any Error>.makeStream()
            for piece in pieces { continuation.yield(ByteBuffer(string: piece)) }
            continuation.finish(throwing: error)
            return HTTPClientResponse(status: .ok, body: .stream(stream))
        case .failure(let error):
            throw error
        }
    }
}
