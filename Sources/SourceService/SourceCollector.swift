import Logging
import ServiceLifecycle

/// Collects the old sources of environments, each after a tree of it was stored, one after the other.
public struct SourceCollector: Service {
    private let store: SourceStore
    private let inUse: RevisionsInUse
    private let logger: Logger

    public init(store: SourceStore, inUse: @escaping RevisionsInUse, logger: Logger) {
        self.store = store
        self.inUse = inUse
        self.logger = logger
    }

    /// Works until it is cancelled or shut down gracefully.
    public func run() async {
        await cancelWhenGracefulShutdown {
            for await environment in store.committed {
                guard let revisions = await inUse(environment) else { continue }
                do {
                    try await store.collect(environment, inUse: revisions)
                } catch {
                    // The next sync of the environment comes by here again.
                    logger.warning("Old sources are not removed yet", metadata: ["environment": "\(environment)", "error": "\(error)"])
                }
            }
        }
    }
}
