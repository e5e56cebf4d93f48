import Hummingbird
import NIOCore
import NIOPosix
import ServiceLifecycle

extension ApplicationProtocol {
    /// Serves until the calling task is cancelled; requests under way have `limit` to end.
    ///
    /// A server that is cancelled itself lets go of connections which it has accepted and not looked at yet, and NIO ends the
    /// process when the writer of one is dropped. So a cancellation only asks the server to end.
    /// - Throws: what the server throws, such as an address that cannot be listened on.
    public func runUntilCancelled(endingWithin limit: Duration = .seconds(2)) async throws {
        var configuration = ServiceGroupConfiguration(services: [self], logger: logger)
        configuration.maximumGracefulShutdownDuration = limit
        let group = ServiceGroup(configuration: configuration)
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        // Tasks of their own see nothing of the cancellation; the one that serves ends before this function does.
        let served = loop.makeFutureWithTask { try await group.run() }
        try await withTaskCancellationHandler {
            try await served.get()
        } onCancel: {
            _ = loop.makeFutureWithTask { await group.triggerGracefulShutdown() }
        }
    }
}
