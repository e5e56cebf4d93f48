import Foundation
import KubernetesClient
import KubernetesModel
import KubernetesRuntime
import Logging
import SeawayAPI
import SeawayPlan
import Synchronization

/// The frame around the pure decisions: observe, plan, answer, perform, settle, write.
final class Reconciler: Sendable {
    private let settings: OperatorSettings
    private let view: ClusterView
    private let lookUps: LookUps
    private let effects: Effects
    private let events: EventRecorder
    private let slots: BuildSlots
    private let metrics: OperatorMetrics
    private let wake: @Sendable (ObjectKey) -> Void
    private let logger: Logger
    /// What our last write made of an Environment, until the watch shows it.
    private let written = Mutex<[ObjectKey: Environment]>([:])

    init(
        settings: OperatorSettings, view: ClusterView, lookUps: LookUps, effects: Effects, events: EventRecorder, slots: BuildSlots,
        metrics: OperatorMetrics, wake: @escaping @Sendable (ObjectKey) -> Void, logger: Logger
    ) {
        self.settings = settings
        self.view = view
        self.lookUps = lookUps
        self.effects = effects
        self.events = events
        self.slots = slots
        self.metrics = metrics
        self.wake = wake
        self.logger = logger
    }

    /// Brings one Environment a step further.
    func reconcile(_ key: ObjectKey) async -> WorkResult {
        guard var observed = view.observe(key, at: Timestamp(Date())) else {
            written.withLock { $0[key] = nil }
            release(key)
            return .done
        }
        observed.environment = newest(observed.environment, key)

        var current = plan(observed, settings)
        // Each question is asked once, so the rounds are bounded by their number.
        while !current.questions.isEmpty {
            for question in current.questions {
                observed.answers[question] = await lookUps.answer(question, about: observed.environment)
            }
            if Task.isCancelled { return .done }
            current = plan(observed, settings)
        }

        var outcomes: [Outcome] = []
        for action in current.actions {
            let outcome = await effects.perform(action, on: observed.environment)
            log(action, outcome, observed.environment)
            outcomes.append(outcome)
            guard outcome == .done else { break }
        }
        if Task.isCancelled { return .done }
        // Actions may have changed the object (finalizer); what they made of it counts.
        let settlement = settle(current, outcomes, of: observed.environment, now: Timestamp(Date()))
        let result = await conclude(settlement, key, observed.environment)
        // After the status tells that this build is over, so that never more builds are told of than there are slots.
        if !settlement.keepsBuildSlot { release(key) }
        return result
    }

    private func conclude(_ settlement: Settlement, _ key: ObjectKey, _ environment: Environment) async -> WorkResult {
        if let status = settlement.status {
            do {
                let result = try await effects.write(status, of: environment)
                written.withLock { $0[key] = result }
                metrics.note(StatusObservation.between(environment.status, status))
                logger.info(
                    "\(status.stage ?? "")",
                    metadata: about(environment, ["reason": "\(status.reason ?? "")"]))
            } catch let error as KubernetesError where error.isNotFound {
                return .done
            } catch {
                logger.warning("status not written", metadata: about(environment, ["error": "\(error)"]))
                return .retry
            }
        }
        for event in settlement.events {
            await events.record(
                event.isWarning ? .warning : .normal, reason: event.reason.rawValue, message: event.message, about: ObjectReference(environment))
        }
        if settlement.retries { return .retry }
        return settlement.requeueAfter.map { .requeue(after: .milliseconds(Int64($0 * 1000))) } ?? .done
    }

    private func log(_ action: Action, _ outcome: Outcome, _ environment: Environment) {
        switch outcome {
        case .done: logger.debug("done", metadata: about(environment, ["action": "\(action.summary)"]))
        case .refused(let reason, let why):
            logger.warning("refused", metadata: about(environment, ["action": "\(action.summary)", "reason": "\(reason)", "error": "\(why)"]))
        case .unavailable(let why): logger.warning("not done", metadata: about(environment, ["action": "\(action.summary)", "error": "\(why)"]))
        }
    }

    private func about(_ environment: Environment, _ more: Logger.Metadata) -> Logger.Metadata {
        more.merging(["environment": "\(environment.key)", "revision": "\(environment.spec.revision.prefix(12))"]) { $1 }
    }

    /// The Environment as our own last write left it, when the watch has not shown that write yet.
    private func newest(_ observed: Environment, _ key: ObjectKey) -> Environment {
        written.withLock { written in
            guard let own = written[key] else { return observed }
            if own.metadata.uid == observed.metadata.uid, observed.isOlder(than: own) { return own }
            written[key] = nil
            return observed
        }
    }

    private func release(_ key: ObjectKey) {
        for next in slots.release(key) { wake(next) }
    }
}

extension Environment {
    /// Whether this is an earlier version of the same object.
    ///
    /// Versions of one resource are decimal numbers that grow (KEP-5504); anything else counts as not older.
    fileprivate func isOlder(than other: Environment) -> Bool {
        guard let own = metadata.resourceVersion.flatMap(UInt64.init), let others = other.metadata.resourceVersion.flatMap(UInt64.init)
        else { return false }
        return own < others
    }
}
