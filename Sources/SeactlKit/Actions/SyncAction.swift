import KubernetesClient
import KubernetesModel
import SeawayAPI
import Source
import Synchronization

/// `seactl env sync`: scan, send, apply, wait. The order of work is the order of this file.
struct SyncAction: Sendable {
    var cluster: Cluster
    var output: Output
    var system: System
    /// What is wanted but for the revision, which the scan finds.
    var wanted: WantedEnvironment
    var takeOver: Bool
    var secrets: [WantedSecret] = []
    /// Applies the dependencies, where that was asked for.
    var dependencies: (@Sendable () async throws -> Void)?
    var scan: @Sendable () async throws -> SourceScan
    let progress = SyncProgress()
    let contact: ServerContact

    /// - Parameter patience: how long the API server, the operator or its object store may be away meanwhile.
    init(
        cluster: Cluster, output: Output, system: System, wanted: WantedEnvironment, takeOver: Bool, patience: Duration,
        secrets: [WantedSecret] = [], dependencies: (@Sendable () async throws -> Void)? = nil,
        scan: @escaping @Sendable () async throws -> SourceScan
    ) {
        contact = ServerContact(output: output, system: system, patience: patience)
        self.cluster = cluster.patient(contact)
        self.output = output
        self.system = system
        self.wanted = wanted
        self.takeOver = takeOver
        self.secrets = secrets
        self.dependencies = dependencies
        self.scan = scan
    }

    /// - Returns: the URLs that answer.
    /// - Throws: ``CommandFailure`` and the errors of the scan and of the cluster.
    func run() async throws -> [String] {
        try await applyDependencies()
        output.emit(.stage(.source, .running("scanning")))
        async let existing = cluster.environments.get(wanted.key)
        let scanned = try await scan()
        for warning in scanned.warnings { output.emit(.warning("\(warning)")) }

        var wanted = wanted
        wanted.spec.revision = scanned.tree.revision.hex
        let present = try await existing
        // Before anything is written, also the Secrets: what is somebody else's stays as it is.
        if let refusal = SyncDecision.refusal(existing: present, wanted: wanted, takeOver: takeOver) { throw refusal }
        let keeper = SecretsAction(cluster: cluster, output: output, environment: wanted.key, wanted: secrets)
        let steps = try await keeper.plan(uid: present?.metadata.uid)
        if !steps.isEmpty { wanted.spec.secrets = steps.map(\.reference) }

        if case .upToDate(let urls) = SyncDecision.make(existing: present, wanted: wanted, takeOver: takeOver) {
            output.emit(.stage(.source, .done(Self.describe(scanned, nil))))
            try await keeper.write(steps, uid: present?.metadata.uid)
            return try await upToDate(present, wanted, urls)
        }
        if present == nil { try await prepareNamespace(wanted.key.namespace ?? "default") }
        async let finished = finishedBuilds(present)
        try await upload(scanned, to: wanted.key)
        try await keeper.write(steps, uid: present?.metadata.uid)
        let wait = EnvironmentWait(
            cluster: cluster, output: output, system: system, contact: contact, progress: progress, finishedBuilds: await finished)
        let urls = try await applyAndWait(wanted, wait) { applied in
            if applied.metadata.uid != present?.metadata.uid { try await keeper.own(steps, uid: applied.metadata.uid) }
        }
        await keeper.prune(present?.spec.secrets ?? [])
        return urls
    }

    /// What the application needs besides itself comes first, but not into an environment that is somebody else's.
    private func applyDependencies() async throws {
        guard let dependencies else { return }
        let present = try await cluster.environments.get(wanted.key)
        if let refusal = SyncDecision.refusal(existing: present, wanted: wanted, takeOver: takeOver) { throw refusal }
        progress.noteDependencies(true)
        try await dependencies()
        progress.noteDependencies(false)
    }

    /// Decides once more by what the cluster has now: sending may have taken minutes, in which somebody else may have made the
    /// Environment, or a build of the same revision may have failed.
    private func applyAndWait(
        _ wanted: WantedEnvironment, _ wait: EnvironmentWait, onApplied: (Environment) async throws -> Void
    ) async throws -> [String] {
        let present = try await cluster.environments.get(wanted.key)
        switch SyncDecision.make(existing: present, wanted: wanted, takeOver: takeOver) {
        case .refuse(let failure):
            throw failure
        case .upToDate(let urls):
            return try await upToDate(present, wanted, urls)
        case .proceed(let decided):
            let applied = try await apply(decided)
            try await onApplied(applied)
            return try await wait.untilReady(applied, revision: decided.spec.revision)
        }
    }

    /// Nothing is to be done but for a temporary environment, whose life begins anew with each sync.
    private func upToDate(_ present: Environment?, _ wanted: WantedEnvironment, _ urls: [String]) async throws -> [String] {
        if let present, present.spec.ttlSeconds != nil {
            var same = wanted
            same.spec = present.spec
            _ = try await cluster.environments.apply(same.object(syncedAt: Timestamp(system.now())))
        }
        progress.noteUpToDate()
        output.emit(.upToDate(urls: urls))
        return urls
    }

