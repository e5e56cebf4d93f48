import Foundation
import KubernetesModel
import SeawayAPI

extension Job {
    /// The build digest that this build Job makes.
    var digest: String? { metadata.annotations?[Names.buildDigestAnnotation] }

    public var isFinished: Bool { isComplete || failure != nil }

    var isComplete: Bool {
        status?.conditions?.contains { $0.type == "Complete" && $0.status == "True" } ?? false
    }

    /// The condition that says why the Job failed.
    var failure: ObjectCondition? {
        status?.conditions?.first { $0.type == "Failed" && $0.status == "True" }
    }

    /// Whether it builds again what the registry lost.
    var isRebuild: Bool { metadata.annotations?[Names.rebuildAnnotation] == "true" }

    func isFor(digest: String, attempt: Int) -> Bool {
        self.digest == digest && Int(metadata.annotations?[Names.attemptAnnotation] ?? "0") == attempt
            && metadata.deletionTimestamp == nil
    }
}

extension Planner {
    /// Reads off a build Job how far the image is.
    mutating func follow(_ job: Job) -> Bool {
        // Pods of an earlier Job live on for a moment, and must not speak for this one.
        let own = observed.buildPods.filter { pod in pod.metadata.ownerReferences?.contains { $0.uid == job.metadata.uid } ?? false }
        let pod = own.max { ($0.metadata.creationTimestamp ?? .distantPast) < ($1.metadata.creationTimestamp ?? .distantPast) }
        let build = pod?.containerStatus(Names.buildContainer)
        if let started = job.status?.startTime ?? job.metadata.creationTimestamp {
            let finished = build?.state?.terminated?.finishedAt ?? job.status?.completionTime ?? job.failure?.lastTransitionTime
            plan.progress.buildSpan = .init(startedAt: started, finishedAt: finished)
        }
        // The container's end is known some tenths of a second before the Job's own conditions are.
        if job.isComplete || build?.state?.terminated?.exitCode == 0 {
            plan.progress.image = .done(.imagePushed, "image \(digest.prefix(12)) was built")
            return true
        }
        if let pod, build?.state?.terminated == nil, observed.pushedPods.contains(pod.metadata.uid ?? "") {
            // A hint from the builder's log; the registry's word counts.
            guard let answer = ask(.image(tag: digest)) else { return false }
            if answer == .yes {
                plan.progress.image = .done(.imagePushed, "image \(digest.prefix(12)) was built")
                return true
            }
        }
        let overdue = secondsUntilOverdue(job).map { $0 <= 0 } ?? false
        if job.failure?.reason == "DeadlineExceeded" || overdue {
            // Kubernetes before 1.22 may forget the deadline of a Job that has the name of an earlier one.
            if overdue, plan.questions.isEmpty { plan.actions.append(.delete(.jobs, name: job.name, uid: job.metadata.uid ?? "")) }
            if let known = toldFailure(.imageBuilt), known.reason == .unschedulable {
                plan.progress.image = .failed(known.reason, known.message)
                return false
            }
            fail(.buildDeadlineExceeded, "the build took longer than \(render.buildDeadline) s", pod: pod, container: Names.buildContainer)
        } else if job.failure == nil, let next = nextAttempt(after: own) {
            plan.progress.image = .working(.building, next)
        } else if let ended = pod?.sourceContainer?.state?.terminated, let code = ended.exitCode, code != 0 {
            failForSources(pod)
            // A source container that was killed told nobody: a builder that waits for it would wait until the deadline.
            if build?.state?.running != nil, plan.questions.isEmpty {
                plan.actions.append(.delete(.jobs, name: job.name, uid: job.metadata.uid ?? ""))
            }
        } else if let ended = build?.state?.terminated {
            if ended.reason == "OOMKilled" {
                fail(.buildOutOfMemory, "the build was killed because it used more memory than allowed", pod: pod, container: Names.buildContainer)
            } else {
                fail(
                    .buildFailed, "the build ended with exit code \(ended.exitCode ?? -1)", pod: pod, container: Names.buildContainer,
                    exitCode: ended.exitCode)
            }
        } else if let failure = job.failure {
            plan.progress.image = ended(failure, pod)
        } else if let (container, why) = unpullable(pod) {
            plan.progress.image = .failed(
                .buildFailed, "the build cannot start: the node cannot pull the image of its container '\(container)': \(why)")
        } else if let pod, let why = pod.unschedulable, let since = pod.unschedulableSince {
            let waited = observed.now.date.timeIntervalSince(since.date)
            if waited >= Self.patienceWithScheduler {
                // A node that turns up still takes it: the Job stays, and its pod's start is seen.
                plan.progress.image = .failed(.unschedulable, "no node takes the build pod: \(why)")
            } else {
                plan.progress.image = .working(.building, "the build pod cannot be scheduled yet: \(why)")
                plan.requeueAfter = Self.patienceWithScheduler - waited + 0.1
            }
        } else if let trouble = startTrouble(of: pod, job) {
            plan.progress.image = trouble
        } else if plan.questions.isEmpty {
            plan.progress.image = .working(.building, buildProgress(of: pod))
        }
        if case .working = plan.progress.image, let left = secondsUntilOverdue(job) { plan.requeueAfter = min(plan.requeueAfter ?? left, left) }
        return false
    }

