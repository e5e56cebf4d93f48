import KubernetesModel
import Synchronization

/// The objects of one kind as the informer last saw them. Reading never waits and never asks the API server.
public final class Store<Object: KubernetesObject>: Sendable {
    private struct State {
        var contents = StoreContents<Object>()
        var isReady = false
        var waiters: [Int: CheckedContinuation<Void, any Error>] = [:]
        var nextWaiter = 0
    }

    private let state = Mutex(State())

    /// An empty store that is not ready; an informer has its own.
    public init() {}

    /// A store that is ready with these objects, for tests of what reads stores.
    public convenience init(_ objects: [Object]) {
        self.init()
        _ = replace(objects, keeping: [])
    }

    public func get(_ key: ObjectKey) -> Object? {
        state.withLock { $0.contents.objects[key] }
    }

    public func get(_ name: String, namespace: String?) -> Object? {
        get(ObjectKey(namespace: namespace, name: name))
    }

    /// All objects, in no order.
    public func all() -> [Object] {
        state.withLock { Array($0.contents.objects.values) }
    }

    public func list(where isWanted: (Object) -> Bool) -> [Object] {
        all().filter(isWanted)
    }

    /// The objects whose label has this value. The first call for a label builds an index of it.
    /// - Parameter namespace: `nil` looks in all namespaces.
    public func index(by label: String, _ value: String, namespace: String? = nil) -> [Object] {
        state.withLock { $0.contents.objects(label: label, value: value, namespace: namespace) }
    }

    public var count: Int { state.withLock { $0.contents.objects.count } }

    /// Whether the first list is in: an object that is missing before that may well exist.
    public var isReady: Bool { state.withLock { $0.isReady } }

    /// Waits for the first list.
    /// - Throws: `CancellationError` when the task is cancelled.
    public func waitUntilReady() async throws {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (waiter: CheckedContinuation<Void, any Error>) in
                let outcome: Result<Void, any Error>? = state.withLock { state in
                    if Task.isCancelled { return .failure(CancellationError()) }
                    if state.isReady { return .success(()) }
                    state.waiters[id] = waiter
                    return nil
                }
                if let outcome { waiter.resume(with: outcome) }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id) }?.resume(throwing: CancellationError())
        }
    }
}

// Written by the informer alone.
extension Store {
    func upsert(_ object: Object) -> StoreChange<Object> {
        state.withLock { $0.contents.upsert(object) }
    }

    func remove(_ key: ObjectKey) -> StoreChange<Object>? {
        state.withLock { $0.contents.remove(key) }
    }

    /// Swaps in a whole list at once.
    /// - Parameter keeping: objects that are there but do not decode: they stay as they were.
    func replace(_ objects: [Object], keeping: [ObjectKey]) -> [StoreChange<Object>] {
        let (changes, waiters) = state.withLock { state in
            let changes = state.contents.replace(objects, keeping: keeping)
            let waiters = Array(state.waiters.values)
            state.waiters = [:]
            state.isReady = true
            return (changes, waiters)
        }
        for waiter in waiters { waiter.resume() }
        return changes
    }
}
