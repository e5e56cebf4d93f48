/// What became of the work on a key.
public enum WorkResult: Sendable, Equatable {
    /// Nothing more until the key is added again.
    case done
    /// Again after this time, or earlier when the key is added.
    case requeue(after: Duration)
    /// It failed: again after a back-off that grows with each failure.
    case retry
}

/// Works on the keys of a queue, at most `count` at a time and each key once at a time, until the queue is shut down or the
/// calling task is cancelled; work under way then ends by itself (it sees the cancellation).
public func runWorkers<Key>(
    _ queue: WorkQueue<Key>, count: Int, _ reconcile: @escaping @Sendable (Key) async -> WorkResult
) async {
    await withDiscardingTaskGroup { group in
        for _ in 0..<max(count, 1) {
            group.addTask {
                while let key = await queue.next() {
                    switch await reconcile(key) {
                    case .done:
                        queue.forget(key)
                    case .requeue(let delay):
                        queue.forget(key)
                        queue.add(key, after: delay)
                    case .retry:
                        queue.retry(key)
                    }
                    queue.done(key)
                }
            }
        }
    }
}
