import KubernetesClient
import KubernetesModel
import SeawayAPI
import SeawayDependencies

/// Applies one dependency, removes what left it, waits for what the manifest waits for.
struct ApplyDependency: Sendable {
    var session: DependencySession
    var dependency: ManifestDependency

    private var access: DependencyAccess { session.access }

    /// - Throws: ``CommandFailure`` with all objects that could not be applied; a second run goes on from there.
    func run() async throws {
        let objects = try await session.playable(dependency)
        try await session.prepareNamespace()
        var set = session.set(dependency.name)
        let old = try await session.remembered(set)
        let members = try await plan(objects, set)
        let wanted = Set(members.all.map(\.identity))
        let leaving = try await session.members(of: old).filter { !wanted.contains($0.identity) }
        try preview(members.all, leaving)

        // First what may be there, then the objects: a run that breaks off leaves nothing that the next one does not find.
        set.kinds = Set(members.all.map(\.identity.groupKind))
        set.namespaces = Set(members.all.compactMap(\.identity.namespace)).union([session.namespace])
        var during = set
        during.kinds.formUnion(old?.kinds ?? [])
        during.namespaces.formUnion(old?.namespaces ?? [])
        try await write(during, replacing: old)
        let started = session.system.elapsed()
        var counts = Counts()
        for phase in phased(members.all, by: \.identity.groupKind) {
            counts += try await apply(phase, set)
            if phase.first?.identity.groupKind.kind == "CustomResourceDefinition" { try await establish(phase) }
        }
        session.tell(
            dependency.name,
            "\(Format.count(objects.count, "object")): \(counts.description)  (\(Format.seconds(session.system.elapsed() - started)))")
        for member in members.left {
            session.tell(dependency.name, "\(member.identity) is there already and stays as it is")
            session.report.note(dependency.name, member.type, member.identity, .left)
        }
        if !leaving.isEmpty {
            let kept = try await RemoveMembers(session: session, set: during, dependency: dependency.name).run(leaving)
            set.kinds.formUnion(kept.map(\.groupKind))
        }
        try await write(set, replacing: during)
        try await DependencyWaits(session: session, dependency: dependency, members: members.all).run()
    }

    // MARK: Before anything is written

    /// What is to be applied, and what stays as it is.
    private func plan(_ objects: [WantedObject], _ set: ApplySet) async throws -> (all: [DependencyMember], left: [DependencyMember]) {
        let members: [DependencyMember]
        do {
            members = try await session.resolver.look(session.resolver.resolve(objects))
        } catch let problems as DependencyProblems {
            throw CommandFailure(.dependencyFailed, "dependency \(dependency.name) cannot be applied", detail: problems.description)
        }
        var all: [DependencyMember] = []
        var left: [DependencyMember] = []
        var refusals: [String] = []
        for member in members {
            switch ApplyDecision.make(member.wanted, member.identity, present: member.present, set: set, adopt: session.adopt) {
            case .apply, .adopt: all.append(member)
            case .leave: left.append(member)
            case .refuse(let reason): refusals.append("\(member.wanted.place): \(reason)")
            }
        }
        guard refusals.isEmpty else {
            throw CommandFailure(
                .dependencyFailed,
                "dependency \(dependency.name) was not applied: \(Format.count(refusals.count, "object")) of it may not be touched",
                detail: refusals.joined(separator: "\n"))
        }
        return (all, left)
    }

    private func preview(_ members: [DependencyMember], _ leaving: [StoredMember]) throws {
        let wide = members.filter { !$0.type.namespaced }
        for member in wide {
            session.tell(dependency.name, "cluster-wide: \(member.identity)\(member.present == nil ? ", to be created" : "")")
        }
        let fresh = wide.filter { $0.present?.set == nil }
        if !fresh.isEmpty, session.system.ask != nil {
            try session.agree(to: "Apply \(Format.count(fresh.count, "cluster-wide object"))?", refusal: "")
        }
        guard !leaving.isEmpty else { return }
        let names = leaving.map(\.identity).sorted()
        for name in names {
            session.tell(dependency.name, "to be removed, as it left \(dependency.isChart ? "the chart" : dependency.path): \(name)")
        }
        try session.agree(
            to: "Remove \(Format.count(names.count, "object"))?",
            refusal: "dependency \(dependency.name) was not applied: it would remove \(names.map(\.description).joined(separator: ", "))")
    }

