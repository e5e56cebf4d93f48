import KubernetesModel
import SeawayAPI
import SeawayDependencies

/// Removes dependencies in reverse order.
struct DeleteDependencies: Sendable {
    var session: DependencySession

    /// - Parameter isAsked: whether the user has agreed already.
    /// - Returns: how many objects were removed.
    func run(_ sets: [ApplySet], isAsked: Bool = false) async throws -> Int {
        var removed = 0
        var found: [(set: ApplySet, members: [StoredMember])] = []
        for set in sets {
            guard let known = try await session.remembered(set) else { continue }
            found.append((known, try await session.members(of: known)))
        }
        for (set, members) in found {
            for member in members.sorted(by: { $0.identity < $1.identity }) {
                session.tell(set.dependency, "to be removed: \(member.identity)\(member.type.namespaced ? "" : " (cluster-wide)")")
            }
        }
        let count = found.reduce(0) { $0 + $1.members.count }
        // A command that says delete has been asked for that; a person at a terminal still sees first what it means.
        if count > 0, !isAsked, session.system.ask != nil { try session.agree(to: "Remove \(Format.count(count, "object"))?", refusal: "") }
        for (set, members) in found.reversed() {
            let kept = try await RemoveMembers(session: session, set: set, dependency: set.dependency).run(members)
            removed += members.count - kept.count
            _ = try await session.access.send(.delete(.configMaps, name: set.parentName, namespace: set.namespace))
        }
        return removed
    }
}
