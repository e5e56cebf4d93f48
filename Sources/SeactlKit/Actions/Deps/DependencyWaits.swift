import KubernetesClient
import KubernetesModel
import SeawayAPI
import SeawayDependencies
import Synchronization

/// Waits for what the manifest names. Waits on one object go one after the other, those on different objects side by side.
struct DependencyWaits: Sendable {
    var session: DependencySession
    var dependency: ManifestDependency
    var members: [DependencyMember]

    private var access: DependencyAccess { session.access }

    /// - Throws: ``CommandFailure`` (7) when an object is missing, cannot become what is waited for, or takes too long.
    func run() async throws { try await run(dependency.wait, tellsSuccess: true) }

    func run(_ waits: [ManifestWait], tellsSuccess: Bool) async throws {
        let targets = try await concurrently(waits.filter { !isSkipped($0) }) { try await target(of: $0) }
        let chains = Dictionary(grouping: targets, by: \.identity)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for chain in chains.values {
                group.addTask { for target in chain { try await wait(for: target, tellsSuccess: tellsSuccess) } }
            }
            try await group.waitForAll()
        }
    }

    /// Tells of a wait for something that this engine never has.
    private func isSkipped(_ wait: ManifestWait) -> Bool {
        guard let reason = access.reasonToSkip(wait.apiVersion, wait.kind) else { return false }
        session.tell(dependency.name, "not waiting for \(wait.kind) \(wait.name) to be \(wait.for): \(reason)")
        session.report.noteSkippedWait(dependency.name, wait, namespace: session.namespace, reason: reason)
        return true
    }

    private struct Target: Sendable {
        var type: ResourceType
        var identity: ObjectIdentity
        var goal: WaitGoal
        /// The goal as the manifest has it.
        var text: String
        var timeout: Duration
    }

    private func target(of wait: ManifestWait) async throws -> Target {
        guard let goal = WaitGoal(wait.for) else {
            throw CommandFailure(.badInput, "dependency \(dependency.name): '\(wait.for)' is nothing to wait for, expected \(WaitGoal.expected)")
        }
        let type = try await type(of: wait)
        let identity = ObjectIdentity(type, namespace: wait.namespace ?? session.namespace, name: wait.name)
        // An object of the set says in which namespace it is.
        let own = members.first { $0.type == type && $0.identity.name == wait.name }
        return Target(
            type: type, identity: wait.namespace == nil ? own?.identity ?? identity : identity, goal: goal, text: wait.for, timeout: wait.timeout)
    }

    private func type(of wait: ManifestWait) async throws -> ResourceType {
        if let version = wait.apiVersion { return try await access.resourceType(version, wait.kind) }
        if let own = members.first(where: { $0.identity.kind == wait.kind }) { return own.type }
        if let known = ResourceType.wellKnown.first(where: { $0.kind == wait.kind }) { return known }
        let groups = try await access.send(APIRequest(method: "GET", path: "/apis"))["groups"]?.arrayValue ?? []
        let versions = groups.compactMap { $0["preferredVersion"]?["groupVersion"]?.stringValue }
        let access = access
        let found = try await concurrently(versions) { version -> ResourceType? in
            do {
                return try await access.resourceType(version, wait.kind)
            } catch let error as KubernetesError where error.isNotFound || error.status?.isServiceUnavailable == true {
                return nil
            }
        }.compactMap(\.self)
        guard let first = found.first else {
            throw CommandFailure(
                .dependencyFailed, "dependency \(dependency.name): the cluster has no kind \(wait.kind) to wait for",
                next: ["correct `kind`, or install its CustomResourceDefinition"])
        }
        guard found.count == 1 else {
            throw CommandFailure(
                .badInput, "dependency \(dependency.name): several kinds are called \(wait.kind): \(found.map(\.apiVersion).joined(separator: ", "))",
                next: ["name one of them with `apiVersion` beside `kind`"])
        }
        return first
    }

    // MARK: One wait

    private func wait(for target: Target, tellsSuccess: Bool) async throws {
        let said = LastWord()
        let started = session.system.elapsed()
        let name = "\(target.identity)"
        let verdict = try await withThrowingTaskGroup(of: WaitVerdict?.self) { group in
            group.addTask {
                try await follow(target) { text in
                    if said.note(text) { session.tell(dependency.name, "waiting for \(name) to be \(target.goal): \(text)") }
                }
            }
            group.addTask {
                try await session.system.sleep(target.timeout)
                return nil
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
        if case .met = verdict {
            guard tellsSuccess else { return }
            session.tell(dependency.name, "\(name) is \(target.goal)  (\(Format.seconds(session.system.elapsed() - started)))")
            return session.report.noteWait(dependency.name, target.type, target.identity, for: target.text, reason: nil)
        }
        let failure = await failure(verdict, target, lastWord: said.text)
        session.report.noteWait(
            dependency.name, target.type, target.identity, for: target.text,
            reason: [failure.headline, failure.detail ?? ""].filter { !$0.isEmpty }.joined(separator: "\n"))
        throw failure
    }

    private func failure(_ verdict: WaitVerdict?, _ target: Target, lastWord: String) async -> CommandFailure {
        let name = "\(target.identity)"
        switch verdict {
        case .missing:
            return CommandFailure(
                .dependencyFailed, "dependency \(dependency.name): there is no \(name) to wait for",
                next: ["correct `kind` and `name`; if something else makes it later, wait for it with `for: exists` first"])
        case .failed(let reason, let log):
            return await failure(name, target.goal, reason, log)
        case .met, .pending, nil:
            return CommandFailure(
                .dependencyFailed, "dependency \(dependency.name): \(name) is not \(target.goal) after \(Format.seconds(target.timeout))",
                detail: lastWord, next: ["look at it with `kubectl describe`, or give the wait a longer `timeout`"])
        }
    }

    private func failure(_ name: String, _ goal: WaitGoal, _ reason: String, _ log: WaitVerdict.PodLog?) async -> CommandFailure {
        var detail = reason
        if let log {
            // The reason stands without it: a log that is gone must not hide what happened.
            let lines = (try? await access.logTail(log, 20)) ?? []
            if !lines.isEmpty { detail += "\nthe last lines of container \(log.container):\n" + lines.map { "| \($0)" }.joined(separator: "\n") }
        }
        return CommandFailure(
            .dependencyFailed, "dependency \(dependency.name): \(name) will not be \(goal)", detail: detail,
            next: ["correct it and run the command again"])
    }

    private enum Sight: Sendable {
        case object(JSONValue?)
        case pods([JSONValue])
        case endpoints(JSONValue?)
    }

    /// - Returns: the verdict that ends the wait.
    private func follow(_ target: Target, _ pending: @escaping @Sendable (String) -> Void) async throws -> WaitVerdict {
        let (sights, sights_) = AsyncThrowingStream<Sight, any Error>.makeStream()
        let (access, identity) = (access, target.identity)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            @Sendable func watch(
                _ type: ResourceType, name: String? = nil, labels: String? = nil, _ sight: @escaping @Sendable ([JSONValue]) -> Sight
            ) async {
                do {
                    try await access.follow(type, namespace: identity.namespace, name: name, labelSelector: labels) { objects in
                        sights_.yield(sight(objects))
                        return true
                    }
                } catch {
                    sights_.finish(throwing: error)
                }
            }
            group.addTask { await watch(target.type, name: identity.name) { .object($0.first) } }
            if identity.groupKind == .service {
                group.addTask { await watch(.endpoints, name: identity.name) { .endpoints($0.first) } }
            }
            var observed = WaitObserved(object: nil)
            var isSeen = false
            var followsPods = false
            for try await sight in sights {
                switch sight {
                case .object(let object):
                    observed.object = object
                    isSeen = true
                    if identity.kind == "Pod", identity.group.isEmpty { observed.pods = object.map { [$0] } ?? [] }
                    if !followsPods, let object, let selector = PodSelector.text(identity.groupKind, object) {
                        followsPods = true
                        group.addTask { await watch(.pods, labels: selector) { .pods($0) } }
                    }
                case .pods(let pods): observed.pods = pods
                case .endpoints(let endpoints): observed.endpoints = endpoints
                }
                guard isSeen else { continue }
                let current = try await withoutOldPods(observed, identity.groupKind)
                switch target.goal.judge(identity.groupKind, current) {
                case .pending(let text): pending(text)
                case .failed(_, nil):
                    // The object tells it before its pods were looked at, in which the log is.
                    guard let selector = observed.object.flatMap({ PodSelector.text(identity.groupKind, $0) }) else {
                        return target.goal.judge(identity.groupKind, current)
                    }
                    let pods = try await access.send(.list(.pods, namespace: identity.namespace, labelSelector: selector))
                    observed.pods = pods["items"]?.arrayValue ?? []
                    return target.goal.judge(identity.groupKind, try await withoutOldPods(observed, identity.groupKind))
                case let verdict: return verdict
                }
            }
            throw CancellationError()
        }
    }

    /// A workload's pods of earlier versions may crash as they like: they are about to go.
    private func withoutOldPods(_ observed: WaitObserved, _ kind: GroupKind) async throws -> WaitObserved {
        guard kind.group == "apps", let object = observed.object, !observed.pods.isEmpty else { return observed }
        var observed = observed
        switch kind.kind {
        case "Deployment" where !PodSelector.hasVersions(object): break
        case "Deployment":
            var hashes: [String: Bool] = [:]
            // Until the controller has seen the change, there are none of the present version.
            if let revision = PodSelector.revision(object) {
                for hash in Set(observed.pods.compactMap(PodSelector.replicaSet)) {
                    let owner = try await access.metadata(.replicaSets, name: hash, namespace: object["metadata"]?["namespace"]?.stringValue)
                    hashes[hash] = owner?["annotations"]?[PodSelector.revisionAnnotation]?.stringValue == revision
                }
            }
            observed.pods = observed.pods.filter { PodSelector.replicaSet($0).map { hashes[$0] == true } ?? false }
        case "StatefulSet" where object["spec"]?["podManagementPolicy"] != "Parallel": break
        default: observed.pods = observed.pods.filter { PodSelector.isOfPresentVersion($0, of: kind, object) }
        }
        return observed
    }
}

/// What was said last, so that nothing is said twice.
final class LastWord: Sendable {
    private let last = Mutex("")

    var text: String { last.withLock(\.self) }

    /// - Returns: whether this is news.
    func note(_ text: String) -> Bool {
        last.withLock { last in
            defer { last = text }
            return last != text
        }
    }
}
