import KubernetesClient
import KubernetesModel
import SeawayAPI
import SeawayDependencies

/// Shows what an apply of one dependency would change, by the server's own dry run.
struct DiffDependency: Sendable {
    var session: DependencySession
    var dependency: ManifestDependency

    struct Change: Sendable {
        var title: String
        var lines: [String]
    }

    /// - Returns: one element for each object that would change, in the order of the apply; those that would be removed last.
    /// - Throws: ``CommandFailure`` with the objects that the server refuses.
    func run() async throws -> [Change] {
        let objects = try await session.renderer.render(dependency)
        let set = session.set(dependency.name)
        let old = try await session.remembered(set)
        let members: [DependencyMember]
        do {
            members = try await session.resolver.look(session.resolver.resolve(objects))
        } catch let problems as DependencyProblems {
            throw CommandFailure(.dependencyFailed, "dependency \(dependency.name) cannot be applied", detail: problems.description)
        }
        let isNamespaceThere = try await Set(
            concurrently(Set(members.compactMap(\.identity.namespace)).sorted()) { name in
                try await session.access.metadata(.namespaces, name: name, namespace: nil) == nil ? nil : name
            }.compactMap(\.self))
        let results = try await concurrently(phased(members, by: \.identity.groupKind).flatMap(\.self)) { member -> Result<Change?, any Error> in
            do {
                return .success(try await change(member, set, isNamespaceThere))
            } catch {
                try Task.checkCancellation()
                return .failure(DependencyProblem(member.wanted.place, "\(member.identity): \(error)"))
            }
        }
        var changes: [Change] = []
        var failures: [(object: String, error: any Error)] = []
        for result in results {
            switch result {
            case .success(let change): if let change { changes.append(change) }
            case .failure(let error): failures.append((dependency.name, error))
            }
        }
        guard failures.isEmpty else { throw CommandFailure(dependency: dependency.name, doing: "compared", failures) }
        let wanted = Set(members.map(\.identity))
        for member in try await session.members(of: old) where !wanted.contains(member.identity) {
            changes.append(Change(title: "\(dependency.name): \(member.identity) would be removed", lines: []))
        }
        return changes
    }

    private func change(_ member: DependencyMember, _ set: ApplySet, _ namespaces: Set<String>) async throws -> Change? {
        let name = "\(dependency.name): \(member.identity)"
        let object = member.applied(set)
        switch ApplyDecision.make(member.wanted, member.identity, present: member.present, set: set, adopt: session.adopt) {
        case .leave: return nil
        case .refuse(let reason): return Change(title: "\(name) would be refused: \(reason)", lines: [])
        case .apply, .adopt: break
        }
        let isPlaceThere = member.identity.namespace.map(namespaces.contains) ?? true
        if member.isOfComingKind || !isPlaceThere {
            // The server cannot try what has no place yet.
            return Change(title: "\(name) would be created", lines: ObjectDifference.lines(nil, object))
        }
        let request = APIRequest.apply(
            member.type, object: object, name: member.identity.name, namespace: member.identity.namespace, fieldManager: ApplySet.fieldManager,
            force: session.forceConflicts || member.present?.set != set.id, dryRun: true)
        let present = try await session.access.get(member.type, name: member.identity.name, namespace: member.identity.namespace)
        do {
            let lines = ObjectDifference.lines(present, try await session.access.send(request))
            guard !lines.isEmpty else { return nil }
            return Change(title: "\(name) would be \(present == nil ? "created" : "changed")", lines: lines)
        } catch let error as KubernetesError where error.status?.fieldConflicts.isEmpty == false {
            let conflicts = error.status?.fieldConflicts.map { "\($0.field ?? "") (\($0.message ?? ""))" }.joined(separator: ", ") ?? ""
            return Change(title: "\(name) would be refused: conflict: \(conflicts)", lines: [])
        }
    }
}
