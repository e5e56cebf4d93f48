import KubernetesClient
import KubernetesModel
import SeawayAPI
import SeawayDependencies

/// Removes members of a set, backwards through the phases, and waits until they are gone.
struct RemoveMembers: Sendable {
    var session: DependencySession
    var set: ApplySet
    var dependency: String

    private var access: DependencyAccess { session.access }

    /// - Returns: what was kept because others use it.
    func run(_ members: [StoredMember]) async throws -> [ObjectIdentity] {
        var kept: [ObjectIdentity] = []
        let images = try await access.imagesLeft(members.map(\.identity))
        for phase in phased(members, by: \.identity.groupKind).reversed() {
            let decided = try await concurrently(phase) { member in (member, try await decide(member)) }
            var removed: [StoredMember] = []
            for (member, decision) in decided {
                switch decision {
                case .remove: removed.append(member)
                case .keep(let why):
                    kept.append(member.identity)
                    session.tell(dependency, "kept \(member.identity): \(why)")
                    session.report.note(dependency, member.type, member.identity, .kept, reason: why)
                }
            }
            try await delete(removed)
            try await untilGone(removed)
            for member in removed { session.report.note(dependency, member.type, member.identity, .removed) }
            if !removed.isEmpty { session.tell(dependency, "removed \(removed.map(\.identity.description).sorted().joined(separator: ", "))") }
        }
        for image in images { session.tell(dependency, "kept image \(image); `podman rmi \(image)` removes it") }
        return kept
    }

    private func delete(_ members: [StoredMember]) async throws {
        let access = access
        let results = try await concurrently(members) { member -> (StoredMember, (any Error)?) in
            do {
                _ = try await access.send(
                    .delete(member.type, name: member.identity.name, namespace: member.identity.namespace, uid: member.present.uid))
            } catch let error as KubernetesError where error.isNotFound || error.isConflict {
                // Gone, or another one by now.
            } catch {
                try Task.checkCancellation()
                return (member, error)
            }
            return (member, nil)
        }
        let failures = results.compactMap { member, error in error.map { (object: member.identity.description, error: $0) } }
        guard failures.isEmpty else { throw CommandFailure(dependency: dependency, doing: "removed", failures) }
    }

    private func untilGone(_ members: [StoredMember]) async throws {
        struct Place: Hashable {
            var type: ResourceType
            var namespace: String?
        }
        let (access, selector, session, dependency) = (access, set.memberSelector, session, dependency)
        let groups = Dictionary(grouping: members) { Place(type: $0.type, namespace: $0.identity.namespace) }
        _ = try await concurrently(Array(groups)) { place, members in
            let uids = Set(members.compactMap(\.present.uid))
            let said = LastWord()
            try await access.follow(place.type, namespace: place.namespace, labelSelector: selector) { objects in
                let left = objects.filter { $0["metadata"]?["uid"]?.stringValue.map(uids.contains) == true }
                // What nobody holds back is gone in a moment.
                if let held = left.first(where: { $0["metadata"]?["finalizers"]?.arrayValue?.isEmpty == false }) {
                    let identity = ObjectIdentity(place.type, namespace: place.namespace, name: held["metadata"]?["name"]?.stringValue ?? "")
                    if case .pending(let why) = WaitGoal.deleted.judge(identity.groupKind, WaitObserved(object: held)),
                        said.note("\(identity) \(why)")
                    {
                        session.tell(dependency, "waiting for \(identity) to go: \(why)")
                    }
                }
                return !left.isEmpty
            }
        }
    }

    // MARK: Who else uses it

    private func decide(_ member: StoredMember) async throws -> RemovalDecision {
        switch ApplyPhase(member.identity.groupKind) {
        case .namespaces:
            return .make(member.identity, member.present, others: try await contents(of: member.identity.name))
        case .definitions:
            return .make(member.identity, member.present, others: try await instances(of: member.identity.name))
        default:
            return .remove
        }
    }

    /// Objects of the kind that a definition brings.
    private func instances(of definition: String) async throws -> [ObjectIdentity]? {
        guard let object = try await access.get(.customResourceDefinitions, name: definition, namespace: nil) else { return [] }
        let types = WantedObject(object: object, place: TextPlace(file: "", line: 1)).definedTypes
        guard let type = types.first else { return [] }
        do {
            return try await access.listMetadata(type, namespace: nil).filter { RemovalDecision.isUseOfDefinition($0, of: set) }
                .map { ObjectIdentity(type, namespace: $0["namespace"]?.stringValue, name: $0["name"]?.stringValue ?? "") }
        } catch let error as KubernetesError where error.isForbidden {
            return nil
        }
    }

    /// Objects of others in a namespace, of every kind that the cluster serves.
    private func contents(of namespace: String) async throws -> [ObjectIdentity]? {
        do {
            let groups = try await access.send(APIRequest(method: "GET", path: "/apis"))["groups"]?.arrayValue ?? []
            let versions = ["v1"] + groups.compactMap { $0["preferredVersion"]?["groupVersion"]?.stringValue }
            let (access, set) = (access, set)
            let types = try await concurrently(versions) { version -> [ResourceType] in
                let list: [JSONValue]
                do {
                    list = try await access.send(.discovery(apiVersion: version))["resources"]?.arrayValue ?? []
                } catch let error as KubernetesError where error.isNotFound {
                    // A group whose last definition has just gone has no objects.
                    return []
                }
                let parts = version.split(separator: "/").map(String.init)
                return list.compactMap { resource in
                    guard resource["namespaced"]?.boolValue == true, resource["verbs"]?.arrayValue?.contains("list") == true,
                        let plural = resource["name"]?.stringValue, let kind = resource["kind"]?.stringValue
                    else { return nil }
                    return ResourceType(group: parts.count == 2 ? parts[0] : "", version: parts.last ?? "", plural: plural, kind: kind)
                }
            }
            return try await concurrently(types.flatMap(\.self)) { type in
                try await access.listMetadata(type, namespace: namespace).compactMap { metadata -> ObjectIdentity? in
                    let identity = ObjectIdentity(type, namespace: namespace, name: metadata["name"]?.stringValue ?? "")
                    return RemovalDecision.isUse(identity, metadata, of: set) ? identity : nil
                }
            }.flatMap(\.self)
        } catch let error as KubernetesError where error.isForbidden || error.status?.isServiceUnavailable == true {
            return nil
        }
    }
}
