import Foundation
import KubernetesModel
import SeawayAPI

extension Planner {
    /// Applies what differs from the wanted objects and reads off the cluster how far the rollout is.
    mutating func ensureDeployment() {
        let render = render
        var changed = false
        func apply(_ desired: JSONValue, _ type: ResourceType, over present: ObjectMeta?) {
            guard present?.annotations?[Names.appliedAnnotation] != desired["metadata"]?["annotations"]?[Names.appliedAnnotation]?.stringValue
            else { return }
            plan.actions.append(.apply(desired, type: type, creates: present == nil))
            changed = true
        }
        apply(render.deployment, .deployments, over: observed.deployment?.metadata)
        if let service = render.service {
            apply(service, .services, over: observed.service?.metadata)
        } else if let service = observed.service, service.metadata.deletionTimestamp == nil {
            plan.actions.append(.delete(.services, name: service.name, uid: service.metadata.uid ?? ""))
        }
        if let ingress = render.ingress {
            apply(ingress, .ingresses, over: observed.ingress?.metadata)
        } else if let ingress = observed.ingress, ingress.metadata.deletionTimestamp == nil {
            plan.actions.append(.delete(.ingresses, name: ingress.name, uid: ingress.metadata.uid ?? ""))
        }
        // Somebody changed by hand what the Deployment runs or how often.
        if !changed, let present = observed.deployment, present.isDrifted(from: render) {
            plan.actions.append(.apply(render.deployment, type: .deployments, creates: false))
            changed = true
        }
        guard !changed, let deployment = observed.deployment else {
            plan.progress.deployment = .working(.rollingOut, "rolling out revision \(spec.revision.prefix(12))")
            return
        }
        follow(deployment)
    }

