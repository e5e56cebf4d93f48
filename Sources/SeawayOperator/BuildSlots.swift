import KubernetesModel
import Synchronization

/// The build queue that all workers share.
final class BuildSlots: Sendable {
    private let queue: Mutex<BuildQueue>

    init(limit: Int) { queue = Mutex(BuildQueue(limit: limit)) }

    func hold(_ key: ObjectKey) { queue.withLock { $0.hold(key) } }

    func take(_ key: ObjectKey) -> BuildQueue.Answer { queue.withLock { $0.take(key) } }

    var counts: (running: Int, waiting: Int) { queue.withLock { $0.counts } }

    /// - Returns: who is to ask again.
    func release(_ key: ObjectKey) -> [ObjectKey] { queue.withLock { $0.release(key) } }
}
