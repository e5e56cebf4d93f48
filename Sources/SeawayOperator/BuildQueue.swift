import KubernetesModel

/// Who builds now and who waits: so many at once, fair between namespaces.
///
/// The next turn is of a namespace with the fewest running builds; of several, of the one that was served longest ago; within it, of
/// whoever asked first. So one namespace with a hundred environments does not hold up another one with a single one.
struct BuildQueue {
    /// What a namespace has in it.
    private struct Share {
        var running = 0
        /// When it was last given a slot, by a count of turns.
        var lastTurn = 0
        /// In the order in which they asked.
        var waiting: [ObjectKey] = []

        /// How many builds its namespace will have running before somebody who waits in it is served.
        func level(of index: Int) -> Int { running + index }
    }

    /// Orders those who wait, if nothing changes.
    private struct Turn: Comparable {
        var level: Int
        /// Namespaces that reach a level with builds that run already do so before those that must be given them first.
        var running: Int
        var lastTurn: Int
        var namespace: String

        static func < (left: Turn, right: Turn) -> Bool {
            (left.level, -left.running, left.lastTurn, left.namespace) < (right.level, -right.running, right.lastTurn, right.namespace)
        }
    }

    private let limit: Int
    private var holders: Set<ObjectKey> = []
    private var shares: [String: Share] = [:]
    private var turns = 0

    init(limit: Int) { self.limit = limit }

    var counts: (running: Int, waiting: Int) { (holders.count, shares.values.reduce(0) { $0 + $1.waiting.count }) }

    enum Answer: Equatable {
        case granted
        /// From 1; later ones are rounded up, so that they need not be told of every step.
        case place(Int)
    }

    /// A slot for a build that runs already, beyond the limit if need be.
    mutating func hold(_ key: ObjectKey) {
        let isNew = holders.insert(key).inserted
        turns += 1
        change(key) { [turns] share in
            share.waiting.removeAll { $0 == key }
            if isNew { share.running += 1 }
            share.lastTurn = turns
        }
    }

    mutating func take(_ key: ObjectKey) -> Answer {
        if holders.contains(key) { return .granted }
        let index = change(key) { share in
            if let index = share.waiting.firstIndex(of: key) { return index }
            share.waiting.append(key)
            return share.waiting.count - 1
        }
        let place = place(of: index, in: key.namespace ?? "")
        guard place <= limit - holders.count else { return .place(Self.told(place)) }
        hold(key)
        return .granted
    }

    /// Gives a slot, or a place in the queue, back.
    /// - Returns: who is to ask again, because it has a slot now or another place than it was told.
    mutating func release(_ key: ObjectKey) -> [ObjectKey] {
        let hadSlot = holders.remove(key) != nil
        let hadPlace = change(key) { share in
            if hadSlot { share.running -= 1 }
            let index = share.waiting.firstIndex(of: key)
            if let index { share.waiting.remove(at: index) }
            return index != nil
        }
        guard hadSlot || hadPlace else { return [] }
        return order().enumerated().filter { Self.told($0.offset + 1) == $0.offset + 1 }.map(\.element)
    }

    /// Those who wait, in the order in which they will be served if nothing changes.
    func order() -> [ObjectKey] {
        var waiting: [(turn: Turn, key: ObjectKey)] = []
        for (namespace, share) in shares {
            for (index, key) in share.waiting.enumerated() { waiting.append((turn(of: index, in: namespace, share), key)) }
        }
        return waiting.sorted { $0.turn < $1.turn }.map(\.key)
    }

    private func turn(of index: Int, in namespace: String, _ share: Share) -> Turn {
        Turn(level: share.level(of: index), running: share.running, lastTurn: share.lastTurn, namespace: namespace)
    }

    /// As in `order`, from 1, without all of it: there may be many who wait, and each asks.
    private func place(of index: Int, in namespace: String) -> Int {
        let own = turn(of: index, in: namespace, shares[namespace] ?? Share())
        return shares.reduce(1) { place, other in
            let share = other.value
            // Who waits in it at the same level.
            let rival = own.level - share.running
            let before = min(max(rival, 0), share.waiting.count)
            guard share.waiting.indices.contains(rival), turn(of: rival, in: other.key, share) < own else { return place + before }
            return place + before + 1
        }
    }

    private mutating func change<Result>(_ key: ObjectKey, _ body: (inout Share) -> Result) -> Result {
        let namespace = key.namespace ?? ""
        let result = body(&shares[namespace, default: Share()])
        if let share = shares[namespace], share.running == 0, share.waiting.isEmpty { shares[namespace] = nil }
        return result
    }

    /// The first ten exactly, then in tens.
    private static func told(_ place: Int) -> Int { place <= 10 ? place : (place + 9) / 10 * 10 }
}
