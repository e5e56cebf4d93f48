import Foundation
import KubernetesModel
import SeawayAPI
import SeawayPlan
import Source
import Synchronization

/// Runs environments on this machine: what the operator, the API server and the nodes do in a cluster, for one person.
///
/// The decisions are the operator's own: `plan` and `settle` see a Job, a Deployment and pods as they would in a cluster, and
/// Podman does what they say. State is kept in files; nothing runs but the containers once a command has ended.
public struct LocalEngine: Sendable {
    public let podman: Podman
    public let store: LocalStore
    var settings: OperatorSettings
    var now: @Sendable () -> Date
    let sources = OfferedSources()
    let probed = ProbedContainers()

    /// - Parameters:
    ///   - directory: absolute; where the engine keeps its state.
    ///   - progressDeadline: seconds after which a rollout that makes no progress has failed.
    public init(
        podman: Podman, directory: String, progressDeadline: Int = OperatorDefaults.progressDeadline, now: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.podman = podman
        self.store = LocalStore(directory: directory)
        self.now = now
        // Images under `localhost` are Podman's own: no registry is asked for them.
        settings = OperatorSettings(
            registry: "localhost", registryPull: "localhost", registryInsecure: true, builderImage: "podman", seawayImage: "", endpoint: "",
            certificateAuthority: "")
        settings.progressDeadline = progressDeadline
        // Whoever syncs waits for the earlier revision to make room for its port.
        settings.terminationGracePeriod = 2
    }

    var timestamp: Timestamp { Timestamp(now()) }

    // MARK: Environments

    /// The environment as it is at this moment; `nil` when there is none. A temporary one whose time is over is removed: nothing runs
    /// here that would have done it before.
    public func environment(_ key: ObjectKey) async throws -> Environment? {
        guard try store.read(key) != nil else { return nil }
        let judged: Environment
        do {
            // Whoever works on it writes its status all the time.
            guard let lock = try FileLock(store.workLock(key)) else { return try store.read(key)?.environment }
            defer { _ = lock }
            guard let record = try store.read(key) else { return nil }
            if let found = try await look(record) { return found }
            judged = record.environment
        }
        // Not when somebody has synced it meanwhile.
        try await delete(key) { $0.metadata.uid == judged.metadata.uid && $0.metadata.resourceVersion == judged.metadata.resourceVersion }
        return try store.read(key)?.environment
    }

    public func environments(namespace: String?) async throws -> [Environment] {
        var found: [Environment] = []
        for key in try store.keys(namespace: namespace) {
            if let environment = try await environment(key) { found.append(environment) }
        }
        return found
    }

    /// Takes what is wanted, as the API server would: a changed spec is a new generation.
    /// - Throws: `LocalError`, `DecodingError` for an object that is no Environment.
    public func apply(_ object: JSONValue) async throws -> Environment {
        let wanted = try object.decode(Environment.self)
        return try await store.update(wanted.key) { record in
            var environment = record?.environment ?? wanted
            if record == nil {
                environment.metadata.uid = UUID().uuidString.lowercased()
                environment.metadata.generation = 1
                environment.metadata.creationTimestamp = timestamp
                environment.status = nil
            } else if environment.spec != wanted.spec {
                environment.spec = wanted.spec
                environment.metadata.generation = (environment.metadata.generation ?? 0) + 1
            }
            environment.metadata.labels = (environment.metadata.labels ?? [:]).merging(wanted.metadata.labels ?? [:]) { $1 }
            environment.metadata.annotations = (environment.metadata.annotations ?? [:]).merging(wanted.metadata.annotations ?? [:]) { $1 }
            environment.metadata.resourceVersion = Self.next(environment.metadata.resourceVersion)
            var changed = record ?? LocalRecord(environment: environment)
            changed.environment = environment
            record = changed
            return environment
        }
    }

    /// Removes everything that was made for an environment.
    /// - Parameter uid: only this very one.
    public func delete(_ key: ObjectKey, uid: String?) async throws {
        try await delete(key) { uid == nil || $0.metadata.uid == uid }
    }

    private func delete(_ key: ObjectKey, if isMeant: @Sendable (Environment) -> Bool) async throws {
        let isThere = try await store.update(key) { record in
            guard let present = record?.environment, isMeant(present) else { return false }
            record?.environment.metadata.deletionTimestamp = timestamp
            return true
        }
        if isThere { try await follow(key) { $0 != nil } }
    }

    /// Says where the files of a tree are, for the build that may follow.
    public func offer(_ scan: SourceScan, for key: ObjectKey) { sources.set(scan, key) }

    static func next(_ version: String?) -> String { String((version.flatMap { Int($0) } ?? 0) + 1) }

    // MARK: Secrets

    /// That of the manifest, else that of a dependency.
    public func secret(_ key: ObjectKey) throws -> Secret? {
        let namespace = key.namespace ?? "default"
        if let own = try store.secrets(namespace)[key.name] { return own }
        return try store.objects(namespace)[KeptObject.id(.secrets, key.name)]?.object.decode(Secret.self)
    }

    public func applySecret(_ object: JSONValue) async throws {
        var secret = try object.decode(Secret.self)
        for (name, value) in object["stringData"]?.objectValue ?? [:] {
            secret.data = (secret.data ?? [:]).merging([name: Data((value.stringValue ?? "").utf8)]) { $1 }
        }
        let name = secret.metadata.name ?? ""
        let applied = secret
        try await store.updateSecrets(secret.metadata.namespace ?? "default") { secrets in
            var applied = applied
            applied.metadata.uid = secrets[name]?.metadata.uid ?? UUID().uuidString.lowercased()
            applied.metadata.resourceVersion = Self.next(secrets[name]?.metadata.resourceVersion)
            secrets[name] = applied
        }
    }

    public func deleteSecret(_ key: ObjectKey) async throws {
        try await store.updateSecrets(key.namespace ?? "default") { $0[key.name] = nil }
    }
}

/// The scans of this process, for its builds.
final class OfferedSources: Sendable {
    private let scans = Mutex<[ObjectKey: SourceScan]>([:])

    func set(_ scan: SourceScan, _ key: ObjectKey) { scans.withLock { $0[key] = scan } }
    func scan(_ key: ObjectKey) -> SourceScan? { scans.withLock { $0[key] } }
}
