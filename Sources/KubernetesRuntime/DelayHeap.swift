/// Keys with the times at which they become due; the earliest first, and for each key its earliest time alone.
struct DelayHeap<Key: Hashable & Sendable>: Sendable {
    typealias Instant = ContinuousClock.Instant

    private struct Entry {
        var due: Instant
        var key: Key
    }

    /// A binary heap that may hold entries which `times` has replaced or removed; those are skipped when they come up.
    private var entries: [Entry] = []
    private var times: [Key: Instant] = [:]

    var count: Int { times.count }

    /// - Returns: whether the key is now due earlier than it was.
    @discardableResult
    mutating func insert(_ key: Key, due: Instant) -> Bool {
        if let present = times[key], present <= due { return false }
        times[key] = due
        entries.append(Entry(due: due, key: key))
        siftUp(entries.count - 1)
        return true
    }

    mutating func remove(_ key: Key) {
        times[key] = nil
    }

    /// When the next key is due.
    mutating func earliest() -> Instant? {
        dropStale()
        return entries.first?.due
    }

    /// The key that is due longest; `nil` when none is.
    mutating func popDue(at now: Instant) -> Key? {
        dropStale()
        guard let first = entries.first, first.due <= now else { return nil }
        times[first.key] = nil
        removeFirst()
        return first.key
    }

    private mutating func dropStale() {
        while let first = entries.first, times[first.key] != first.due { removeFirst() }
    }

    private mutating func removeFirst() {
        entries.swapAt(0, entries.count - 1)
        entries.removeLast()
        siftDown(0)
    }

    private mutating func siftUp(_ start: Int) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard entries[child].due < entries[parent].due else { return }
            entries.swapAt(child, parent)
            child = parent
        }
    }

    private mutating func siftDown(_ start: Int) {
        var parent = start
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < entries.count {
                if entries[child].due < entries[least].due { least = child }
            }
            guard least != parent else { return }
            entries.swapAt(parent, least)
            parent = least
        }
    }
}
