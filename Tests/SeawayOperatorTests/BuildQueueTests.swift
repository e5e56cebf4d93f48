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
}
