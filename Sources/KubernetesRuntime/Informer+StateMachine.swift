import KubernetesModel

/// Decides how an informer goes on. Pure: what happened comes in, what to do goes out.
struct InformerStateMachine<Object: KubernetesObject>: Sendable {
    private enum State: Sendable {
        /// Nothing is known. Can transition to: listing (first of several pages), watching (the only page).
        case unlisted
        /// Pages are gathered and not yet in the store. Can transition to: watching (last page), unlisted (page too old).
        case listing(List<Object>, continue: String)
        /// The store holds this version. Can transition to: unlisted (version too old).
        case watching(resourceVersion: String)
    }

    enum Step: Equatable, Sendable {
        case list(continue: String?)
        case watch(resourceVersion: String)
    }

    enum Effect: Sendable {
        case none
        /// Swap all objects at once; `undecodable` ones are there.
        case replace([Object], undecodable: [UndecodableObject])
        case upsert(Object)
        case remove(ObjectKey)
        case warn(UndecodableObject)
    }

    private var state = State.unlisted
    /// In a row.
    private(set) var failures = 0
    private let backOff: BackOff

    init(backOff: BackOff = .reading) {
        self.backOff = backOff
    }

    /// What to ask the API server for now.
    var step: Step {
        switch state {
        case .unlisted: .list(continue: nil)
        case .listing(_, let token): .list(continue: token)
        case .watching(let version): .watch(resourceVersion: version)
        }
    }

    mutating func listed(_ page: List<Object>) -> Effect {
        failures = 0
        var all = page
        if case .listing(let earlier, _) = state {
            all.items = earlier.items + page.items
            all.undecodable = earlier.undecodable + page.undecodable
        }
        if let token = page.metadata.continue, !token.isEmpty {
            state = .listing(all, continue: token)
            return .none
        }
        state = .watching(resourceVersion: page.resourceVersion ?? "")
        return .replace(all.items, undecodable: all.undecodable)
    }

    mutating func received(_ event: WatchEvent<Object>) -> Effect {
        if let version = event.resourceVersion, !version.isEmpty, case .watching = state {
            state = .watching(resourceVersion: version)
            failures = 0
        }
        switch event {
        case .added(let object), .modified(let object): return .upsert(object)
        case .deleted(let object): return .remove(object.key)
        case .undecodable(let object, let isDeleted): return isDeleted ? object.key.map { .remove($0) } ?? .warn(object) : .warn(object)
        case .bookmark, .error: return .none
        }
    }

    /// The server ended a watch, as it does with each after a while.
    /// - Parameter atOnce: it ended as soon as it had begun, with nothing sent: something is wrong, so do not hurry.
    /// - Returns: how long to wait before the next step.
    mutating func ended(atOnce: Bool, random: Double) -> Duration {
        guard atOnce else {
            failures = 0
            return .zero
        }
        return backOff(random)
    }

    /// A list or a watch failed. All that is known stays known, unless its version is gone.
    /// - Returns: how long to wait before the next step.
    mutating func failed(isGone: Bool, random: Double) -> Duration {
        guard isGone else { return backOff(random) }
        state = .unlisted
        // One relist is nothing unusual; one after the other is.
        let delay = failures == 0 ? .zero : backOff.delay(failures: failures, random: random)
        failures += 1
        return delay
    }

    private mutating func backOff(_ random: Double) -> Duration {
        failures += 1
        return backOff.delay(failures: failures, random: random)
    }
}

extension InformerStateMachine.Effect: Equatable where Object: Equatable {}
