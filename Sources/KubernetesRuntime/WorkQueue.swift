import Synchronization

/// Keys to work on, each by one worker at a time.
///
/// A key that is added twice before its turn is handed out once; one that is added while it is being worked on is handed out
/// again after `done`. After `shutDown`, and in a cancelled task, `next` gives `nil`.
public final class WorkQueue<Key: Hashable & Sendable>: Sendable {
    private struct State {
        var machine = WorkQueueStateMachine<Key>()
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
        var nextWaiter = 0
        /// Counts what may change the answer of `next`, so that nobody falls asleep over a change.
        var changes = 0
    }

    private let state = Mutex(State())
    private let backOff: BackOff
    private let clock = ContinuousClock()

    public init(backOff: BackOff = .working) {
        self.backOff = backOff
    }

    /// Keys that wait for a worker; those that are delayed or being worked on do not count.
    public var depth: Int { state.withLock { $0.machine.depth } }

    public func add(_ key: Key) {
        change { $0.add(key) }
    }

    /// Adds a key later; of two times for one key the earlier one counts.
    public func add(_ key: Key, after delay: Duration) {
        let due = clock.now.advanced(by: delay)
        change { $0.add(key, due: due) }
    }

    /// Adds a key that failed, later each time until it is forgotten.
    public func retry(_ key: Key) {
        let random = Double.random(in: 0..<1)
        let now = clock.now
        change { machine in
            let delay = backOff.delay(failures: machine.failed(key), random: random)
            return machine.add(key, due: now.advanced(by: delay))
        }
    }

    /// Takes the failures of a key for over.
    public func forget(_ key: Key) {
        state.withLock { $0.machine.forget(key) }
    }

    /// The next key, once there is one. Whoever gets it must call `done`.
    public func next() async -> Key? {
        while !Task.isCancelled {
            let (step, changes) = state.withLock { ($0.machine.next(now: clock.now), $0.changes) }
            switch step {
            case .work(let key): return key
            case .finished: return nil
            case .wait(let deadline): await wait(until: deadline, orChangeAfter: changes)
            }
        }
        return nil
    }

    public func done(_ key: Key) {
        change { $0.done(key) }
    }

    /// Hands nothing out any more and lets all waiting workers go.
    public func shutDown() {
        change { machine in
            machine.shutDown()
            return true
        }
    }

    private func change(_ body: (inout WorkQueueStateMachine<Key>) -> Bool) {
        let woken: [CheckedContinuation<Void, Never>] = state.withLock { state in
            guard body(&state.machine) else { return [] }
            state.changes += 1
            let woken = Array(state.waiters.values)
            state.waiters = [:]
            return woken
        }
        for waiter in woken { waiter.resume() }
    }

    private func wait(until deadline: ContinuousClock.Instant?, orChangeAfter changes: Int) async {
        guard let deadline else { return await waitForChange(after: changes) }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.waitForChange(after: changes) }
            group.addTask { try? await self.clock.sleep(until: deadline) }
            await group.next()
            group.cancelAll()
        }
    }

    private func waitForChange(after changes: Int) async {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let isOver = state.withLock { state in
                    if Task.isCancelled || state.changes != changes { return true }
                    state.waiters[id] = waiter
                    return false
                }
                if isOver { waiter.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id) }?.resume()
        }
    }
}
