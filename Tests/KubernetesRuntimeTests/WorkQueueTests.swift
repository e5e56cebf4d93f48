import KubernetesRuntime
import Synchronization
import Testing

/// The queue with real tasks; nothing here waits for time to pass but the queue itself.
@Suite(.timeLimit(.minutes(10))) struct WorkQueueTests {
    @Test func aWaitingWorkerIsWoken() async {
        let queue = WorkQueue<String>()
        async let key = queue.next()
        queue.add("a")
        #expect(await key == "a")
    }

    @Test func shutDownLetsWaitingWorkersGo() async {
        let queue = WorkQueue<String>()
        async let first = queue.next()
        async let second = queue.next()
        queue.add("later", after: .seconds(3600))
        queue.shutDown()
        #expect(await first == nil)
        #expect(await second == nil)
    }

    @Test func cancellationLetsAWaitingWorkerGo() async {
        let queue = WorkQueue<String>()
        for delay in [Duration?.none, .seconds(3600)] {
            if let delay { queue.add("later", after: delay) }
            let task = Task { await queue.next() }
            task.cancel()
            #expect(await task.value == nil)
        }
    }

    @Test func aDelayedKeyComes() async {
        let queue = WorkQueue<String>()
        queue.add("b", after: .milliseconds(20))
        queue.add("a", after: .milliseconds(1))
        #expect(await queue.next() == "a")
        #expect(await queue.next() == "b")
    }

    @Test func manyWorkersWorkOnEachKeyOnceAtATime() async {
        struct Seen {
            var working: Set<Int> = []
            var overlaps = 0
            var runs = 0
        }
        let queue = WorkQueue<Int>()
        let seen = Mutex(Seen())
        let total = 2000
        for key in 0..<50 { queue.add(key) }
        await runWorkers(queue, count: 8) { key in
            seen.withLock { if !$0.working.insert(key).inserted { $0.overlaps += 1 } }
            queue.add(key)
            await Task.yield()
            let isEnough = seen.withLock {
                $0.working.remove(key)
                $0.runs += 1
                return $0.runs >= total
            }
            if isEnough { queue.shutDown() }
            return .done
        }
        #expect(seen.withLock { $0.overlaps } == 0)
        #expect(seen.withLock { $0.runs } >= total)
    }

    @Test func resultsDecideWhetherAKeyComesAgain() async {
        let queue = WorkQueue<String>(backOff: BackOff(initial: .milliseconds(1), maximum: .milliseconds(2)))
        let runs = Mutex<[String: Int]>([:])
        for key in ["done", "retry", "requeue"] { queue.add(key) }
        await runWorkers(queue, count: 2) { key in
            let counts = runs.withLock { runs in
                runs[key, default: 0] += 1
                return runs
            }
            if counts["retry", default: 0] >= 3, counts["requeue", default: 0] >= 3 { queue.shutDown() }
            return switch key {
            case "retry": .retry
            case "requeue": .requeue(after: .milliseconds(1))
            default: .done
            }
        }
        #expect(runs.withLock { $0["done"] } == 1)
        #expect(runs.withLock { $0["retry", default: 0] } >= 3)
        #expect(runs.withLock { $0["requeue", default: 0] } >= 3)
    }
}