    /// What is told of a Job that failed without a container that ended: a pod that was evicted, or deleted.
    private mutating func ended(_ failure: ObjectCondition, _ pod: Pod?) -> Step {
        if let known = toldFailure(.imageBuilt) { return .failed(known.reason, known.message) }
        // The watch of Jobs may be ahead of that of pods; a container's end says best why.
        let age = observed.now.date.timeIntervalSince((failure.lastTransitionTime ?? .distantPast).date)
        let isBehind = pod.map { !$0.isOver } ?? false
        let patience = isBehind ? Self.patienceWithEndingPods : Self.patienceWithCluster
        if age < patience {
            plan.requeueAfter = patience - age + 0.1
            return .working(.building, buildProgress(of: pod))
        }
        let why = [pod?.status?.reason, pod?.status?.message].compactMap(\.self)
        guard why.isEmpty else { return .failed(.buildFailed, "the build's pod failed: \(why.joined(separator: ": "))") }
        return .failed(.buildFailed, failure.message ?? "the build Job failed")
    }

    /// Seconds in which a pod whose Job has failed is seen to have ended.
    private static var patienceWithEndingPods: Double { 5 }

    /// Seconds until Kubernetes should long have ended this Job for its deadline; `nil` for one that has ended.
    private func secondsUntilOverdue(_ job: Job) -> Double? {
        guard !job.isFinished, let started = job.status?.startTime else { return nil }
        return Double(render.buildDeadline) + Self.patienceWithDeadline - observed.now.date.timeIntervalSince(started.date)
    }

    private static var patienceWithDeadline: Double { 5 }

    /// Says that the Job is about to try again, when its last pod failed and it may.
    private func nextAttempt(after pods: [Pod]) -> String? {
        let retries = render.buildRetries
        let failed = pods.filter(\.hasFailed).count
        guard retries > 0, failed > 0, failed <= retries, pods.allSatisfy(\.hasFailed) else { return nil }
        return "the build failed; trying again (\(failed) of \(retries))"
    }

    /// The source container gave up: because the sources are gone, because the store is away, or for a reason that its log tells.
    private mutating func failForSources(_ pod: Pod?) {
        switch ask(.source(revision: spec.revision)) {
        case nil: return
        case .no: plan.progress.source = .failed(.sourceMissing, sourcesAreMissing)
        case .unavailable(let why): plan.progress.source = .failed(.sourceStoreUnavailable, "the build could not fetch the sources: \(why)")
        case .yes, .lines, .queued:
            fail(.buildFailed, "the sources could not be fetched for the build", pod: pod, container: Names.sourceContainer)
        }
    }

