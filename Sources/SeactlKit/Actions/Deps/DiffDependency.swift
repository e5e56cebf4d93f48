import KubernetesClient
import KubernetesModel
import SeawayAPI
import SeawayDependencies

/// Shows what an apply of one dependency would change, by the server's own dry run.
struct DiffDependency: Sendable {
    var session: DependencySession
    var dependency: ManifestDependency

    struct Change: Sendable {
        var type: ResourceType
        var identity: ObjectIdentity
        var result: DependencyReport.Result
        /// Why it would be refused.
        var reason: String?
        var lines: [String] = []

        var title: String {
            switch result {
            case .create: "\(identity) would be created"
            case .remove: "\(identity) would be removed"
            case .refuse: "\(identity) would be refused: \(reason ?? "")"
            default: "\(identity) would be changed"
            }
        }
    }

    /// - Returns: one element for each object that would change, in the order of the apply; those that would be removed last.
    /// - Throws: ``CommandFailure`` with the objects that the server refuses.
    func run() async throws -> [Change] {
        let objects = try await session.playable(dependency)
        let set = session.set(dependency.name)
        let old = try await session.remembered(set)
        let members: [DependencyMember]
        do {
            members = try await session.resolver.look(session.resolver.resolve(objects))
        } catch let problems as DependencyProblems {
            throw CommandFailure(.dependencyFailed, "dependency \(dependency.name) cannot be applied", detail: problems.description)
        }
        let isNamespaceThere = try await Set(
            concurrently(Set(members.compactMap(\.identity.namespace)).sorted()) { name -> String? in
                do {
                    return try await session.access.metadata(.namespaces, name: name, namespace: nil) == nil ? nil : name
                } catch let error as KubernetesError where error.isForbidden {
                    // Rights in a namespace do not include looking at it; if it is missing, the dry run says so.
                    return name
                }
            }.compactMap(\.self))
        let results = try await concurrently(phased(members, by: \.identity.groupKind).flatMap(\.self)) {
            member -> (DependencyMember, Result<Change?, any Error>) in
            do {
                return (member, .success(try await change(member, set, isNamespaceThere)))
            } catch {
                try Task.checkCancellation()
                return (member, .failure(error))
            }
        }
        var changes: [Change] = []
        var failures: [(object: String, error: any Error)] = []
        for (member, result) in results {
            switch result {
            case .success(let change): if let change { changes.append(change) }
            case .failure(let error): failures.append(("\(member.wanted.place): \(member.identity)", error))
            }
        }
        guard failures.isEmpty else { throw CommandFailure(dependency: dependency.name, doing: "compared", failures) }
        let wanted = Set(members.map(\.identity))
        for member in try await session.members(of: old) where !wanted.contains(member.identity) {
            changes.append(Change(type: member.type, identity: member.identity, result: .remove))
        }
        return changes
    }

    private func change(_ member: DependencyMember, _ set: ApplySet, _ namespaces: Set<String>) async throws -> Change? {
        func change(_ result: DependencyReport.Result, reason: String? = nil, _ lines: [String] = []) -> Change {
            Change(type: member.type, identity: member.identity, result: result, reason: reason, lines: lines)
        }
        let object = member.applied(set)
        switch ApplyDecision.make(member.wanted, member.identity, present: member.present, set: set, adopt: session.adopt) {
        case .leave: return nil
        case .refuse(let reason): return change(.refuse, reason: reason)
        case .apply, .adopt: break
        }
        let isPlaceThere = member.identity.namespace.map(namespaces.contains) ?? true
        if member.isOfComingKind || !isPlaceThere {
            // The server cannot try what has no place yet.
            return change(.create, ObjectDifference.lines(nil, object))
        }
        let request = APIRequest.apply(
            member.type, object: object, name: member.identity.name, namespace: member.identity.namespace, fieldManager: ApplySet.fieldManager,
            force: session.forceConflicts || member.present?.set != set.id, dryRun: true)
        let present = try await session.access.get(member.type, name: member.identity.name, namespace: member.identity.namespace)
        do {
            let lines = ObjectDifference.lines(present, try await session.access.send(request))
            guard !lines.isEmpty else { return nil }
            return change(present == nil ? .create : .change, lines)
        } catch let error as KubernetesError where error.status?.fieldConflicts.isEmpty == false {
            return change(.refuse, reason: CommandFailure.explain(error))
        }
    }
}
