import AsyncHTTPClient
import KubernetesModel
import NIOHTTP1
import Synchronization

@testable import KubernetesClient

/// The real way to the server, which a test can cut for good. Counts what is written on it.
final class SeveredTransport: Sendable {
    private let live: HTTPTransport
    private let isCut = Mutex(false)
    private let writes = Mutex(0)

    init(_ configuration: ClusterConfiguration) throws { live = try .live(configuration) }

    func cut() { isCut.withLock { $0 = true } }
    var writeCount: Int { writes.withLock { $0 } }

    func client(_ configuration: ClusterConfiguration) -> KubernetesClient {
        KubernetesClient(
            configuration: configuration,
            transport: HTTPTransport(
                execute: { [self] request, lane in
                    if isCut.withLock({ $0 }) { throw HTTPClientError.remoteConnectionClosed }
                    if request.method != .GET { writes.withLock { $0 += 1 } }
                    return try await live.execute(request, lane)
                }, shutdown: { [live] in try await live.shutdown() }))
    }
}
