import AsyncHTTPClient
import Foundation
import NIOCore

/// The lines of a log, without their line feeds. Bytes that are no UTF-8 are replaced; a line is cut at 64 KiB.
///
/// Valid within the scope of `withLogs`.
public struct LogLines: AsyncSequence, Sendable {
    public typealias Element = String

    let body: HTTPClientResponse.Body
    let mapError: @Sendable (any Error) -> any Error
    static let lineLimit = 64 << 10

    public func makeAsyncIterator() -> Iterator {
        Iterator(
            chunks: body.makeAsyncIterator(), mapError: mapError, splitter: LineSplitter(limit: Self.lineLimit, overflow: .cut))
    }

    public struct Iterator: AsyncIteratorProtocol {
        var chunks: HTTPClientResponse.Body.AsyncIterator
        let mapError: @Sendable (any Error) -> any Error
        var splitter: LineSplitter
        var lines: ArraySlice<Data> = []
        var isOver = false

        public mutating func next() async throws -> String? {
            do {
                while true {
                    if let line = lines.popFirst() { return String(decoding: line, as: UTF8.self) }
                    if isOver { return nil }
                    if let chunk = try await chunks.next() {
                        lines = try splitter.feed(chunk)[...]
                    } else {
                        isOver = true
                        if let last = splitter.finish() { lines = [last] }
                    }
                }
            } catch {
                isOver = true
                throw mapError(error)
            }
        }
    }
}
