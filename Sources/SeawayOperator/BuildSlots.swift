import KubernetesModel
import Synchronization

/// Limits how many builds run at once; whoever asked first is served first.
final class BuildSlots: Sendable {
    private struct State {
        var holders: Set<ObjectKey> = []
        var waiting: [ObjectKey] = []
    }

    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) { self.limit = limit }

    /// Takes a slot for a build that runs already, beyond the limit if need be.
    func hold(_ key: ObjectKey) {
        state.withLock { _ = $0.holders.insert(key) }
    }

    /// - Returns: whether `key` has a slot now; if not, it is in the queue.
    func take(_ key: ObjectKey) -> Bool {
        state.withLock { state in
            if state.holders.contains(key) { return true }
            let position = state.waiting.firstIndex(of: key)
            let free = limit - state.holders.count
            if free > 0, (position ?? state.waiting.count) < free {
                if let position { state.waiting.remove(at: position) }
                state.holders.insert(key)
                return true
            }
            if position == nil { state.waiting.append(key) }
            return false
        }
    }

    /// Gives a slot, or a place in the queue, back.
    /// - Returns: who waits while a slot is free, and is to ask again.
    func release(_ key: ObjectKey) -> ObjectKey? {
        state.withLock { state in
            state.waiting.removeAll { $0 == key }
            state.holders.remove(key)
            return state.holders.count < limit ? state.waiting.first : nil
        }
    }
}
