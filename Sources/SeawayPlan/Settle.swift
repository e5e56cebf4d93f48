import KubernetesModel
import SeawayAPI

/// What became of one action.
public enum Outcome: Sendable, Equatable {
    case done
    /// The API server said no, and will say no again: quota, validation, admission, a name that is taken.
    case refused(Reason, String)
    /// Something does not answer; trying again helps.
    case unavailable(String)
}

/// The result of one reconciliation.
public struct Settlement: Sendable, Equatable {
    /// The status to write; `nil` when nothing that it tells has changed.
    public var status: EnvironmentStatus?
    public var events: [Event]
    /// Look again after this many seconds.
    public var requeueAfter: Double?
    /// Look again with the queue's back-off.
    public var retries: Bool
    /// Whether its build runs or waits to run. When not, its build slot is somebody else's.
    public var keepsBuildSlot: Bool

    public struct Event: Sendable, Equatable {
        public var isWarning: Bool
        public var reason: Reason
        public var message: String
    }
}

/// Turns a plan and what became of its actions into the status, events and the next look.
///
/// Pure. `outcomes` belong to the plan's actions in order; a missing one was not reached.
public func settle(_ plan: Plan, _ outcomes: [Outcome], of environment: Environment, now: Timestamp) -> Settlement {
    var progress = plan.progress
    var retries = false
    if let failure = outcomes.first(where: { $0 != .done }) {
        retries = progress.absorb(failure)
    }
    guard !progress.isDeleting || outcomes.allSatisfy({ $0 == .done }) == false || !plan.actions.contains(.removeFinalizer) else {
        // The object is gone with its last finalizer.
        return Settlement(status: nil, events: [], requeueAfter: nil, retries: false, keepsBuildSlot: false)
    }
    let previous = environment.status
    var status = StatusWriter(environment: environment, progress: progress, now: now).status
    let changed = status.ignoringTime != previous?.ignoringTime
    if !changed { status.lastUpdated = previous?.lastUpdated }

    var events: [Settlement.Event] = []
    if changed, status.reason != previous?.reason || status.expectedRevision != previous?.expectedRevision, let reason = status.reason {
        events.append(
            .init(
                isWarning: status.isTrue(.stalled) || Reason.warnings.contains(Reason(rawValue: reason)), reason: Reason(rawValue: reason),
                message: status.message ?? status.stage ?? reason))
    }
    return Settlement(
        status: changed ? status : nil, events: events, requeueAfter: plan.requeueAfter, retries: retries, keepsBuildSlot: progress.isBuilding)
}

extension Progress {
    fileprivate var isBuilding: Bool {
        switch image {
        case .working(.building, _), .working(.queued, _), .working(.imageMissing, _), .working(.superseded, _): !isDeleting
        default: false
        }
    }

    /// Takes a failed action into the step that it belonged to: the first that is not done.
    /// - Returns: whether to try again with back-off.
    mutating func absorb(_ failure: Outcome) -> Bool {
        let step: Step
        let retries: Bool
        switch failure {
        case .done: return false
        case .refused(let reason, let message):
            step = .failed(reason, message)
            retries = false
        case .unavailable(let message):
            step = .working(.retrying, message)
            retries = true
        }
        if isDeleting {
            deployment = step
            return true
        }
        if !source.isDone {
            source = step
        } else if !image.isDone {
            image = step
        } else {
            deployment = step
            rolloutFinished = false
        }
        return retries
    }
}

extension EnvironmentStatus {
    var ignoringTime: EnvironmentStatus {
        var copy = self
        copy.lastUpdated = nil
        return copy
    }
}
