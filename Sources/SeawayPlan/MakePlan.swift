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
    var digest: String { BuildDigest.compute(spec, builderImage: settings.builderImages[settings.builder(of: spec)]) }
    var render: Rendering { Rendering(environment: environment, digest: digest, settings: settings) }

    mutating func run() {
        guard environment.metadata.deletionTimestamp == nil else { return delete() }
        guard !isExpired else { return expire() }
        if !(environment.metadata.finalizers ?? []).contains(Names.finalizer) { plan.actions.append(.addFinalizer) }
        plan.progress.buildDigest = digest
        plan.progress.buildSpan = environment.status?.buildDigest == digest ? environment.status?.build : nil
        // What serves now stays said while a newer revision is on its way.
        plan.progress.deployedImage = environment.status?.image
        plan.progress.urls = render.urls

        advance()
        if !plan.questions.isEmpty { plan.actions = [] }
        if let rest = secondsToLive { plan.requeueAfter = min(plan.requeueAfter ?? rest, rest) }
    }

    private mutating func advance() {
        guard ensureSource() else { return }
        guard ensureImage() else { return }
        ensureDeployment()
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

    /// A step's condition as it was told for this very spec, if it has that reason and is not done.
    func toldState(_ type: ConditionType, _ reason: Reason) -> Condition? {
        told?.condition(type).flatMap { $0.reason == reason && $0.status != .true ? $0 : nil }
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
            let told = toldState(.sourceReady, .sourceStoreUnavailable)
            plan.progress.source = wait(
                .sourceStoreUnavailable, "the sources cannot be read: \(why)", since: told?.lastTransitionTime, hasFailed: told?.status == .false)
            return false
        case .no, .lines, .queued:
            plan.progress.source = .failed(.sourceMissing, sourcesAreMissing)
            return false
        }
    }

    var sourcesAreMissing: String {
        "the sources of revision \(spec.revision.prefix(12)) are not in the object store; run seactl env sync again"
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
        // Before the registry is asked: while it is down, the failure would be forgotten and the build started again.
        if let memory = rememberedBuildFailure() {
            plan.progress.image = memory
            return false
        }
        switch ask(.image(tag: tag)) {
        case nil: return false
        case .yes:
            plan.progress.image = .done(.imageExists, "image \(tag.prefix(12)) was built before")
            removeSupersededJob()
            return true
        case .unavailable(let why):
            // The build's beginning is also when its first request could not be answered.
            let told = toldState(.imageBuilt, .registryUnavailable)
            let since = told.flatMap { _ in environment.status?.build?.startedAt } ?? observed.now
            plan.progress.buildSpan = .init(startedAt: since)
            plan.progress.image = wait(
                .registryUnavailable, "the registry cannot be asked: \(why)", since: since, hasFailed: told?.status == .false)
            return false
        case .no, .lines, .queued:
            startBuild()
            return false
        }
    }

    /// Removes a build of an earlier revision: whether it runs or has ended, nobody wants its result or its log any more.
    mutating func removeSupersededJob() {
        guard let job = observed.job, job.digest != digest, job.metadata.deletionTimestamp == nil else { return }
        plan.actions.append(.delete(.jobs, name: job.name, uid: job.metadata.uid ?? ""))
    }

    mutating func startBuild() {
        if let failure = spec.build?.platform.flatMap(BuildFailure.unsupported(platform:)) {
            plan.progress.image = .failed(failure.reason, failure.headline)
            return
        }
        if let job = observed.job {
            // A Job's pod template cannot be changed, so the older one goes first; its deletion wakes us.
            if job.metadata.deletionTimestamp == nil {
                plan.actions.append(.delete(.jobs, name: job.name, uid: job.metadata.uid ?? ""))
            }
            if !job.isFinished, job.digest != digest || toldState(.imageBuilt, .superseded) != nil {
                plan.progress.image = .working(.superseded, "ending the build of an earlier revision")
            } else {
                plan.progress.image = building("replacing an earlier build")
            }
            return
        }
        guard let cache = layerCache() else { return }
        switch ask(.buildSlot) {
        case nil: return
        case .queued(let place):
            plan.progress.image = building("waiting for a build slot, place \(place) in the queue", .queued)
            return
        case .no, .lines, .unavailable:
            plan.progress.image = building("waiting for a build slot", .queued)
            return
        case .yes: break
        }
        if cache == .volume {
            if observed.cacheClaim == nil { plan.actions.append(.apply(render.cacheClaim, type: .persistentVolumeClaims, creates: true)) }
        } else if let claim = observed.cacheClaim, claim.metadata.deletionTimestamp == nil {
            // Nobody will read these layers again.
            plan.actions.append(.delete(.persistentVolumeClaims, name: claim.name, uid: claim.metadata.uid ?? ""))
        }
        var job = render.buildJob(cache: cache)
        if isRebuilding { job = job.annotated(Names.rebuildAnnotation, "true") }
        plan.actions.append(.apply(job, type: .jobs, creates: true))
        plan.progress.image = building("starting the build")
    }

    /// Whether the image was lost and its new build has not begun.
    private var isRebuilding: Bool { toldState(.imageBuilt, .imageMissing) != nil }

    /// A build on its way. That it is for an image that was lost has to be told until the new Job remembers it.
    private func building(_ text: String, _ reason: Reason = .building) -> Step {
        isRebuilding ? .working(.imageMissing, "the image was lost and is built again: \(text)") : .working(reason, text)
    }

    /// Something outside the cluster does not answer: tried again with back-off, and given up in the end.
    /// - Parameters:
    ///   - since: when this was first seen; `nil` when it is seen for the first time.
    ///   - hasFailed: whether it was given up before.
    mutating func wait(_ reason: Reason, _ what: String, since: Timestamp?, hasFailed: Bool) -> Step {
        let waited = since.map { observed.now.date.timeIntervalSince($0.date) } ?? 0
        guard !hasFailed, waited < Double(settings.patience) else {
            return .failed(reason, "\(what); given up after \(settings.patience) s")
        }
        // As long again as it took so far, so the pauses double.
        plan.requeueAfter = min(max(waited, 1), 15, max(Double(settings.patience) - waited, 0.1))
        return .working(reason, "\(what); trying again for up to \(settings.patience) s")
    }

    /// Where the next build keeps its layers; `nil` when that cannot be said yet, and the progress says why.
    private mutating func layerCache() -> LayerCache? {
        let wanted = spec.build?.cache.flatMap { LayerCache(rawValue: $0.type) }
        if let wanted, wanted != .volume { return wanted }
        if let claim = observed.cacheClaim {
            guard claim.metadata.deletionTimestamp != nil else { return .volume }
            // Its end wakes us; a new one of its name cannot be made before.
            plan.progress.image = building("waiting for the volume of an earlier build to go")
            return nil
        }
        if wanted == .volume { return .volume }
        switch ask(.defaultStorageClass) {
        case nil: return nil
        case .yes: return .volume
        case .no, .lines, .queued: return .registry
        case .unavailable(let why):
            plan.progress.image = .working(.retrying, "the cluster does not say whether it makes volumes: \(why); trying again")
            plan.requeueAfter = 5
            return nil
        }
    }

    /// A failure of this very build whose Job is gone by now (deleted by hand, or by a time-to-live).
    func rememberedBuildFailure() -> Step? {
        guard observed.job == nil, let condition = toldFailure(.imageBuilt), Reason.buildFailures.contains(condition.reason) else { return nil }
        return .failed(condition.reason, condition.message)
    }

    // MARK: Deletion

    /// Seconds until a temporary Environment ends; `nil` for one that stays.
    private var secondsToLive: Double? {
        guard let ttl = spec.ttlSeconds else { return nil }
        let synced = environment.metadata.annotations?[Names.syncedAtAnnotation].flatMap { Timestamp($0) } ?? environment.metadata.creationTimestamp
        guard let synced else { return nil }
        return synced.date.addingTimeInterval(Double(ttl)).timeIntervalSince(observed.now.date)
    }

    private var isExpired: Bool { secondsToLive.map { $0 <= 0 } ?? false }

    /// A temporary Environment that nobody synced for its time to live. Its deletion wakes us, and the finalizer does the rest.
    private mutating func expire() {
        plan.progress.isDeleting = true
        plan.progress.deployedImage = environment.status?.image
        plan.progress.buildDigest = environment.status?.buildDigest
        plan.progress.deployment = .working(.expired, "it is temporary, and its last sync is \(spec.ttlSeconds ?? 0) s ago")
        plan.actions = [.deleteEnvironment]
    }

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
        plan.actions += [.removeSources, .removeImages]
        // Before the finalizer goes: nothing would remember it afterwards.
        if isExpired { plan.actions.append(.removeNamespace) }
        plan.actions.append(.removeFinalizer)
    }
}

extension JSONValue {
    /// An object with one more annotation.
    fileprivate func annotated(_ name: String, _ value: String) -> JSONValue {
        var metadata = self["metadata"] ?? [:]
        var annotations = metadata["annotations"] ?? [:]
        annotations[name] = .string(value)
        metadata["annotations"] = annotations
        var copy = self
        copy["metadata"] = metadata
        return copy
    }
}
