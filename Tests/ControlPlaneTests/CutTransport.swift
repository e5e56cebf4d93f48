import AsyncHTTPClient
import KubernetesModel
import NIOCore
import Synchronization

@testable import KubernetesClient

/// The real way to the server, made worse: watches break, or begin at a version that is long gone.
final class CutTransport: Sendable {
    private struct State {
        var watches = 0
        var lists = 0
    }

    private let live: HTTPTransport
    private let state = Mutex(State())
    /// A watch breaks after so many pieces of its answer.
    let piecesPerWatch: Int
    /// Every so many watches, one asks for version 1.
    let staleEvery: Int

    init(_ configuration: ClusterConfiguration, piecesPerWatch: Int = .max, staleEvery: Int = .max) throws {
        live = try .live(configuration)
        self.piecesPerWatch = piecesPerWatch
        self.staleEvery = staleEvery
    }

    var watches: Int { state.withLock { $0.watches } }
    /// First pages alone.
    var lists: Int { state.withLock { $0.lists } }

    func client(_ configuration: ClusterConfiguration) -> KubernetesClient {
        KubernetesClient(
            configuration: configuration,
            transport: HTTPTransport(execute: { try await self.execute($0, $1) }, shutdown: { try await self.live.shutdown() }))
    }

    private func execute(_ request: HTTPClientRequest, _ lane: Lane) async throws -> HTTPClientResponse {
        var request = request
        if request.url.contains("limit="), !request.url.contains("continue=") { state.withLock { $0.lists += 1 } }
        guard lane == .watch else { return try await live.execute(request, lane) }
        let count = state.withLock { state in
            state.watches += 1
            return state.watches
        }
        if count % staleEvery == 0 { request.url.replace(/resourceVersion=[0-9]+/, with: "resourceVersion=1") }
        var response = try await live.execute(request, lane)
        if piecesPerWatch < .max { response.body = .stream(Cut(base: response.body, limit: piecesPerWatch)) }
        return response
    }

    /// The first pieces of a body, then a broken connection.
    private struct Cut: AsyncSequence, Sendable {
        typealias Element = ByteBuffer
        let base: HTTPClientResponse.Body
        let limit: Int

        func makeAsyncIterator() -> Iterator { Iterator(base: base.makeAsyncIterator(), left: limit) }

        struct Iterator: AsyncIteratorProtocol {
            var base: HTTPClientResponse.Body.AsyncIterator
            var left: Int

            mutating func next() async throws -> ByteBuffer? {
                guard left > 0 else { throw HTTPClientError.remoteConnectionClosed }
                left -= 1
                return try await base.next()
            }
        }
    }
}