    private mutating func follow(_ deployment: Deployment) {
        let current = observed.pods.filter(render.isCurrent)
        let wanted = spec.replicas ?? 1
        let status = deployment.status
        let seen = (status?.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
        let updated = status?.updatedReplicas ?? 0
        let available = status?.availableReplicas ?? 0
        // Pods of an older revision must not be counted as the new one's, hence all three numbers.
        let rolledOut = seen && updated == wanted && (status?.replicas ?? 0) == wanted && available == wanted

        if rolledOut {
            finishRollout()
        } else if let (reason, headline, pod) = trouble(of: current) {
            if reason == .imagePullFailed, rebuildsLostImage(for: pod, headline) { return }
            failRollout(reason, headline, pod: pod)
        } else if seen, updated < wanted, let failure = status?.conditions?.first(where: { $0.type == "ReplicaFailure" && $0.status == "True" }) {
            if isOfEarlierPods(failure) {
                plan.progress.deployment = .working(.rollingOut, "\(min(updated, available)) of \(wanted) pods ready")
                plan.requeueAfter = Self.patienceWithEarlierPods
            } else {
                plan.progress.deployment = .failed(.refused, "the cluster refuses the pods: \(failure.message ?? "no reason given")")
            }
        } else if seen, let stuck = status?.conditions?.first(where: { $0.type == "Progressing" && $0.reason == "ProgressDeadlineExceeded" }) {
            plan.progress.deployment = .failed(
                .notReady,
                "no progress for \(settings.progressDeadline) s: \(hindrance(of: current)?.1 ?? state(of: current) ?? stuck.message ?? "")")
            plan.requeueAfter = nil
        } else if let why = current.compactMap(\.unschedulable).first, secondsSinceRollout > Self.patienceWithScheduler {
            plan.progress.deployment = .failed(.unschedulable, "no node takes the pods: \(why)")
        } else if secondsSinceRollout > Double(settings.progressDeadline) {
            // Kubernetes itself watches over the progress of new revisions only, not over a change of scale.
            let why = (hindrance(of: current)?.1 ?? state(of: current)).map { "; \($0)" } ?? ""
            plan.progress.deployment = .failed(.notReady, "\(available) of \(wanted) pods are ready after \(settings.progressDeadline) s\(why)")
            plan.requeueAfter = nil
        } else {
            let count = "\(seen ? min(updated, available) : 0) of \(wanted) pods ready"
            if let why = current.compactMap(\.unschedulable).first {
                plan.progress.deployment = .working(.rollingOut, "\(count); waiting for a node: \(why)")
                plan.requeueAfter = Self.patienceWithScheduler + 1
            } else if let (reason, why) = hindrance(of: current) {
                plan.progress.deployment = .working(reason, "\(count); \(why)")
            } else {
                plan.progress.deployment = .working(.rollingOut, count)
            }
            // Until then whatever changes wakes us.
            let rest = Double(settings.progressDeadline) - secondsSinceRollout + 0.1
            plan.requeueAfter = min(plan.requeueAfter ?? .infinity, rest)
        }
    }

    /// What keeps a pod that was started from being ready, in Kubernetes' words: a probe's last answer, a volume that is missing.
    private mutating func hindrance(of pods: [Pod]) -> (Reason, String)? {
        let waiting = pods.filter { $0.metadata.deletionTimestamp == nil && $0.status?.conditions?[type: "Ready"]?.isTrue != true }
        guard let pod = waiting.min(by: { $0.name < $1.name }), let warning = lastWarning(about: pod.metadata) else { return nil }
        let isRunning = pod.containerStatus(Names.applicationContainer)?.state?.running != nil
        return (isRunning ? .notReady : .rollingOut, "pod \(pod.name): \(warning)")
    }

    /// A pod that is not ready and of which Kubernetes warns of nothing: what it says of it at all.
    private func state(of pods: [Pod]) -> String? {
        let waiting = pods.filter { $0.status?.conditions?[type: "Ready"]?.isTrue != true }
        guard let pod = waiting.min(by: { $0.name < $1.name }) else { return nil }
        var words = [pod.status?.phase, pod.status?.reason, pod.status?.message].compactMap(\.self)
        words += (pod.status?.conditions ?? []).filter { !$0.isTrue }.map { condition in
            [condition.type + "=" + condition.status, condition.reason, condition.message].compactMap(\.self).joined(separator: ": ")
        }
        let waitingFor = pod.containerStatus(Names.applicationContainer)?.state?.waiting
        words += [waitingFor?.reason, waitingFor?.message].compactMap(\.self)
        // The phase alone says less than what the Deployment may tell.
        guard words.count > 1 else { return nil }
        return "pod \(pod.name): \(words.joined(separator: "; "))"
    }

    /// An image that was there when the deployment was decided, and that the registry lost, is built again once.
    /// - Returns: whether the rollout goes on, or the plan has to ask.
    private mutating func rebuildsLostImage(for pod: Pod, _ headline: String) -> Bool {
        if let job = observed.job, job.isFor(digest: digest, attempt: render.attempt), job.isRebuild {
            // The node tries again with pauses of up to 20 s at first.
            let waited = observed.now.date.timeIntervalSince((job.status?.completionTime ?? observed.now).date)
            guard waited < Self.patienceWithNode, toldFailure(.deployed) == nil else { return false }
            plan.progress.deployment = .working(.rollingOut, "waiting for the node to pull the image that was built again")
            plan.requeueAfter = Self.patienceWithNode - waited + 0.1
            return true
        }
        guard toldFailure(.deployed)?.reason != .imagePullFailed else { return false }
        guard let answer = ask(.image(tag: digest)) else { return true }
        if waitsForRegistry(answer, headline) { return true }
        guard answer == .no else { return false }
        plan.progress.image = .working(.imageMissing, "the registry lost the image \(digest.prefix(12)); it is built again")
        plan.progress.deployment = .pending
        if let job = observed.job, job.metadata.deletionTimestamp == nil {
            plan.actions.append(.delete(.jobs, name: job.name, uid: job.metadata.uid ?? ""))
        } else {
            // Nothing else would wake us.
            plan.requeueAfter = 0.1
        }
        return true
    }

    /// While the registry is away no node can pull, and once it is back nodes try again with growing pauses.
    private mutating func waitsForRegistry(_ answer: Answer, _ headline: String) -> Bool {
        let waited = secondsSinceRollout
        let patience = Double(settings.patience)
        if case .unavailable(let why) = answer {
            guard waited < patience else { return false }
            plan.progress.deployment = .working(
                .registryUnavailable, "\(headline); the registry is away: \(why); trying again for up to \(settings.patience) s")
            plan.requeueAfter = min(max(waited, 1), 15)
            return true
        }
        guard answer == .yes, toldState(.deployed, .registryUnavailable) != nil, waited < patience + Self.longestPauseOfNodes else { return false }
        plan.progress.deployment = .working(.registryUnavailable, "the registry answers again; waiting for the node to pull the image")
        plan.requeueAfter = patience + Self.longestPauseOfNodes - waited + 0.1
        return true
    }

    /// Seconds between two pulls of a node, after an outage of the operator's patience.
    private static var longestPauseOfNodes: Double { 160 }

    /// Seconds that a cluster which adds nodes by itself gets to do so.
    static var patienceWithScheduler: Double { 30 }
    /// Seconds in which a node that could not pull an image tries again.
    private static var patienceWithNode: Double { 45 }
    /// Seconds in which ingress controllers hear of pods that come and go.
    private static var timeToRoute: Double { 2.5 }
    /// Seconds after which a page as for a host that nobody has is taken for what the Ingress is meant to show: its annotations may ask
    /// the application for another page than we do, or route encrypted requests only.
    private static var patienceWithRouting: Double { 10 }

    /// Seconds in which Kubernetes gives up pods of an earlier revision that were refused.
    private static var patienceWithEarlierPods: Double { 4 }

    /// Whether a refusal may still be that of the pods before this rollout: Kubernetes shows it until it has given them up.
    private func isOfEarlierPods(_ failure: ObjectCondition) -> Bool {
        guard let rollout = told?.rollout, rollout.finishedAt == nil, let since = failure.lastTransitionTime else { return false }
        return since.date < rollout.startedAt.date && secondsSinceRollout < Self.patienceWithEarlierPods
    }

    /// Seconds since this generation's rollout began, as the status remembers.
    private var secondsSinceRollout: Double {
        guard let rollout = told?.rollout, rollout.finishedAt == nil else { return 0 }
        return observed.now.date.timeIntervalSince(rollout.startedAt.date)
    }

    /// Seconds since the last pod of the wanted revision became ready: before that there was nothing to route to.
    private var secondsSinceReady: Double {
        let conditions = observed.pods.filter(render.isCurrent).compactMap { $0.status?.conditions?[type: "Ready"] }
        let ready = conditions.filter(\.isTrue)
        // The watch of Deployments may be ahead of that of pods.
        if ready.isEmpty, !conditions.isEmpty { return 0 }
        return ready.compactMap(\.lastTransitionTime).max().map { observed.now.date.timeIntervalSince($0.date) } ?? .infinity
    }

    /// Seconds in which there was something to route to.
    private var secondsToRoute: Double { min(secondsSinceRollout, secondsSinceReady) }

    private mutating func finishRollout() {
        // A pod that is going away may still be served by a load balancer that has not heard of it yet.
        let leaving = observed.pods.filter { !render.isCurrent($0) && !$0.isOver }
        if let wait = secondsToWait(for: leaving) {
            plan.progress.deployment = .working(.rollingOut, "waiting for the pods of the earlier revision to end")
            plan.requeueAfter = wait
            return
        }
        if let url = render.checkedURL, !isKnownReady {
            switch ask(.url(url)) {
            case nil: return
            case .yes: break
            case .unavailable(let why): return waitForURL("\(url) does not answer: \(why)")
            case .no, .lines, .queued:
                guard let lacksRoute = lacksRoute(url) else { return }
                if lacksRoute { return waitForURL("\(url) is not routed yet") }
            }
        }
        plan.progress.deployment = .done(.rolledOut, "revision \(spec.revision.prefix(12)) runs")
        plan.progress.rolloutFinished = true
        plan.progress.deployedImage = render.image
    }

    /// Whether an answer as for a host that nobody has means that the route is missing; `nil` when there is something to ask first.
    ///
    /// Applications answer so, too: one that is written in Go may well have the same page for what it does not know as an ingress
    /// controller in Go. Then nobody can tell the two apart, and need not: whoever opens the URL sees the same.
    private mutating func lacksRoute(_ url: String) -> Bool? {
        guard secondsToRoute > Self.timeToRoute else { return true }
        guard secondsToRoute < Self.patienceWithRouting else { return false }
        let ready = observed.pods.first { render.isCurrent($0) && $0.status?.conditions?[type: "Ready"]?.isTrue ?? false }
        guard let pod = ready?.status?.podIP, let port = render.ingressPort else { return true }
        return ask(.ownPage(url: url, pod: pod.contains(":") ? "[\(pod)]:\(port)" : "\(pod):\(port)")).map { $0 != .no }
    }

    private mutating func waitForURL(_ state: String) {
        if secondsSinceRollout > Double(settings.progressDeadline) {
            plan.progress.deployment = .failed(.notReady, state)
            plan.requeueAfter = 10
        } else {
            plan.progress.deployment = .working(.rollingOut, state)
            plan.requeueAfter = secondsToRoute < 5 ? 0.2 : 2
        }
    }

    /// The URL was checked for this generation; asking again at every pod event would only cost requests.
    private var isKnownReady: Bool { told?.isTrue(.ready) ?? false }

    /// How long to wait until pods that are being deleted can no longer be served; `nil` when there is nothing to wait for.
    ///
    /// Nodes hear of an endpoint that leaves within a second, ingress controllers within about two, so pods that drain or that
    /// ignore SIGTERM do not hold the rollout for their whole grace period.
    private func secondsToWait(for leaving: [Pod]) -> Double? {
        let limit = render.urls.isEmpty ? 1.0 : Self.timeToRoute
        let waits = leaving.compactMap { pod -> Double? in
            guard let deletion = pod.metadata.deletionTimestamp else { return limit }
            let grace = Double(render.gracePeriod)
            let since = observed.now.date.timeIntervalSince(deletion.date) + grace
            return since >= limit ? nil : limit - since
        }
        return waits.max().map { min(max($0, 0.1), limit) }
    }

    /// The first pod of the wanted revision that cannot become ready by itself, and why.
    private func trouble(of pods: [Pod]) -> (Reason, String, Pod)? {
        for pod in pods.sorted(by: { $0.name < $1.name }) where pod.metadata.deletionTimestamp == nil {
            guard let app = pod.containerStatus(Names.applicationContainer) else { continue }
            let waiting = app.state?.waiting
            switch waiting?.reason {
            case "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull":
                return (.imagePullFailed, "the node cannot pull the image: \(waiting?.message ?? "")", pod)
            case "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
                return (.refused, "the container cannot be created: \(waiting?.message ?? "")", pod)
            default: break
            }
            // One crash may be a race with a dependency that still starts; the node's back-off says that it happened again.
            guard waiting?.reason == "CrashLoopBackOff" || (app.restartCount ?? 0) > 1, app.ready != true,
                let ended = app.lastState?.terminated ?? app.state?.terminated
            else { continue }
            let how = ended.reason == "OOMKilled" ? "was killed for using more memory than its limit" : "exited with code \(ended.exitCode ?? -1)"
            return (.crashLoop, "the application \(how) (\(app.restartCount ?? 0) restarts)", pod)
        }
        return nil
    }

    private mutating func failRollout(_ reason: Reason, _ headline: String, pod: Pod) {
        // Each try says nearly the same: what was told once stays, so that a crash loop does not write statuses for ever.
        if let known = toldFailure(.deployed), known.reason == reason {
            plan.progress.deployment = .failed(reason, known.message)
            return
        }
        guard reason == .crashLoop else {
            plan.progress.deployment = .failed(reason, headline)
            return
        }
        let restarted = pod.containerStatus(Names.applicationContainer)?.state?.terminated == nil
        guard let answer = ask(.log(pod: pod.name, container: Names.applicationContainer, previous: restarted)) else { return }
        plan.progress.deployment = .failed(reason, withLog(headline, answer))
    }
}

extension Deployment {
    /// Whether it runs something else, or another number of it, than what was applied.
    fileprivate func isDrifted(from rendering: Rendering) -> Bool {
        guard metadata.deletionTimestamp == nil else { return false }
        let image = spec?.template?.spec?.containers?.first { $0.name == Names.applicationContainer }?.image
        return spec?.replicas != rendering.replicas || image != rendering.image
    }
}
