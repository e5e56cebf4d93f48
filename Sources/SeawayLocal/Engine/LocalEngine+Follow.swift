import Foundation
import KubernetesModel
import SeawayAPI
import SeawayPlan
import Source

// The control loop: look, decide, act, tell; until the caller has seen enough.
extension LocalEngine {
    /// How often containers are looked at while somebody waits.
    private static let tick: Duration = .milliseconds(100)

    /// Works on an environment and hands over each of its states, `nil` once it is gone, until `handle` returns false.
    ///
    /// While another process works on it, this one waits and tells what that one writes.
    /// - Throws: `LocalError`; `CancellationError`, after which the earlier revision serves and the next command takes up what was begun.
    public func follow(_ key: ObjectKey, _ handle: @escaping @Sendable (Environment?) -> Bool) async throws {
        do {
            try await work(on: key, handle)
        } catch is Seen {
            return
        }
    }

    private func work(on key: ObjectKey, _ handle: @escaping @Sendable (Environment?) -> Bool) async throws {
        let lock = try await FileLock.wait(store.workLock(key), every: Self.tick) {
            if !handle(try store.read(key)?.environment) { throw Seen() }
        }
        defer { _ = lock }
        try await forgetDeadBuild(key)
        // Also what a step had done before it was interrupted.
        var known: LocalRecord?
        do {
            try await workAlone(on: key, &known, handle)
        } catch {
            if let known {
                // In a task of its own, which is not cancelled. Why the work ended is what is to be told, and not what fails here.
                try? await Task { try await putOffRollout(known) }.value
            }
            throw error
        }
    }

    private func workAlone(
        on key: ObjectKey, _ known: inout LocalRecord?, _ handle: @escaping @Sendable (Environment?) -> Bool
    ) async throws {
        var watch = PodWatch()
        var told: Environment?
        while true {
            guard var record = try store.read(key) else {
                _ = handle(nil)
                return
            }
            defer { known = record }
            let isGone = try await advance(&record, &watch)
            guard !isGone, let environment = try await save(record, key) else {
                try await store.update(key) { $0 = nil }
                _ = handle(nil)
                return
            }
            if environment != told {
                told = environment
                guard handle(environment) else { return }
            }
            if let job = record.job, !job.isFinished, record.environment.metadata.deletionTimestamp == nil {
                try await build(job, of: key)
            } else {
                try await Task.sleep(for: Self.tick)
            }
        }
    }

    /// Nobody waits for the newer revision any more, and nothing goes on by itself: the earlier one serves again until the next command.
    private func putOffRollout(_ record: LocalRecord) async throws {
        var record = record
        let environment = record.environment
        let earlier = record.pods.filter(\.isFallback)
        guard environment.metadata.deletionTimestamp == nil, let object = record.deployment, !earlier.isEmpty else { return }
        let isReady = environment.status?.isTrue(.ready) == true && environment.status?.observedGeneration == environment.metadata.generation
        var isThere = true
        for pod in earlier where isThere { isThere = try await podman.run(["pod", "exists", pod.name]).isSuccess }
        if isReady {
            try await forgetEarlier(&record)
        } else if isThere {
            // Also what Podman was about to make.
            let document = try document(record, object)
            let newer = Set(record.pods.filter { !$0.isFallback }.map(\.name) + (0..<document.replicas).map(document.podName))
            try await removePods(newer.sorted(), grace: settings.terminationGracePeriod)
            record.pods.removeAll { newer.contains($0.name) }
            try await bringBackEarlier(&record)
            // It begins anew, and so does its time.
            record.environment.status?.rollout = nil
        }
        _ = try await save(record, environment.key)
    }

    /// Thrown when the caller has seen enough before the lock was free.
    private struct Seen: Error {}

    /// A build whose command was interrupted goes on nowhere.
    private func forgetDeadBuild(_ key: ObjectKey) async throws {
        guard let job = try store.read(key)?.job, !job.isFinished else { return }
        let layers = BuildOutput.layers(in: buildLogLines(key, last: .max))
        try await removeLeftovers(of: job, key, layers: layers)
        try await store.update(key) { record in
            let new = layers.filter { record?.layers.contains($0) == false }
            record?.layers += new
            record?.job = nil
            record?.buildPod = nil
        }
    }

    /// Writes what was found and done. The spec may be a newer one by now, whose status is not this one.
    private func save(_ record: LocalRecord, _ key: ObjectKey) async throws -> Environment? {
        try await store.update(key) { stored in
            guard let present = stored?.environment else { return nil }
            var saved = record
            let isSame =
                present.metadata.generation == record.environment.metadata.generation
                && present.metadata.deletionTimestamp == record.environment.metadata.deletionTimestamp
            if !isSame { saved.environment = present }
            if saved.environment != present { saved.environment.metadata.resourceVersion = Self.next(present.metadata.resourceVersion) }
            // Annotations are the client's.
            saved.environment.metadata.annotations = present.metadata.annotations
            stored = saved
            return saved.environment
        }
    }

    // MARK: One step

