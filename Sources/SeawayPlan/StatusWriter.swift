import KubernetesModel
import SeawayAPI

/// Derives the status that people and `seactl` read from how far each step is.
struct StatusWriter {
    let environment: Environment
    let progress: Progress
    let now: Timestamp

    private var previous: EnvironmentStatus? { environment.status }
    private var generation: Int? { environment.metadata.generation }

    var status: EnvironmentStatus {
        var status = EnvironmentStatus()
        status.observedGeneration = generation
        status.expectedRevision = environment.spec.revision
        status.deployedRevision = progress.rolloutFinished ? environment.spec.revision : previous?.deployedRevision
        status.buildDigest = progress.buildDigest
        status.image = progress.deployedImage
        status.urls = progress.urls.isEmpty ? nil : progress.urls
        status.build = progress.buildSpan
        status.rollout = rollout
        status.lastUpdated = now

        let verdict = verdict
        status.stage = verdict.stage
        status.reason = verdict.reason.rawValue
        status.message = verdict.message
        status.conditions = conditions(verdict)
        return status
    }

    private struct Verdict {
        enum Outcome { case ready, working, failed }
        var outcome: Outcome
        var stage: String
        var reason: Reason
        var message: String
    }

    /// The first step that is not done explains the whole.
    private var verdict: Verdict {
        if progress.isDeleting {
            if case .working(let reason, let message) = progress.deployment {
                // Why it goes by itself is worth telling; why the deletion is held up stands in the message.
                return Verdict(
                    outcome: .working, stage: "Deleting", reason: reason == .expired ? .expired : .deleting, message: "deleting: \(message)")
            }
            if case .failed(let reason, let message) = progress.deployment {
                return Verdict(outcome: .failed, stage: "Deleting", reason: reason, message: message)
            }
            return Verdict(outcome: .working, stage: "Deleting", reason: .deleting, message: "removing objects, images and sources")
        }
        let steps: [(Step, working: String, failed: String)] = [
            (progress.source, "Waiting for the sources", "Sources missing"),
            (progress.image, "Building the image", "Build failed"),
            (progress.deployment, "Deploying the revision", "Deployment failed"),
        ]
        for (step, working, failed) in steps {
            switch step {
            case .done: continue
            case .pending: return Verdict(outcome: .working, stage: working, reason: .rollingOut, message: working)
            case .working(let reason, let message): return Verdict(outcome: .working, stage: working, reason: reason, message: message)
            case .failed(let reason, let message): return Verdict(outcome: .failed, stage: failed, reason: reason, message: message)
            }
        }
        if environment.spec.replicas == 0 {
            return Verdict(outcome: .ready, stage: "Revision deployed", reason: .ready, message: "scaled to no pods, as wanted")
        }
        let place = progress.urls.first.map { " at \($0)" } ?? ""
        return Verdict(
            outcome: .ready, stage: "Revision deployed", reason: .ready,
            message: "revision \(environment.spec.revision.prefix(12)) runs\(place)")
    }

    private func conditions(_ verdict: Verdict) -> [Condition] {
        var conditions = [
            condition(.ready, verdict.outcome == .ready ? .true : .false, verdict.reason, verdict.message)
        ]
        switch verdict.outcome {
        case .ready: break
        case .working: conditions.append(condition(.reconciling, .true, verdict.reason, verdict.message))
        case .failed: conditions.append(condition(.stalled, .true, verdict.reason, verdict.message))
        }
        for (type, step) in [
            (ConditionType.sourceReady, progress.source), (.imageBuilt, progress.image), (.deployed, progress.deployment),
        ] {
            switch step {
            case .pending: conditions.append(condition(type, .unknown, .pending, "an earlier step is not done"))
            case .working(let reason, let message): conditions.append(condition(type, .unknown, reason, message))
            case .done(let reason, let message): conditions.append(condition(type, .true, reason, message))
            case .failed(let reason, let message): conditions.append(condition(type, .false, reason, message))
            }
        }
        return conditions
    }

    private func condition(_ type: ConditionType, _ status: Condition.Status, _ reason: Reason, _ message: String) -> Condition {
        // The transition time moves with the status alone (API conventions), not with reason or message.
        let before = previous?.condition(type)
        let since = before?.status == status ? before?.lastTransitionTime ?? now : now
        return Condition(type, status, reason, message, observedGeneration: generation, since: since)
    }

    private var rollout: EnvironmentStatus.Span? {
        let isSame = previous?.buildDigest == progress.buildDigest && previous?.observedGeneration == generation
        guard progress.image.isDone else { return isSame ? previous?.rollout : nil }
        // One that had finished and goes on (somebody changed the pods, or another operator renders them otherwise) is a new one.
        let isNew = !isSame || previous?.rollout?.finishedAt != nil && !progress.rolloutFinished
        let started = isNew ? now : previous?.rollout?.startedAt ?? now
        let finished = isNew ? nil : previous?.rollout?.finishedAt
        return .init(startedAt: started, finishedAt: progress.rolloutFinished ? finished ?? now : nil)
    }
}
