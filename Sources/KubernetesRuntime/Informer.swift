import KubernetesClient
import KubernetesModel
import Logging
import Synchronization

/// Keeps a store of the objects of one kind up to date: lists them, then watches, for ever.
///
/// Errors never end it. It lists again only when the server no longer knows the version it had; the new list replaces the old
/// one at once, so a reader never sees half of it, and only what differs is reported.
public final class Informer<Object: KubernetesObject>: Sendable {
    /// Called for every change after the store has it, one change at a time; must be quick, as adding to a queue is.
    /// A new object has no old state, a deleted one no new state.
    public typealias Handler = @Sendable (_ key: ObjectKey, _ old: Object?, _ new: Object?) -> Void

    public let store = Store<Object>()
    private let client: KubernetesClient
    private let namespace: String?
    private let labelSelector: String?
    private let fieldSelector: String?
    private let logger: Logger
    private let handlers = Mutex<[Handler]>([])
    private static var pageSize: Int { 500 }

    /// - Parameter namespace: `nil` watches all namespaces.
    public init(
        client: KubernetesClient, namespace: String? = nil, labelSelector: String? = nil, fieldSelector: String? = nil,
        logger: Logger = Logger(label: "seaway.informer")
    ) {
        self.client = client
        self.namespace = namespace
        self.labelSelector = labelSelector
        self.fieldSelector = fieldSelector
        var logger = logger
        logger[metadataKey: "kind"] = "\(Object.resource.kind)"
        self.logger = logger
    }

    /// Calls `handler` for every change, from the first list on. Call before `run`.
    public func onChange(_ handler: @escaping Handler) {
        handlers.withLock { $0.append(handler) }
    }

    /// Lists and watches until the task is cancelled.
    /// - Throws: `CancellationError`, and nothing else.
    public func run() async throws {
        var machine = InformerStateMachine<Object>()
        while true {
            try Task.checkCancellation()
            let delay: Duration
            do {
                switch machine.step {
                case .list(let token):
                    let request = APIRequest.list(
                        Object.resource, namespace: namespace, labelSelector: labelSelector, fieldSelector: fieldSelector,
                        limit: Self.pageSize, continue: token)
                    perform(machine.listed(try await client.send(request, as: List<Object>.self)))
                    delay = .zero
                case .watch(let version):
                    delay = try await watch(from: version, &machine)
                }
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                let isGone = (error as? KubernetesError)?.isGone == true
                delay = machine.failed(isGone: isGone, random: .random(in: 0..<1))
                if isGone {
                    logger.debug("the version is too old, listing again")
                } else {
                    // A connection that breaks once is nothing to tell: servers restart.
                    logger.log(
                        level: machine.failures > 1 ? .warning : .debug, "cannot list or watch, trying again",
                        metadata: ["error": "\(error)", "after": "\(delay)"])
                }
            }
            if delay > .zero { try await Task.sleep(for: delay) }
        }
    }

    /// - Returns: how long to wait before the next step.
    private func watch(from version: String, _ machine: inout InformerStateMachine<Object>) async throws -> Duration {
        let start = ContinuousClock.now
        var events = 0
        var failure: Status?
        var updated = machine
        defer { machine = updated }
        // Different lengths, so that the watches of many informers do not all end together.
        let seconds = Int.random(in: (KubernetesClient.longestWatch * 3 / 4)...KubernetesClient.longestWatch)
        try await client.withWatch(
            Object.self, namespace: namespace, labelSelector: labelSelector, fieldSelector: fieldSelector,
            resourceVersion: version, timeoutSeconds: seconds
        ) { sequence in
            for try await event in sequence {
                events += 1
                if case .error(let status) = event { failure = status }
                perform(updated.received(event))
            }
        }
        if let failure { throw KubernetesError(.api(failure), "the watch of \(Object.resource.plural) ended: \(failure)") }
        let endedAtOnce = events == 0 && ContinuousClock.now - start < .seconds(1)
        return updated.ended(atOnce: endedAtOnce, random: .random(in: 0..<1))
    }

    private func perform(_ effect: InformerStateMachine<Object>.Effect) {
        switch effect {
        case .none:
            break
        case .replace(let objects, let undecodable):
            for object in undecodable { warn(object) }
            for change in store.replace(objects, keeping: undecodable.compactMap(\.key)) { report(change) }
        case .upsert(let object):
            report(store.upsert(object))
        case .remove(let key):
            if let change = store.remove(key) { report(change) }
        case .warn(let object):
            warn(object)
        }
    }

    private func report(_ change: StoreChange<Object>) {
        for handler in handlers.withLock({ $0 }) { handler(change.key, change.old, change.new) }
    }

    private func warn(_ object: UndecodableObject) {
        logger.warning(
            "an object does not decode; its last readable state is kept",
            metadata: ["object": "\(object.key?.description ?? "?")", "reason": "\(object.reason)"])
    }
}
