/// Decides which key is worked on next. Pure: the time comes in, nothing waits.
///
/// A key is in at most one of these states, and an added key is never lost:
/// - *ready*: waits for a worker. Becomes *working*.
/// - *working*: handed out. `done` ends it; becomes *ready* again when it was added meanwhile.
/// Beside that it may be *delayed*: due at some time, then added.
struct WorkQueueStateMachine<Key: Hashable & Sendable>: Sendable {
    typealias Instant = ContinuousClock.Instant

    enum Next: Equatable {
        case work(Key)
        /// Nothing to do until then, or until something is added; `nil`: until something is added.
        case wait(until: Instant?)
        case finished
    }

    private var ready: [Key] = []
    /// The part of `ready` before it was handed out.
    private var readyStart = 0
    private var isReady: Set<Key> = []
    private var working: Set<Key> = []
    private var addedWhileWorking: Set<Key> = []
    private var delayed = DelayHeap<Key>()
    private var failures: [Key: Int] = [:]
    private var isShutDown = false

    /// Keys that wait for a worker now.
    var depth: Int { ready.count - readyStart }

    /// - Returns: whether `next` may now have another answer.
    mutating func add(_ key: Key) -> Bool {
        guard !isShutDown else { return false }
        // The work that is due later is done now, and will say anew when it is wanted again.
        delayed.remove(key)
        if working.contains(key) {
            addedWhileWorking.insert(key)
            return false
        }
        guard isReady.insert(key).inserted else { return false }
        ready.append(key)
        return true
    }

    /// Adds a key at a later time; of two times the earlier one counts.
    /// - Returns: whether `next` may now have another answer.
    mutating func add(_ key: Key, due: Instant) -> Bool {
        guard !isShutDown, !isReady.contains(key), !addedWhileWorking.contains(key) else { return false }
        return delayed.insert(key, due: due)
    }

    /// Counts a failure of a key.
    /// - Returns: how many there were since it was last forgotten.
    mutating func failed(_ key: Key) -> Int {
        let count = (failures[key] ?? 0) + 1
        failures[key] = count
        return count
    }

    mutating func forget(_ key: Key) {
        failures[key] = nil
    }

    mutating func next(now: Instant) -> Next {
        guard !isShutDown else { return .finished }
        while let key = delayed.popDue(at: now) { _ = add(key) }
        guard readyStart < ready.count else { return .wait(until: delayed.earliest()) }
        let key = ready[readyStart]
        readyStart += 1
        if readyStart > 64, readyStart * 2 > ready.count {
            ready.removeFirst(readyStart)
            readyStart = 0
        }
        isReady.remove(key)
        working.insert(key)
        return .work(key)
    }

    /// - Returns: whether `next` may now have another answer.
    mutating func done(_ key: Key) -> Bool {
        working.remove(key)
        return addedWhileWorking.remove(key) != nil ? add(key) : false
    }

    mutating func shutDown() {
        isShutDown = true
    }
}
