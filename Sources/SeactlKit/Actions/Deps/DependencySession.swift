import KubernetesClient
import KubernetesModel
import SeawayAPI
import SeawayDependencies

/// What the commands about dependencies work with: one environment of one application on one cluster.
struct DependencySession: Sendable {
    var access: DependencyAccess
    var namespaces: NamespaceAccess
    var output: Output
    let report = DependencyReport()
    var system: System
    var application: String
    var environment: String
    /// The environment's.
    var namespace: String
    var renderer: DependencyRenderer
    /// All that the environment has.
    var manifestDependencies: [ManifestDependency]
    /// Take fields over from other managers.
    var forceConflicts = false
    /// Take over objects that something else made.
    var adopt = false
    /// Every question is answered with yes.
    var yes = false

    var resolver: DependencyResolver { DependencyResolver(access: access, namespace: namespace) }

    func set(_ dependency: String) -> ApplySet {
        ApplySet(namespace: namespace, application: application, environment: environment, dependency: dependency)
    }

    func tell(_ dependency: String, _ text: String) { output.emit(.dependency("\(dependency): \(text)")) }

    /// The objects of a dependency that this engine runs; the others are told.
    func playable(_ dependency: ManifestDependency) async throws -> [WantedObject] {
        let (kept, skipped) = access.select(try await renderer.render(dependency))
        for (object, reason) in skipped {
            let identity = ObjectIdentity(group: object.group, kind: object.kind, namespace: object.namespace, name: object.name)
            tell(dependency.name, "skipped \(identity): \(reason)")
            report.note(dependency.name, apiVersion: object.apiVersion, identity, .skipped, reason: reason)
        }
        return kept
    }

    /// The set with what the cluster remembers of it; `nil` when it remembers none.
    func remembered(_ set: ApplySet) async throws -> ApplySet? {
        guard let parent = try await access.get(.configMaps, name: set.parentName, namespace: namespace) else { return nil }
        var set = set
        do throws(DependencyProblem) {
            try set.remember(parent)
        } catch {
            throw CommandFailure(.dependencyFailed, error.description)
        }
        return set
    }

    /// Sets of dependencies that the manifest no longer names.
    func orphans(_ dependencies: [ManifestDependency]) async throws -> [ApplySet] {
        let selector = ApplySet.parentSelector(application: application, environment: environment)
        let parents = try await access.send(.list(.configMaps, namespace: namespace, labelSelector: selector))
        let names = Set(dependencies.map(\.name))
        return (parents["items"]?.arrayValue ?? []).compactMap { ApplySet(parent: $0, application: application, environment: environment) }
            .filter { !names.contains($0.dependency) }
    }

    /// What the cluster has of a set.
    func members(of set: ApplySet?) async throws -> [StoredMember] {
        guard let set else { return [] }
        let (access, resolver) = (access, resolver)
        let found = try await concurrently(set.kinds.sorted()) { kind -> [StoredMember] in
            guard let type = try await resolver.type(of: kind) else { return [] }
            let places: [String?] = type.namespaced ? set.namespaces.sorted().map(Optional.some) : [nil]
            var members: [StoredMember] = []
            for place in places {
                members += try await access.listMetadata(type, namespace: place, labelSelector: set.memberSelector).map {
                    StoredMember(type: type, present: PresentObject(metadata: $0))
                }
            }
            return members
        }
        return found.flatMap(\.self)
    }

    /// Asks the person at the terminal; where none is, only `--yes` agrees.
    /// - Throws: ``CommandFailure`` (2) when nobody agreed.
    func agree(to question: String, refusal: String) throws {
        if yes { return }
        try system.agree(
            to: question, output,
            otherwise: CommandFailure(.badInput, refusal, next: ["look at it with `seactl deps diff`, then run the command again with --yes"]))
    }

    /// - Throws: ``CommandFailure`` (3) when it is being deleted, or cannot be made.
    func prepareNamespace() async throws {
        do {
            if let present = try await namespaces.get(namespace) {
                guard present.status?.phase == "Terminating" else { return }
                throw CommandFailure(
                    .clusterFailed, "namespace \(namespace) is being deleted", next: ["wait until it is gone, then run the command again"])
            }
        } catch let error as KubernetesError where error.isForbidden {
            // Rights in one namespace do not include looking at others. If it is missing, the next request says so.
            return
        }
        do {
            try await namespaces.create([
                "apiVersion": "v1", "kind": "Namespace",
                "metadata": ["name": .string(namespace), "labels": [Names.createdNamespaceLabel: "true"]],
            ])
            output.emit(.note("namespace \(namespace) created"))
        } catch let error as KubernetesError where error.isAlreadyExists {
            return
        }
    }
}

/// A member of a set as the cluster has it.
struct StoredMember: Sendable {
    var type: ResourceType
    var present: PresentObject

    var identity: ObjectIdentity {
        ObjectIdentity(
            type, namespace: present.metadata["namespace"]?.stringValue, name: present.metadata["name"]?.stringValue ?? "")
    }
}

extension CommandFailure {
    /// What became of several objects of a dependency.
    init(dependency: String, doing what: String, _ failures: [(object: String, error: any Error)]) {
        let errors = failures.map(\.error)
        let isCluster = errors.allSatisfy { error in
            guard let error = error as? KubernetesError else { return false }
            return error.isForbidden || error.isUnauthorized || error.isUnreachable || error.status?.isNamespaceTerminating == true
        }
        let hasConflicts = errors.contains { ($0 as? KubernetesError)?.status?.fieldConflicts.isEmpty == false }
        var next = ["correct it and run the command again: what is done already stays and is not done twice"]
        if hasConflicts { next.append("--force-conflicts takes fields over that another manager owns") }
        if isCluster { next = ["ask the cluster's administrator for the right, or wait, then run the command again"] }
        self.init(
            isCluster ? .clusterFailed : .dependencyFailed,
            "dependency \(dependency): \(Format.count(failures.count, "object")) could not be \(what)",
            detail: failures.map { "\($0.object): \(Self.explain($0.error))" }.joined(separator: "\n"), next: next)
    }

    static func explain(_ error: any Error) -> String {
        guard let error = error as? KubernetesError, let status = error.status else { return "\(error)" }
        guard !status.fieldConflicts.isEmpty else { return status.description }
        return "conflict: " + status.fieldConflicts.map { "\($0.field ?? "") (\($0.message ?? ""))" }.joined(separator: ", ")
    }
}
