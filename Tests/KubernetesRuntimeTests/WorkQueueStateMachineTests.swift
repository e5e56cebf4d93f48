import Testing

@testable import KubernetesRuntime

@Suite struct WorkQueueStateMachineTests {
    typealias Machine = WorkQueueStateMachine<String>
    let start = ContinuousClock.now
    func at(_ seconds: Int) -> ContinuousClock.Instant { start.advanced(by: .seconds(seconds)) }

    @Test func keysComeInOrderAndOnce() {
        var queue = Machine()
        #expect(queue.add("a") == true)
        #expect(queue.add("b") == true)
        #expect(queue.add("a") == false)
        #expect(queue.depth == 2)
        #expect(queue.next(now: start) == .work("a"))
        #expect(queue.next(now: start) == .work("b"))
        #expect(queue.next(now: start) == .wait(until: nil))
    }

    @Test func aKeyIsNeverHandedOutTwice() {
        var queue = Machine()
        _ = queue.add("a")
        #expect(queue.next(now: start) == .work("a"))
        #expect(queue.add("a") == false)
        #expect(queue.add("a") == false)
        #expect(queue.next(now: start) == .wait(until: nil))
        #expect(queue.done("a") == true)
        #expect(queue.next(now: start) == .work("a"))
        #expect(queue.done("a") == false)
        #expect(queue.next(now: start) == .wait(until: nil))
    }

    @Test func delayedKeysBecomeDue() {
        var queue = Machine()
        #expect(queue.add("a", due: at(10)) == true)
        #expect(queue.add("b", due: at(5)) == true)
        #expect(queue.next(now: at(0)) == .wait(until: at(5)))
        #expect(queue.next(now: at(5)) == .work("b"))
        #expect(queue.next(now: at(6)) == .wait(until: at(10)))
        #expect(queue.next(now: at(99)) == .work("a"))
        #expect(queue.next(now: at(99)) == .wait(until: nil))
    }

    @Test func theEarlierOfTwoTimesCounts() {
        var queue = Machine()
        _ = queue.add("a", due: at(10))
        #expect(queue.add("a", due: at(20)) == false)
        #expect(queue.add("a", due: at(3)) == true)
        #expect(queue.next(now: at(3)) == .work("a"))
        #expect(queue.done("a") == false)
        #expect(queue.next(now: at(99)) == .wait(until: nil))
    }

    @Test func addingNowReplacesADelay() {
        var queue = Machine()
        _ = queue.add("a", due: at(10))
        #expect(queue.add("a") == true)
        #expect(queue.add("a", due: at(1)) == false)
        #expect(queue.next(now: at(0)) == .work("a"))
        _ = queue.done("a")
        #expect(queue.next(now: at(99)) == .wait(until: nil))
    }

    @Test func aDelayThatEndsDuringWorkIsNotLost() {
        var queue = Machine()
        _ = queue.add("a")
        #expect(queue.next(now: at(0)) == .work("a"))
        _ = queue.add("a", due: at(1))
        #expect(queue.next(now: at(2)) == .wait(until: nil))
        #expect(queue.done("a") == true)
        #expect(queue.next(now: at(2)) == .work("a"))
    }

    @Test func failuresAreCountedUntilForgotten() {
        var queue = Machine()
        let counts = [queue.failed("a"), queue.failed("a"), queue.failed("b")]
        #expect(counts == [1, 2, 1])
        queue.forget("a")
        #expect(queue.failed("a") == 1)
    }

    @Test func shutDownEndsEverything() {
        var queue = Machine()
        _ = queue.add("a")
        queue.shutDown()
        #expect(queue.next(now: start) == .finished)
        #expect(queue.add("b") == false)
        #expect(queue.add("b", due: start) == false)
    }

    @Test func thousandsOfKeysStayInOrder() {
        var queue = WorkQueueStateMachine<Int>()
        for key in 0..<1000 { _ = queue.add(key) }
        for key in 0..<1000 {
            #expect(queue.next(now: start) == .work(key))
            _ = queue.add(key)
            _ = queue.done(key)
        }
        #expect(queue.depth == 1000)
        #expect(queue.next(now: start) == .work(0))
    }

    @Test func heapGivesTimesInOrder() {
        var heap = DelayHeap<Int>()
        var generator = SystemRandomNumberGenerator()
        var expected: [Int: Int] = [:]
        for _ in 0..<2000 {
            let key = Int.random(in: 0..<300, using: &generator)
            switch Int.random(in: 0..<5, using: &generator) {
            case 0:
                heap.remove(key)
                expected[key] = nil
            default:
                let time = Int.random(in: 0..<1000, using: &generator)
                heap.insert(key, due: at(time))
                expected[key] = min(expected[key] ?? .max, time)
            }
            #expect(heap.count == expected.count)
        }
        #expect(heap.earliest() == expected.values.min().map(at))
        var popped: [Int] = []
        while let key = heap.popDue(at: at(5000)) { popped.append(expected.removeValue(forKey: key) ?? -1) }
        #expect(popped == popped.sorted())
        #expect(expected.isEmpty)
    }
}
