import AsyncAlgorithms
import AsyncHTTPClient
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import NIOFoundationCompat
import NIOHTTP1

/// Hands the body of a request that arrives to one that goes out, as fast as it is taken there, with no more than a piece in memory.
///
/// A server's body may be read by one task at a time, and a client goes on reading after its answer is there. So the body is read here,
/// and nobody reads it any more when this returns.
/// - Parameter send: sends a request with this body, which is `nil` where there is none.
/// - Throws: what `send` throws.
func withBody(
    of request: Request, send: @escaping @Sendable (HTTPClientRequest.Body?) async throws -> HTTPClientResponse
) async throws -> HTTPClientResponse {
    let length = request.headers[.contentLength].flatMap { Int64($0) }
    if length == 0 || (length == nil && request.headers[.transferEncoding] == nil) { return try await send(nil) }
    let size: HTTPClientRequest.Body.Length = if let length { .known(length) } else { .unknown }
    let pieces = AsyncThrowingChannel<ByteBuffer, any Error>()
    return try await withThrowingTaskGroup(of: HTTPClientResponse?.self) { group in
        group.addTask {
            do {
                for try await piece in request.body { await pieces.send(piece) }
                pieces.finish()
            } catch {
                pieces.fail(error)
            }
            return nil
        }
        group.addTask { try await send(.stream(pieces, length: size)) }
        defer { group.cancelAll() }
        while let ended = try await group.next() {
            if let ended { return ended }
        }
        throw CancellationError()
    }
}

extension Response {
    /// An answer that is passed on as it arrives.
    /// - Parameter kept: names of the headers that are passed on.
    init(passingOn response: HTTPClientResponse, to method: HTTPRequest.Method, keeping kept: Set<String>) {
        var fields = HTTPFields()
        for (name, value) in response.headers where kept.contains(name.lowercased()) {
            if let name = HTTPField.Name(name) { fields.append(HTTPField(name: name, value: value)) }
        }
        let status = HTTPResponse.Status(code: Int(response.status.code))
        guard method != .head, response.status != .noContent, fields[.contentLength] != "0" else {
            self.init(status: status, headers: fields)
            return
        }
        let body = ResponseBody(contentLength: fields[.contentLength].flatMap { Int($0) }) { writer in
            for try await piece in response.body { try await writer.write(piece) }
            try await writer.finish(nil)
        }
        self.init(status: status, headers: fields, body: body)
    }

    /// A refusal as registries write it, so that builders show the words.
    init(refusal code: String, _ message: String, status: HTTPResponse.Status) {
        struct Errors: Encodable {
            struct Entry: Encodable {
                var code: String
                var message: String
            }
            var errors: [Entry]
        }
        let body = (try? JSONEncoder().encode(Errors(errors: [.init(code: code, message: message)]))) ?? Data()
        self.init(status: status, headers: [.contentType: "application/json"], body: .init(byteBuffer: ByteBuffer(data: body)))
    }
}