    /// A build whose base image could not be pulled is begun anew if it was the registry that did not answer, once it does. So is one
    /// whose image could not be pushed, by a builder that does not try that again itself.
    /// - Returns: whether that is so, or the plan has to ask.
    private mutating func outlivesRegistry(_ job: Job, _ failure: BuildFailure) -> Bool {
        let isAboutRegistry =
            failure.reason == .baseImageUnavailable || failure.reason == .registryUnavailable && settings.builder(of: spec) != .buildah
        guard isAboutRegistry, toldFailure(.imageBuilt) == nil else { return false }
        let told = toldState(.imageBuilt, .registryUnavailable)
        guard let answer = ask(.image(tag: digest)) else { return true }
        // Not from the build's beginning: a long one meets the registry late.
        let since = plan.progress.buildSpan?.finishedAt ?? job.metadata.creationTimestamp ?? observed.now
        if case .unavailable(let why) = answer {
            plan.progress.image = wait(
                .registryUnavailable, "\(failure.headline) while the registry is away: \(why)", since: since, hasFailed: false)
            return true
        }
        guard told != nil else { return false }
        plan.actions.append(.delete(.jobs, name: job.name, uid: job.metadata.uid ?? ""))
        plan.progress.image = .working(.building, "the registry answers again; the build begins anew")
        return true
    }

    private mutating func fail(_ reason: Reason, _ headline: String, pod: Pod?, container: String, exitCode: Int? = nil) {
        // The log was read when the failure was first seen; a status that tells it is not asked for again.
        if let known = toldFailure(.imageBuilt), known.reason == reason || (exitCode != nil && BuildFailure.reasons.contains(known.reason)) {
            plan.progress.image = .failed(known.reason, known.message)
            return
        }
        guard let pod else {
            plan.progress.image = .failed(reason, headline)
            return
        }
        guard let answer = ask(.log(pod: pod.name, container: container, previous: false)) else { return }
        var failure = BuildFailure(reason, headline)
        // The builder itself says best what went wrong.
        if let exitCode, case .lines(let lines) = answer, !lines.isEmpty { failure = .classify(log: lines, exitCode: exitCode) }
        if exitCode != nil, let job = observed.job, outlivesRegistry(job, failure) { return }
        let path = spec.build?.dockerfile ?? EnvironmentSpec.Build.defaultDockerfile
        if failure.reason == .dockerfileNotFound { failure.headline += ": \(path)" }
        if exitCode != nil, [.dockerfileInvalid, .buildFailed].contains(failure.reason), case .lines(let lines) = answer,
            lines.contains(where: { $0.hasPrefix("STEP ") || $0.contains("FROM") })
        {
            guard let text = ask(.sourceFile(path: path)) else { return }
            if case .lines(let dockerfile) = text, let place = DockerfilePlace.find(lines, in: dockerfile) {
                // A step that failed is named already.
                let text = failure.reason == .buildFailed ? "" : ": \(place.text.prefix(200))"
                failure.headline += " (\(path):\(place.line)\(text))"
            }
        }
        plan.progress.image = .failed(failure.reason, withLog(failure.headline, answer))
    }

    /// Why a build that should run by now has no pod, or one that does not start; `nil` when there is nothing to say.
    private mutating func startTrouble(of pod: Pod?, _ job: Job) -> Step? {
        guard pod == nil || pod?.containerStatus(Names.buildContainer)?.state?.running == nil else { return nil }
        if pod == nil, let known = toldFailure(.imageBuilt), known.reason == .refused { return .failed(known.reason, known.message) }
        guard let warning = lastWarning(about: pod?.metadata ?? job.metadata) else { return nil }
        // The Job's controller tries again with growing pauses: when a quota has room, its pod is seen and the build goes on.
        if pod == nil { return .failed(.refused, "the cluster refuses the build pod: \(warning)") }
        return .working(.building, "\(buildProgress(of: pod)): \(warning)")
    }

