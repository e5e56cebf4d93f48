import Foundation
import Synchronization
import Testing

@testable import KubernetesClient

@Suite(.timeLimit(.minutes(10))) struct RefreshingValueTests {
    private struct Failed: Error {}

    /// A load that waits until the test lets it end.
    private final class Gate: Sendable {
        private let started = AsyncStream<Void>.makeStream()
        private let results = AsyncThrowingStream<Int, any Error>.makeStream()
        let loads = Mutex(0)

        func load() async throws -> Int {
            loads.withLock { $0 += 1 }
            started.continuation.yield()
            for try await result in results.stream { return result }
            throw CancellationError()
        }
        func waitForLoad() async { for await _ in started.stream { return } }
        func end(_ result: Int) { results.continuation.yield(result) }
        func fail(_ error: any Error) { results.continuation.finish(throwing: error) }
    }

    @Test func oneLoadServesAll() async throws {
        let gate = Gate()
        let value = RefreshingValue { .init(value: try await gate.load(), expires: nil) }
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<10 { group.addTask { try await value.get().value } }
            await gate.waitForLoad()
            gate.end(7)
            for try await result in group { #expect(result == 7) }
        }
        #expect(gate.loads.withLock { $0 } == 1)
    }

    @Test func aCancelledLoaderHandsOver() async throws {
        let gate = Gate()
        let value = RefreshingValue<Int> {
            if gate.loads.withLock({ $0 }) > 0 { return .init(value: 8, expires: nil) }
            return .init(value: try await gate.load(), expires: nil)
        }
        let first = Task { try await value.get().value }
        await gate.waitForLoad()
        let second = Task { try await value.get().value }
        first.cancel()
        await #expect(throws: CancellationError.self) { try await first.value }
        #expect(try await second.value == 8)
    }

    @Test func anErrorIsNotRemembered() async throws {
        let attempts = Mutex(0)
        let value = RefreshingValue<Int> {
            let attempt = attempts.withLock { attempts in
                attempts += 1
                return attempts
            }
            if attempt == 1 { throw Failed() }
            return .init(value: attempt, expires: nil)
        }
        await #expect(throws: Failed.self) { try await value.get() }
        #expect(try await value.get().value == 2)
    }

    @Test func expiryAndInvalidation() async throws {
        let time = TestTime(Date(timeIntervalSince1970: 0))
        let loads = Mutex(0)
        let value = RefreshingValue<Int>(
            now: { time.now },
            load: {
                let count = loads.withLock { loads in
                    loads += 1
                    return loads
                }
                return .init(value: count, expires: time.now.addingTimeInterval(60))
            })
        let first = try await value.get()
        time.now = Date(timeIntervalSince1970: 59)
        #expect(try await value.get().value == 1)
        time.now = Date(timeIntervalSince1970: 60)
        #expect(try await value.get().value == 2)
        // Somebody who still had the first value must not spoil the second.
        value.invalidate(generation: first.generation)
        #expect(try await value.get().value == 2)
    }
}
