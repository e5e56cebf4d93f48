import KubernetesModel
import Testing

@testable import SeawayOperator

/// Who builds next.
struct BuildQueueTests {
    private func key(_ name: String, in namespace: String = "dev") -> ObjectKey { ObjectKey(namespace: namespace, name: name) }

    @Test func `a slot is held until it is released`() {
        var queue = BuildQueue(limit: 1)
        #expect(queue.take(key("a")) == .granted)
        #expect(queue.take(key("a")) == .granted)
        #expect(queue.take(key("b")) == .place(1))
        #expect(queue.release(key("a")) == [key("b")])
        #expect(queue.take(key("b")) == .granted)
    }

    @Test func `within a namespace, who asked first is served first`() {
        var queue = BuildQueue(limit: 1)
        _ = queue.take(key("a"))
        #expect(queue.take(key("b")) == .place(1))
        #expect(queue.take(key("c")) == .place(2))
        #expect(queue.release(key("a")) == [key("b"), key("c")])
        // It is not the turn of `c`, though a slot is free.
        #expect(queue.take(key("c")) == .place(2))
        #expect(queue.take(key("b")) == .granted)
    }

    @Test func `a waiter that no longer needs its turn passes it on`() {
        var queue = BuildQueue(limit: 1)
        _ = queue.take(key("a"))
        _ = queue.take(key("b"))
        _ = queue.take(key("c"))
        _ = queue.release(key("a"))
        // `b` was deleted meanwhile.
        #expect(queue.release(key("b")) == [key("c")])
        #expect(queue.take(key("c")) == .granted)
    }

    @Test func `running builds of an earlier operator count`() {
        var queue = BuildQueue(limit: 1)
        queue.hold(key("a"))
        queue.hold(key("b"))
        #expect(queue.take(key("c")) == .place(1))
        #expect(queue.release(key("a")) == [key("c")])
        #expect(queue.take(key("c")) == .place(1))
        _ = queue.release(key("b"))
        #expect(queue.take(key("c")) == .granted)
    }

    @Test func `namespaces take turns`() {
        var queue = BuildQueue(limit: 1)
        _ = queue.take(key("0", in: "many"))
        for number in 1...5 { _ = queue.take(key("\(number)", in: "many")) }
        #expect(queue.take(key("one", in: "few")) == .place(1))
        #expect(queue.take(key("two", in: "few")) == .place(3))
        #expect(queue.order().map { $0.namespace } == ["few", "many", "few", "many", "many", "many", "many"])
    }

    @Test func `a namespace with running builds lets one without any go first`() {
        var queue = BuildQueue(limit: 3)
        for number in 0..<6 { _ = queue.take(key("\(number)", in: "many")) }
        _ = queue.take(key("a", in: "few"))
        _ = queue.take(key("b", in: "few"))
        #expect(queue.order().prefix(2).map(\.namespace) == ["few", "few"])
        #expect(queue.release(key("0", in: "many")).first == key("a", in: "few"))
        #expect(queue.take(key("3", in: "many")) != .granted)
        #expect(queue.take(key("a", in: "few")) == .granted)
    }

    @Test func `who was never there gives nothing back`() {
        var queue = BuildQueue(limit: 1)
        _ = queue.take(key("a"))
        _ = queue.take(key("b"))
        #expect(queue.release(key("stranger")) == [])
    }

    @Test func `200 environments of 5 namespaces with 4 slots are all served, in equal shares`() {
        var queue = BuildQueue(limit: 4)
        // The first namespace asks for all of its builds before anybody else does.
        let keys = (0..<200).map { key("e\($0)", in: "n\($0 / 40)") }
        var running: [ObjectKey] = []
        for key in keys where queue.take(key) == .granted { running.append(key) }
        #expect(running.count == 4)
        var served: [ObjectKey] = []
        while let ended = running.first {
            running.removeFirst()
            served.append(ended)
            for next in queue.release(ended) where queue.take(next) == .granted { running.append(next) }
            #expect(running.count <= 4)
        }
        #expect(Set(served) == Set(keys))
        #expect(served.count == 200)
        // After the head start of four, any fifty in a row belong to the five namespaces alike.
        for namespace in 0..<5 {
            let share = served[10..<60].count { $0.namespace == "n\(namespace)" }
            #expect((9...11).contains(share), "n\(namespace) had \(share) of 50")
        }
    }

    @Test func `who is far behind is told a round number, and is woken when that changes`() {
        var queue = BuildQueue(limit: 1)
        _ = queue.take(key("running"))
        for number in 1...25 { _ = queue.take(key("\(number)")) }
        #expect(queue.take(key("10")) == .place(10))
        #expect(queue.take(key("11")) == .place(20))
        #expect(queue.take(key("25")) == .place(30))
        let woken = queue.release(key("running"))
        #expect(woken == (1...10).map { key("\($0)") } + [key("20")])
    }

    /// The rule itself, one turn after the other, as a judge of the quicker way to the same order.
    @Test func `the order is that of one turn after the other`() {
        var numbers = SystemRandomNumberGenerator()
        for round in 0..<100 {
            var queue = BuildQueue(limit: Int.random(in: 1...4, using: &numbers))
            var known: [ObjectKey] = []
            for number in 0..<60 {
                let some = key("e\(number)", in: "n\(Int.random(in: 0..<7, using: &numbers))")
                switch Int.random(in: 0..<5, using: &numbers) {
                case 0: if let other = known.randomElement(using: &numbers) { _ = queue.release(other) }
                case 1 where number % 7 == 0: queue.hold(some)
                default: _ = queue.take(some)
                }
                known.append(some)
            }
            let order = queue.order()
            for (index, waiting) in order.enumerated() {
                var asked = queue
                guard case .place(let told) = asked.take(waiting) else { continue }
                #expect(told >= index + 1 && told < index + 11 && (index >= 10 || told == index + 1), "round \(round)")
            }
            // Who is served takes its place among the running builds of its namespace.
            var left = queue
            for expected in order {
                #expect(left.order().first == expected, "round \(round)")
                left.hold(expected)
            }
            #expect(left.order() == [])
        }
    }

    /// Each of them asks when the operator starts.
    @Test(.timeLimit(.minutes(10)), arguments: [1, 50, 1000]) func `thousands of environments ask in time`(namespaces: Int) {
        var queue = BuildQueue(limit: 4)
        let began = ContinuousClock.now
        for number in 0..<3000 { _ = queue.take(key("e\(number)", in: "n\(number % namespaces)")) }
        // The first ten places and then each tenth of 2,996.
        #expect(queue.release(key("e0", in: "n0")).count == 10 + 298)
        // It takes seconds at most; it took hours while each was told its place by counting through all turns.
        #expect(ContinuousClock.now - began < .seconds(120))
    }
}