    /// What Kubernetes last warned of an object that should be further by now; a later warning wakes us.
    mutating func lastWarning(about object: ObjectMeta) -> String? {
        guard let uid = object.uid, let created = object.creationTimestamp else { return nil }
        let age = observed.now.date.timeIntervalSince(created.date)
        guard age >= Self.patienceWithCluster else {
            plan.requeueAfter = Self.patienceWithCluster - age + 0.1
            return nil
        }
        guard case .lines(let warnings)? = ask(.warnings(uid: uid)) else { return nil }
        return warnings.last
    }

    /// Seconds in which a pod normally is made and started.
    private static var patienceWithCluster: Double { 2 }

    /// The first container of the build pod whose image cannot be had, and the node's words.
    private func unpullable(_ pod: Pod?) -> (String, String)? {
        for status in (pod?.status?.initContainerStatuses ?? []) + (pod?.status?.containerStatuses ?? []) {
            guard let waiting = status.state?.waiting, let reason = waiting.reason else { continue }
            // A first ErrImagePull is tried again by the node; its back-off says that this did not help.
            if ["ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"].contains(reason) { return (status.name, waiting.message ?? reason) }
        }
        return nil
    }

    private func buildProgress(of pod: Pod?) -> String {
        guard let pod else { return "waiting for the build pod" }
        if pod.sourceContainer?.state?.running != nil { return "fetching the sources" }
        if pod.containerStatus(Names.buildContainer)?.state?.running != nil { return "building the image" }
        return "the build pod is starting"
    }
}

/// A headline followed by the last lines of a log, indented, as it stands in a status. Lines are cut, since a status is no place
/// for a minified script.
func withLog(_ headline: String, _ answer: Answer) -> String {
    switch answer {
    case .lines(let lines) where !lines.isEmpty:
        "\(headline); its last lines:\n"
            + lines.suffix(20).map { "  \($0.count > 400 ? $0.prefix(400) + "…" : $0[...])" }.joined(separator: "\n")
    case .unavailable(let why): "\(headline); its log cannot be read: \(why)"
    default: "\(headline); it wrote no log"
    }
}

extension Timestamp {
    static let distantPast = Timestamp(.distantPast)
}

extension Pod {
    func containerStatus(_ name: String) -> ContainerStatus? {
        status?.containerStatuses?.first { $0.name == name }
    }

    /// The container that fetches the sources: before the build's, or beside it.
    var sourceContainer: ContainerStatus? {
        ((status?.initContainerStatuses ?? []) + (status?.containerStatuses ?? [])).first { $0.name == Names.sourceContainer }
    }

    /// Whether none of its containers runs any more.
    var isOver: Bool {
        // A pod that the kubelet rejected has no containers at all.
        if status?.phase == "Failed" || status?.phase == "Succeeded" { return true }
        guard let containers = status?.containerStatuses, !containers.isEmpty else { return false }
        return containers.allSatisfy { $0.state?.terminated != nil }
    }

    /// Whether one of its containers ended with an error, some tenths of a second before its phase says so.
    var hasFailed: Bool {
        if status?.phase == "Failed" { return true }
        return ((status?.initContainerStatuses ?? []) + (status?.containerStatuses ?? [])).contains {
            $0.state?.terminated?.exitCode.map { $0 != 0 } ?? false
        }
    }

    var unschedulableSince: Timestamp? {
        status?.conditions?[type: "PodScheduled"]?.lastTransitionTime ?? metadata.creationTimestamp
    }

    /// The scheduler's words when no node takes this pod.
    var unschedulable: String? {
        guard let condition = status?.conditions?.first(where: { $0.type == "PodScheduled" }), condition.status == "False",
            condition.reason == "Unschedulable"
        else { return nil }
        return condition.message ?? "no node fits"
    }
}
