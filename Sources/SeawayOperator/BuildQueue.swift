import KubernetesModel

/// Who builds now and who waits: so many at once, fair between namespaces.
///
/// The next turn is of a namespace with the fewest running builds; of several, of the one that was served longest ago; within it, of
/// whoever asked first. So one namespace with a hundred environments does not hold up another one with a single one.
struct BuildQueue {
    private let limit: Int
    private var holders: Set<ObjectKey> = []
    private var waiting: [ObjectKey] = []
    /// When each namespace was last given a slot, by a count of turns.
    private var lastTurn: [String: Int] = [:]
    private var turns = 0

    init(limit: Int) { self.limit = limit }

    var counts: (running: Int, waiting: Int) { (holders.count, waiting.count) }

    enum Answer: Equatable {
        case granted
        /// From 1; later ones are rounded up, so that they need not be told of every step.
        case place(Int)
    }

    /// A slot for a build that runs already, beyond the limit if need be.
    mutating func hold(_ key: ObjectKey) {
        waiting.removeAll { $0 == key }
        holders.insert(key)
        countTurn(of: key)
    }

    mutating func take(_ key: ObjectKey) -> Answer {
        if holders.contains(key) { return .granted }
        if !waiting.contains(key) { waiting.append(key) }
        let place = (order().firstIndex(of: key) ?? 0) + 1
        guard place <= limit - holders.count else { return .place(Self.told(place)) }
        hold(key)
        return .granted
    }

    /// Gives a slot, or a place in the queue, back.
    /// - Returns: who is to ask again, because it has a slot now or another place than it was told.
    mutating func release(_ key: ObjectKey) -> [ObjectKey] {
        let hadSlot = holders.remove(key) != nil
        let count = waiting.count
        waiting.removeAll { $0 == key }
        guard hadSlot || waiting.count != count else { return [] }
        if !holders.contains(where: { $0.namespace == key.namespace }), !waiting.contains(where: { $0.namespace == key.namespace }) {
            lastTurn[key.namespace ?? ""] = nil
        }
        return order().enumerated().filter { Self.told($0.offset + 1) == $0.offset + 1 }.map(\.element)
    }

    /// Those who wait, in the order in which they will be served if nothing changes.
    func order() -> [ObjectKey] {
        var running: [String: Int] = [:]
        for holder in holders { running[holder.namespace ?? "", default: 0] += 1 }
        var lines: [String: ArraySlice<ObjectKey>] = [:]
        for key in waiting { lines[key.namespace ?? "", default: []].append(key) }
        var last = lastTurn
        var turn = turns
        var order: [ObjectKey] = []
        order.reserveCapacity(waiting.count)
        while let next = lines.keys.min(by: { left, right in
            let one = (running[left, default: 0], last[left, default: 0], left)
            return one < (running[right, default: 0], last[right, default: 0], right)
        }), let key = lines[next]?.popFirst() {
            if lines[next]?.isEmpty == true { lines[next] = nil }
            order.append(key)
            running[next, default: 0] += 1
            turn += 1
            last[next] = turn
        }
        return order
    }

    private mutating func countTurn(of key: ObjectKey) {
        turns += 1
        lastTurn[key.namespace ?? ""] = turns
    }

    /// The first ten exactly, then in tens.
    private static func told(_ place: Int) -> Int { place <= 10 ? place : (place + 9) / 10 * 10 }
}
