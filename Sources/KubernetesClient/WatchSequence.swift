import AsyncHTTPClient
import Foundation
import KubernetesModel
import NIOCore

/// The events of one watch, until the server ends it, an error event comes, or the connection breaks (which throws).
///
/// Valid within the scope of `withWatch`. A slow consumer slows the server: nothing is buffered without bound.
public struct WatchSequence<Object: KubernetesObject>: AsyncSequence, Sendable {
    public typealias Element = WatchEvent<Object>

    let body: HTTPClientResponse.Body
    let mapError: @Sendable (any Error) -> any Error
    /// Objects are at most some megabytes; a line beyond this is no event.
    static var lineLimit: Int { 64 << 20 }

    public func makeAsyncIterator() -> Iterator {
        Iterator(
            chunks: body.makeAsyncIterator(), mapError: mapError, splitter: LineSplitter(limit: Self.lineLimit, overflow: .fail))
    }

    public struct Iterator: AsyncIteratorProtocol {
        var chunks: HTTPClientResponse.Body.AsyncIterator
        let mapError: @Sendable (any Error) -> any Error
        var splitter: LineSplitter
        var lines: ArraySlice<Data> = []
        var isOver = false

        public mutating func next() async throws -> WatchEvent<Object>? {
            do {
                while !isOver {
                    while let line = lines.popFirst() {
                        if line.isEmpty { continue }
                        let event = try WatchEvent<Object>(line: line)
                        if case .error = event { isOver = true }
                        return event
                    }
                    guard let chunk = try await chunks.next() else {
                        // A last line without a line feed was cut off on its way: the next watch sends it again.
                        isOver = true
                        break
                    }
                    lines = try splitter.feed(chunk)[...]
                }
                return nil
            } catch {
                isOver = true
                throw mapError(error)
            }
        }
    }
}
