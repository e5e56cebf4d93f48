import Foundation
import KubernetesModel
import SeawayAPI

/// Something to count that became known with a written status.
enum StatusObservation: Sendable, Equatable {
    case buildEnded(Reason, succeeded: Bool, seconds: Double)
    case rolledOut(seconds: Double)

    /// What a status tells that the one before did not. Pure; it goes by the statuses alone, so an operator that takes over counts
    /// nothing a second time.
    static func between(_ old: EnvironmentStatus?, _ new: EnvironmentStatus) -> [StatusObservation] {
        var found: [StatusObservation] = []
        if let end = BuildEnd(new), end != old.flatMap(BuildEnd.init), let seconds = seconds(of: new.build, at: new.lastUpdated) {
            found.append(.buildEnded(end.reason, succeeded: end.succeeded, seconds: seconds))
        }
        if let rollout = new.rollout, rollout.finishedAt != nil, rollout != old?.rollout, let seconds = seconds(of: rollout, at: nil) {
            found.append(.rolledOut(seconds: seconds))
        }
        return found
    }

    private static func seconds(of span: EnvironmentStatus.Span?, at now: Timestamp?) -> Double? {
        guard let span, let end = span.finishedAt ?? now else { return nil }
        return max(end.date.timeIntervalSince(span.startedAt.date), 0)
    }

    /// One build's end. It is the same one for as long as its beginning is: a later status tells it again, maybe in other words.
    private struct BuildEnd: Equatable {
        var startedAt: Timestamp
        var reason: Reason
        var succeeded: Bool

        static func == (left: BuildEnd, right: BuildEnd) -> Bool { left.startedAt == right.startedAt && left.succeeded == right.succeeded }

        init?(_ status: EnvironmentStatus) {
            guard let startedAt = status.build?.startedAt, let condition = status.condition(.imageBuilt) else { return nil }
            switch condition.status {
            case .true where condition.reason == .imagePushed: succeeded = true
            // One that no node takes, or that the cluster refuses, is told as failed and may yet begin.
            case .false where status.build?.finishedAt != nil || condition.reason == .buildDeadlineExceeded: succeeded = false
            default: return nil
            }
            self.startedAt = startedAt
            reason = condition.reason
        }
    }
}