    /// Makes the namespace unless it is there. One that was there before is never labelled, so that nobody takes it for ours.
    private func prepareNamespace(_ name: String) async throws {
        do {
            if let present = try await cluster.namespaces.get(name) {
                guard present.status?.phase == "Terminating" else { return }
                throw CommandFailure(
                    .clusterFailed, "namespace \(name) is being deleted", reason: Reason.namespaceTerminating.rawValue,
                    next: ["wait until it is gone, then run `seactl env sync` again"])
            }
        } catch let error as KubernetesError where error.isForbidden {
            // Rights in one namespace do not include looking at others. If it is missing, the next request says so.
            return
        }
        do {
            try await cluster.namespaces.create([
                "apiVersion": "v1", "kind": "Namespace",
                "metadata": ["name": .string(name), "labels": [Names.createdNamespaceLabel: "true"]],
            ])
            output.emit(.note("namespace \(name) created"))
        } catch let error as KubernetesError where error.isAlreadyExists {
            return
        } catch let error as KubernetesError where error.isForbidden {
            throw CommandFailure.noNamespace(name, error)
        }
    }

    private func finishedBuilds(_ present: Environment?) async -> Set<String> {
        guard let present else { return [] }
        // Without them, lines of an earlier build may be shown: a blemish that is no reason to fail.
        return (try? await BuildLog(cluster: cluster, key: present.key).finishedPods()) ?? []
    }

    private func upload(_ scanned: SourceScan, to key: ObjectKey) async throws {
        output.emit(.stage(.source, .running("sending")))
        let output = output
        let terms = UploadTerms(
            patience: contact.patience, progress: { output.emit(.upload($0)) }, note: { output.emit(.note($0)) })
        let sent = try await cluster.sources.upload(scanned, key, terms)
        output.emit(.stage(.source, .done(Self.describe(scanned, sent))))
    }

    private func apply(_ wanted: WantedEnvironment) async throws -> Environment {
        output.emit(.stage(.build, .running(cluster.engine == .local ? "starting" : "waiting for the operator")))
        if cluster.engine == .local { progress.noteLocal() }
        do {
            let applied = try await cluster.environments.apply(wanted.object(syncedAt: Timestamp(system.now())))
            progress.noteApplied()
            return applied
        } catch let error as KubernetesError where error.status?.isInvalid == true {
            throw CommandFailure(
                .badInput, "the cluster refuses the settings of \(wanted.displayName)", detail: error.description,
                next: ["correct the manifest and run `seactl env sync` again"])
        }
    }

    /// `6,012 files, 3 changed, 12 KiB sent`.
    static func describe(_ scanned: SourceScan, _ sent: SentSources?) -> String {
        let files = Format.count(scanned.tree.fileCount, "file")
        guard let sent else { return "\(files), unchanged" }
        if sent.isReadInPlace { return "\(files), read in place" }
        guard sent.files > 0 else { return "\(files), all known to the cluster" }
        return "\(files), \(Format.count(sent.files)) changed, \(Format.bytes(sent.bytes)) sent"
    }
}

/// How far a sync is, for what is said when it is interrupted or takes too long.
final class SyncProgress: Sendable {
    private struct State {
        var isApplied = false
        var isUpToDate = false
        var isLocal = false
        var isAtDependencies = false
        var reports: [StageReport] = []
    }
    private let state = Mutex(State())

    func noteApplied() { state.withLock { $0.isApplied = true } }
    /// Nothing goes on once the command has ended.
    func noteLocal() { state.withLock { $0.isLocal = true } }
    func noteDependencies(_ areApplied: Bool) { state.withLock { $0.isAtDependencies = areApplied } }
    func noteUpToDate() { state.withLock { $0.isUpToDate = true } }
    /// Whether the cluster has what was wanted, though perhaps it does not run yet.
    var isSynced: Bool { state.withLock { $0.isApplied || $0.isUpToDate } }
    func note(_ reports: [StageReport]) { state.withLock { $0.reports = reports } }

    /// What a user is told who pressed Ctrl-C.
    var interruption: CommandFailure {
        if state.withLock(\.isAtDependencies) {
            return CommandFailure(
                .interrupted, "interrupted while the dependencies were applied; nothing was synced",
                next: ["what was applied so far stays; run the command again to go on"])
        }
        if state.withLock(\.isLocal) {
            return CommandFailure(
                .interrupted, "interrupted", next: ["`seactl env sync` takes up where this ended, `seactl env status` tells how it is"])
        }
        return state.withLock(\.isApplied)
            ? CommandFailure(
                .interrupted, "interrupted; the build and the deployment go on in the cluster",
                next: ["`seactl env status` tells how far they are, `seactl env sync` waits for them again"])
            : CommandFailure(.interrupted, "interrupted before anything was changed in the environment")
    }

    func timeOut(after limit: Duration, _ name: String) -> CommandFailure {
        if state.withLock(\.isAtDependencies) {
            return CommandFailure(
                .dependencyFailed, "the dependencies of \(name) are not ready after \(Format.seconds(limit)); nothing was synced",
                next: ["`seactl deps diff` shows what is missing; --timeout waits longer. What was applied so far stays"])
        }
        let reports = state.withLock(\.reports)
        let last = reports.last.map { "\($0.stage.rawValue): \($0.state.text)" }
        return CommandFailure(
            .timedOut, "\(name) is not ready after \(Format.seconds(limit))", reason: reports.last?.reason, detail: last,
            next: [
                "`seactl env status` shows the conditions; --timeout waits longer. "
                    + (state.withLock(\.isLocal) ? "`seactl env sync` takes up where this ended" : "The cluster goes on meanwhile")
            ])
    }
}
