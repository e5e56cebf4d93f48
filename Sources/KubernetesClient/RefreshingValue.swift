import Foundation
import Synchronization

/// A value that is loaded when it is first needed and again when it has expired.
///
/// One load serves all who wait for it. When the loading caller is cancelled, the next one loads; an error goes to those who
/// waited for it and is not remembered.
final class RefreshingValue<Value: Sendable>: Sendable {
    struct Loaded: Sendable {
        var value: Value
        /// `nil`: good until invalidated.
        var expires: Date?
    }

    private typealias Waiter = CheckedContinuation<Void, any Error>

    private struct State {
        var loaded: Loaded?
        /// Counts loads, so that an invalidation meets only the value it is about.
        var generation = 0
        var isLoading = false
        var waiters: [Int: Waiter] = [:]
        var nextWaiter = 0
    }

    private enum Step {
        case use(Value, generation: Int)
        case load
        case wait(id: Int)
    }

    private let state = Mutex(State())
    private let now: @Sendable () -> Date
    private let load: @Sendable () async throws -> Loaded

    init(now: @escaping @Sendable () -> Date = { Date() }, load: @escaping @Sendable () async throws -> Loaded) {
        self.now = now
        self.load = load
    }

    func get() async throws -> (value: Value, generation: Int) {
        while true {
            switch begin() {
            case .use(let value, let generation): return (value, generation)
            case .wait(let id): try await wait(id)
            case .load:
                do {
                    let loaded = try await load()
                    return (loaded.value, finish(loaded))
                } catch {
                    fail(error)
                    throw error
                }
            }
        }
    }

    /// Forgets the value: that of a generation only when it is still the present one.
    func invalidate(generation: Int? = nil) {
        state.withLock { state in
            if generation == nil || state.generation == generation { state.loaded = nil }
        }
    }

    private func begin() -> Step {
        let time = now()
        return state.withLock { state in
            if let loaded = state.loaded, loaded.expires.map({ $0 > time }) ?? true {
                return .use(loaded.value, generation: state.generation)
            }
            if state.isLoading {
                state.nextWaiter += 1
                return .wait(id: state.nextWaiter)
            }
            state.isLoading = true
            return .load
        }
    }

    private func wait(_ id: Int) async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (waiter: Waiter) in
                let outcome: Result<Void, any Error>? = state.withLock { state in
                    if Task.isCancelled { return .failure(CancellationError()) }
                    // The load ended between `begin` and here: look again.
                    if !state.isLoading { return .success(()) }
                    state.waiters[id] = waiter
                    return nil
                }
                if let outcome { waiter.resume(with: outcome) }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id) }?.resume(throwing: CancellationError())
        }
    }

    private func finish(_ loaded: Loaded) -> Int {
        let (generation, waiters) = state.withLock { state in
            state.loaded = loaded
            state.generation += 1
            return (state.generation, takeWaiters(&state))
        }
        for waiter in waiters { waiter.resume() }
        return generation
    }

    private func fail(_ error: any Error) {
        let waiters = state.withLock { takeWaiters(&$0) }
        for waiter in waiters {
            // The caller that loaded was cancelled, not those that waited.
            if error is CancellationError { waiter.resume() } else { waiter.resume(throwing: error) }
        }
    }

    private func takeWaiters(_ state: inout State) -> [Waiter] {
        let waiters = Array(state.waiters.values)
        state.waiters = [:]
        state.isLoading = false
        return waiters
    }
}