    // MARK: Applying

    struct Counts {
        var created = 0
        var changed = 0
        var unchanged = 0

        mutating func add(_ result: DependencyReport.Result) {
            switch result {
            case .created: created += 1
            case .changed: changed += 1
            default: unchanged += 1
            }
        }

        var description: String { "\(created) created, \(changed) changed, \(unchanged) unchanged" }
        static func += (left: inout Counts, right: Counts) {
            left.created += right.created
            left.changed += right.changed
            left.unchanged += right.unchanged
        }
    }

    private func write(_ set: ApplySet, replacing old: ApplySet?) async throws {
        guard set != old else { return }
        _ = try await access.send(
            .apply(
                .configMaps, object: set.parent(), name: set.parentName, namespace: set.namespace, fieldManager: ApplySet.fieldManager, force: true))
    }

    private func apply(_ members: [DependencyMember], _ set: ApplySet) async throws -> Counts {
        let results = try await concurrently(members) { member -> (DependencyMember, Result<JSONValue, any Error>) in
            do {
                return (member, .success(try await apply(member, set)))
            } catch {
                try Task.checkCancellation()
                return (member, .failure(error))
            }
        }
        var counts = Counts()
        var failures: [(object: String, error: any Error)] = []
        for (member, result) in results {
            switch result {
            case .failure(let error):
                failures.append(("\(member.wanted.place): \(member.identity)", error))
                session.report.note(dependency.name, member.type, member.identity, .failed, reason: CommandFailure.explain(error))
            case .success(let object):
                let isSame = object["metadata"]?["resourceVersion"]?.stringValue == member.present?.resourceVersion
                let result = member.present == nil ? DependencyReport.Result.created : isSame ? .unchanged : .changed
                session.report.note(dependency.name, member.type, member.identity, result)
                counts.add(result)
            }
        }
        guard failures.isEmpty else { throw CommandFailure(dependency: dependency.name, doing: "applied", failures) }
        return counts
    }

    private func apply(_ member: DependencyMember, _ set: ApplySet) async throws -> JSONValue {
        if member.present != nil, member.present?.set != set.id { try await takeOver(member) }
        var request = APIRequest.apply(
            member.type, object: member.applied(set), name: member.identity.name, namespace: member.identity.namespace,
            fieldManager: ApplySet.fieldManager, force: session.forceConflicts)
        request.headers.append(DependencyAccess.onlyMetadata)
        var pause = 50
        while true {
            do {
                return try await access.send(request)
            } catch let error as KubernetesError where pause < 5000 && Self.isEarly(error, member) {
                try await Task.sleep(for: .milliseconds(pause))
                pause *= 2
            }
        }
    }

    /// Whether something that the cluster makes by itself is not there yet: an established kind at every API server, the
    /// ServiceAccount of a namespace that was just made.
    private static func isEarly(_ error: KubernetesError, _ member: DependencyMember) -> Bool {
        if member.isOfComingKind, error.isNotFound { return true }
        guard member.identity.groupKind == GroupKind(group: "", kind: "Pod"), let status = error.status else { return false }
        return status.isTimeout || (status.isForbidden && status.message?.contains("error looking up service account") == true)
    }

    /// Makes what kubectl applied ours, so that it can be removed field by field later.
    private func takeOver(_ member: DependencyMember) async throws {
        guard let object = try await access.get(member.type, name: member.identity.name, namespace: member.identity.namespace),
            let fields = FieldOwnership.takenOver(object["metadata"]?["managedFields"], by: ApplySet.fieldManager)
        else { return }
        var metadata: JSONValue = ["managedFields": fields]
        metadata["resourceVersion"] = object["metadata"]?["resourceVersion"]
        _ = try await access.send(
            .mergePatch(member.type, patch: ["metadata": metadata], name: member.identity.name, namespace: member.identity.namespace))
    }

    private func establish(_ members: [DependencyMember]) async throws {
        let waits = members.map {
            var wait = ManifestWait(kind: $0.identity.kind, name: $0.identity.name, timeout: .seconds(60))
            wait.apiVersion = $0.wanted.apiVersion
            return wait
        }
        try await DependencyWaits(session: session, dependency: dependency, members: members).run(waits, tellsSuccess: false)
    }
}
