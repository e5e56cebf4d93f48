import KubernetesClient
import KubernetesModel
import SeawayDependencies

/// A wanted object, and where the cluster has it.
struct DependencyMember: Sendable {
    var wanted: WantedObject
    var type: ResourceType
    var identity: ObjectIdentity
    /// Its kind comes with the set itself and is not served yet.
    var isOfComingKind: Bool
    var present: PresentObject?

    /// The object as it is applied.
    func applied(_ set: ApplySet) -> JSONValue {
        set.member(wanted.object, namespace: identity.namespace, isAdopted: keepsForever)
    }

    /// Namespaces and definitions that were there before are remembered as such, so that no removal takes them away.
    private var keepsForever: Bool {
        guard ApplyPhase(identity.groupKind) <= .definitions, let present else { return false }
        return present.isAdopted || present.set == nil
    }
}

/// Finds out where objects go and what is there.
struct DependencyResolver: Sendable {
    var access: DependencyAccess
    var namespace: String

    /// - Throws: `DependencyProblems` with kinds that the cluster does not know, and objects that stand there twice.
    func resolve(_ objects: [WantedObject]) async throws -> [DependencyMember] {
        let coming = objects.flatMap(\.definedTypes)
        let names = Set(objects.map { "\($0.apiVersion) \($0.kind)" }).sorted()
        let first = Dictionary(objects.map { ("\($0.apiVersion) \($0.kind)", $0) }, uniquingKeysWith: { first, _ in first })
        let access = access
        let found = try await concurrently(names.compactMap { first[$0] }) { wanted -> (String, ResourceType?, Bool) in
            let name = "\(wanted.apiVersion) \(wanted.kind)"
            do {
                return (name, try await access.resourceType(wanted.apiVersion, wanted.kind), false)
            } catch let error as KubernetesError where error.isNotFound {
                return (name, coming.first { $0.apiVersion == wanted.apiVersion && $0.kind == wanted.kind }, true)
            }
        }
        var types: [String: (type: ResourceType, isComing: Bool)] = [:]
        for (name, type, isComing) in found { types[name] = type.map { ($0, isComing) } }
        let problems = objects.compactMap { wanted -> DependencyProblem? in
            guard types["\(wanted.apiVersion) \(wanted.kind)"] == nil else { return nil }
            return DependencyProblem(
                wanted.place,
                "the cluster has no kind \(wanted.kind) of \(wanted.apiVersion) (\(wanted.kind) \(wanted.name)): its CustomResourceDefinition is "
                    + "missing; apply what brings it first, as an earlier dependency")
        }
        guard problems.isEmpty else { throw DependencyProblems(problems) }
        let members = objects.compactMap { wanted -> DependencyMember? in
            guard let (type, isComing) = types["\(wanted.apiVersion) \(wanted.kind)"] else { return nil }
            let identity = ObjectIdentity(type, namespace: wanted.namespace ?? namespace, name: wanted.name)
            return DependencyMember(wanted: wanted, type: type, identity: identity, isOfComingKind: isComing)
        }
        let twice = duplicates(members.map { ($0.identity, $0.wanted.place) })
        guard twice.isEmpty else { throw DependencyProblems(twice) }
        return members
    }

    /// What the cluster has of the members: one list where there are many of a kind, single requests for the others.
    func look(_ members: [DependencyMember]) async throws -> [DependencyMember] {
        let access = access
        let groups = Dictionary(grouping: members.map(\.identity)) { identity in
            GroupKindPlace(kind: identity.groupKind, namespace: identity.namespace)
        }
        let types = Dictionary(members.map { ($0.identity.groupKind, $0.type) }, uniquingKeysWith: { first, _ in first })
        let lists = groups.filter { $0.value.count > Self.fewest }.keys.compactMap { place in types[place.kind].map { (place, $0) } }
        let listed = try await concurrently(lists) { place, type -> (GroupKindPlace, [String: JSONValue])? in
            do {
                let found = try await access.listMetadata(type, namespace: place.namespace)
                return (place, Dictionary(found.map { ($0["name"]?.stringValue ?? "", $0) }, uniquingKeysWith: { first, _ in first }))
            } catch let error as KubernetesError where error.isForbidden {
                // The right to get does not include the right to list.
                return nil
            }
        }
        let known = Dictionary(listed.compactMap(\.self), uniquingKeysWith: { first, _ in first })
        return try await concurrently(members) { member in
            var member = member
            let (name, namespace) = (member.identity.name, member.identity.namespace)
            let metadata: JSONValue?
            if let place = known[GroupKindPlace(kind: member.identity.groupKind, namespace: namespace)] {
                metadata = place[name]
            } else {
                metadata = try await access.metadata(member.type, name: name, namespace: namespace)
            }
            member.present = metadata.map { PresentObject(metadata: $0) }
            return member
        }
    }

    /// More objects of a kind than this are looked up by one list.
    private static let fewest = 8

    private struct GroupKindPlace: Hashable {
        var kind: GroupKind
        var namespace: String?
    }

    /// Where the objects of a kind are served now, in the version that the server prefers; `nil` when they are not.
    func type(of kind: GroupKind) async throws -> ResourceType? {
        if let known = ResourceType.wellKnown.first(where: { $0.group == kind.group && $0.kind == kind.kind }) { return known }
        var version = "v1"
        if !kind.group.isEmpty {
            let group: JSONValue
            do {
                group = try await access.send(APIRequest(method: "GET", path: "/apis/\(kind.group)"))
            } catch let error as KubernetesError where error.isNotFound {
                return nil
            }
            version = group["preferredVersion"]?["groupVersion"]?.stringValue ?? ""
        }
        do {
            return try await access.resourceType(version, kind.kind)
        } catch let error as KubernetesError where error.isNotFound {
            return nil
        }
    }
}