    /// - Returns: whether the environment is gone.
    private func advance(_ record: inout LocalRecord, _ watch: inout PodWatch) async throws -> Bool {
        try await observe(&record, &watch)
        let plan = try await decide(record, watch)
        var outcomes: [Outcome] = []
        var isGone = false
        for action in plan.actions {
            let outcome = try await perform(action, &record, &isGone)
            outcomes.append(outcome)
            if outcome != .done { break }
        }
        if isGone { return true }
        var isFailed = isFailed(plan)
        if outcomes.allSatisfy({ $0 == .done }), record.environment.metadata.deletionTimestamp == nil, plan.progress.image.isDone {
            // What the node and the Deployment's controller do in a cluster.
            let outcome: Outcome
            if let refusal = watch.refusal, refusal.generation == record.environment.metadata.generation {
                outcome = refusal.outcome
            } else {
                outcome = try await ensurePods(&record, &watch, isFailed: isFailed)
            }
            if outcome != .done { outcomes.append(outcome) }
            if case .refused = outcome {
                watch.refusal = (record.environment.metadata.generation, outcome)
                isFailed = true
            }
        }
        var shown = plan
        shown.progress.urls = urls(of: record)
        let settlement = settle(shown, outcomes, of: record.environment, now: timestamp)
        if let status = settlement.status { record.environment.status = status }
        try await conclude(&record, plan, isFailed: isFailed)
        return false
    }

    private func isFailed(_ plan: Plan) -> Bool {
        if case .failed = plan.progress.deployment { true } else { false }
    }

    /// After the end of a rollout, good or bad.
    private func conclude(_ record: inout LocalRecord, _ plan: Plan, isFailed: Bool) async throws {
        guard record.environment.metadata.deletionTimestamp == nil else { return }
        if record.environment.status?.isTrue(.ready) == true {
            try await forgetEarlier(&record)
        } else if isFailed, record.pods.contains(where: \.isFallback) {
            try await bringBackEarlier(&record)
        } else if case .failed(.crashLoop, _) = plan.progress.deployment {
            try await stopFailed(&record)
        }
    }

    /// Plans until nothing is asked any more.
    func decide(_ record: LocalRecord, _ watch: PodWatch) async throws -> Plan {
        var observed = observed(record, watch)
        while true {
            let plan = SeawayPlan.plan(observed, settings)
            guard !plan.questions.isEmpty else { return plan }
            for question in plan.questions { observed.answers[question] = try await answer(question, record) }
        }
    }

    private func observed(_ record: LocalRecord, _ watch: PodWatch) -> Observed {
        var observed = Observed(now: timestamp, environment: record.environment)
        observed.job = record.job
        observed.buildPods = record.job == nil ? [] : [record.buildPod].compactMap(\.self)
        observed.pods = watch.pods
        observed.deployment = watch.deployment
        // They were made by this engine out of these very types.
        observed.service = try? record.service?.decode(Service.self)
        observed.ingress = try? record.ingress?.decode(Ingress.self)
        return observed
    }

    private func answer(_ question: Question, _ record: LocalRecord) async throws -> Answer {
        switch question {
        case .source, .buildSlot, .url, .ownPage: return .yes
        case .defaultStorageClass, .objectsLeft: return .no
        // There is no cluster that would record any.
        case .warnings: return .lines([])
        case .sourceFile(let path):
            guard let scan = sources.scan(record.environment.key),
                let text = try? String(contentsOfFile: "\(scan.root)/\(path)", encoding: .utf8)
            else { return .no }
            return .lines(text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
        case .image(let tag):
            return try await podman.run(["image", "exists", image(of: record.environment, tag)]).isSuccess ? .yes : .no
        case .log(let name, let container, _):
            if container == Names.buildContainer { return .lines(buildLogLines(record.environment.key, last: 40)) }
            guard let pod = record.pods.first(where: { $0.name == name }) else { return .lines([]) }
            do {
                return .lines(try await podman.logTail(pod.container, lines: 20, of: pod.lastStart))
            } catch let error as LocalError {
                return .unavailable(error.message)
            }
        }
    }

    func image(of environment: Environment, _ tag: String) -> String {
        "localhost/\(Names.repository(namespace: environment.namespace ?? "default", environment: environment.name)):\(tag)"
    }

    /// Why Podman would not start what this very spec wants, when that is how it ended.
    private func refusal(of environment: Environment) -> String? {
        guard let status = environment.status, status.observedGeneration == environment.metadata.generation,
            let condition = status.condition(.deployed), condition.status == .false, condition.reason == .refused
        else { return nil }
        return condition.message
    }

    /// What a look finds while nobody works on the environment; `nil` for a temporary one whose time is over.
    func look(_ record: LocalRecord) async throws -> Environment? {
        var record = record
        var watch = PodWatch(trustsAge: record.environment.status?.isTrue(.ready) == true)
        try await observe(&record, &watch)
        var plan = try await decide(record, watch)
        guard !plan.actions.contains(.deleteEnvironment) else { return nil }
        // Nothing goes on by itself here: what was not finished waits for the next sync.
        if case .working = plan.progress.image {
            plan.progress.image = .failed(.buildFailed, "the image is not built, and no command is building it; run `seactl env sync`")
        } else if plan.progress.image.isDone, case .working = plan.progress.deployment, let refusal = refusal(of: record.environment) {
            plan.progress.deployment = .failed(.refused, refusal)
        } else if plan.progress.image.isDone, case .working = plan.progress.deployment {
            // Where it made room for the earlier revision again, what was wrong before.
            let before = watch.deployment?.status?.replicas == 0 ? record.probeFailure : nil
            let why = (watch.lastFailure ?? before).map { " (\($0))" } ?? ""
            plan.progress.deployment = .failed(.notReady, "the application does not run as wanted\(why); `seactl env sync` starts it again")
        }
        plan.progress.urls = urls(of: record)
        var environment = record.environment
        if let status = settle(plan, [], of: environment, now: timestamp).status { environment.status = status }
        return environment
    }
}
