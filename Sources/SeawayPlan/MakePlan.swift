import Foundation
import KubernetesModel
import SeawayAPI

/// Decides what to do about one Environment.
///
/// Pure: equal arguments give equal plans. The frame around it answers `questions` and calls again.
public func plan(_ observed: Observed, _ settings: OperatorSettings) -> Plan {
    var planner = Planner(observed: observed, settings: settings)
    planner.run()
    return planner.plan
}

/// The steps of a plan in their order; each leaves early when the next one has to wait.
struct Planner {
    let observed: Observed
    let settings: OperatorSettings
    var plan = Plan()

    var environment: Environment { observed.environment }
    var spec: EnvironmentSpec { environment.spec }
    var digest: String { BuildDigest.compute(spec, builderImage: settings.builderImage) }
    var render: Rendering { Rendering(environment: environment, digest: digest, settings: settings) }

    mutating func run() {
        guard environment.metadata.deletionTimestamp == nil else { return delete() }
        if !(environment.metadata.finalizers ?? []).contains(Names.finalizer) { plan.actions.append(.addFinalizer) }
        plan.progress.buildDigest = digest
        plan.progress.buildSpan = environment.status?.buildDigest == digest ? environment.status?.build : nil
        // What serves now stays said while a newer revision is on its way.
        plan.progress.deployedImage = environment.status?.image
        plan.progress.urls = render.urls

        guard ensureSource() else { return }
        guard ensureImage() else { return }
        ensureDeployment()
        if !plan.questions.isEmpty { plan.actions = [] }
    }

    /// The step as the status tells it, when it says for this very build digest that the step is done.
    func knownDone(_ type: ConditionType) -> Step? {
        guard let status = environment.status, status.buildDigest == digest, let condition = status.condition(type), condition.status == .true
        else { return nil }
        return .done(condition.reason, condition.message)
    }

    /// The status, if it was written for this very spec: what it tells needs no second look.
    var told: EnvironmentStatus? {
        environment.status.flatMap { $0.buildDigest == digest && $0.observedGeneration == environment.metadata.generation ? $0 : nil }
    }

    /// The failure of a step as it was told for this very spec, so that its log is read, and its status written, once.
    func toldFailure(_ type: ConditionType) -> Condition? {
        told?.condition(type).flatMap { $0.status == .false ? $0 : nil }
    }

    /// The answer to a question; asks it, and stops the plan, when there is none.
    mutating func ask(_ question: Question) -> Answer? {
        if let answer = observed.answers[question] { return answer }
        plan.questions.append(question)
        plan.actions = []
        return nil
    }

    // MARK: Source

    mutating func ensureSource() -> Bool {
        if let known = knownDone(.sourceReady) {
            plan.progress.source = known
            return true
        }
        switch ask(.source(revision: spec.revision)) {
        case nil: return false
        case .yes:
            plan.progress.source = .done(.sourceStored, "revision \(spec.revision.prefix(12)) is stored")
            return true
        case .unavailable(let why):
            plan.progress.source = .working(.sourceStoreUnavailable, "the object store does not answer: \(why); trying again")
            plan.requeueAfter = 5
            return false
        case .no, .lines:
            plan.progress.source = .failed(
                .sourceMissing, "the sources of revision \(spec.revision.prefix(12)) are not in the object store; run seactl env sync again")
            return false
        }
    }

    // MARK: Image

    mutating func ensureImage() -> Bool {
        let tag = digest
        // Looked up anew for each spec, so that an image that vanished is built again when somebody syncs.
        if told != nil, let known = knownDone(.imageBuilt) {
            plan.progress.image = known
            removeSupersededJob()
            return true
        }
        if let job = observed.job, job.isFor(digest: tag, attempt: render.attempt) {
            return follow(job)
        }
        switch ask(.image(tag: tag)) {
        case nil: return false
        case .yes:
            plan.progress.image = .done(.imageExists, "image \(tag.prefix(12)) was built before")
            removeSupersededJob()
            return true
        case .unavailable(let why):
            plan.progress.image = .working(.registryUnavailable, "the registry does not answer: \(why); trying again")
            plan.requeueAfter = 5
            return false
        case .no, .lines:
            startBuild()
            return false
        }
    }

    /// Ends a build whose result nobody wants any more.
    mutating func removeSupersededJob() {
        guard let job = observed.job, job.digest != digest, !job.isFinished else { return }
        plan.actions.append(.delete(.jobs, name: job.name, uid: job.metadata.uid ?? ""))
    }

    mutating func startBuild() {
        if let memory = rememberedBuildFailure() {
            plan.progress.image = memory
            return
        }
        if let job = observed.job {
            // A Job's pod template cannot be changed, so the older one goes first; its deletion wakes us.
            if job.metadata.deletionTimestamp == nil {
                plan.actions.append(.delete(.jobs, name: job.name, uid: job.metadata.uid ?? ""))
            }
            plan.progress.image = .working(.building, "replacing the build of an earlier revision")
            return
        }
        switch ask(.buildSlot) {
        case nil: return
        case .no, .lines, .unavailable:
            plan.progress.image = .working(.queued, "waiting for a build slot")
            return
        case .yes: break
        }
        guard let storage = ask(.defaultStorageClass) else { return }
        let hasVolume = storage == .yes || observed.cacheClaim != nil
        if hasVolume, observed.cacheClaim == nil {
            plan.actions.append(.apply(render.cacheClaim, type: .persistentVolumeClaims, creates: true))
        }
        plan.actions.append(.apply(render.buildJob(cacheOnVolume: hasVolume), type: .jobs, creates: true))
        plan.progress.image = .working(.building, "starting the build")
    }

    /// A failure of this very build whose Job is gone by now (deleted by hand, or by a time-to-live).
    func rememberedBuildFailure() -> Step? {
        guard observed.job == nil, let condition = toldFailure(.imageBuilt), Reason.buildFailures.contains(condition.reason) else { return nil }
        return .failed(condition.reason, condition.message)
    }

    // MARK: Deletion

    mutating func delete() {
        plan.progress.isDeleting = true
        plan.progress.deployedImage = environment.status?.image
        plan.progress.buildDigest = environment.status?.buildDigest
        guard (environment.metadata.finalizers ?? []).contains(Names.finalizer) else { return }

        let owned: [(ResourceType, ObjectMeta?)] = [
            (.jobs, observed.job?.metadata), (.ingresses, observed.ingress?.metadata), (.services, observed.service?.metadata),
            (.deployments, observed.deployment?.metadata), (.persistentVolumeClaims, observed.cacheClaim?.metadata),
        ]
        var remaining = observed.pods.count + observed.buildPods.count
        for case (let type, let metadata?) in owned {
            remaining += 1
            guard metadata.deletionTimestamp == nil, let name = metadata.name else { continue }
            plan.actions.append(.delete(type, name: name, uid: metadata.uid ?? ""))
        }
        // Sources and images go last: a pod that still starts may need them. Each deletion seen wakes us.
        guard remaining == 0, let left = ask(.objectsLeft) else { return }
        guard left == .no else {
            plan.requeueAfter = 1
            return
        }
        plan.actions += [.removeSources, .removeImages, .removeFinalizer]
    }
}
