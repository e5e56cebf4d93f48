import KubernetesModel

/// In which order objects are applied: what others need comes first. Objects of one phase are applied side by side; removal goes backwards.
public enum ApplyPhase: Int, Sendable, CaseIterable, Comparable {
    case namespaces
    /// Kinds that others of the set may be of; they must be established before the rest.
    case definitions
    /// What pods refer to: accounts, rights, configuration, volumes.
    case foundations
    case workloads
    /// What takes effect on requests of others; its pods should be there first.
    case interceptors

    public static func < (left: ApplyPhase, right: ApplyPhase) -> Bool { left.rawValue < right.rawValue }

    public init(_ kind: GroupKind) {
        switch kind {
        case .namespace: self = .namespaces
        case .customResourceDefinition: self = .definitions
        default:
            switch (kind.group, kind.kind) {
            case ("", "ServiceAccount"), ("", "Secret"), ("", "ConfigMap"), ("", "PersistentVolume"), ("", "PersistentVolumeClaim"),
                ("", "LimitRange"), ("", "ResourceQuota"), ("", "Service"), ("rbac.authorization.k8s.io", _), ("storage.k8s.io", _),
                ("scheduling.k8s.io", _), ("node.k8s.io", _), ("networking.k8s.io", "NetworkPolicy"), ("networking.k8s.io", "IngressClass"),
                ("policy", "PodSecurityPolicy"):
                self = .foundations
            case ("admissionregistration.k8s.io", _), ("apiregistration.k8s.io", _): self = .interceptors
            default: self = .workloads
            }
        }
    }
}

/// Elements grouped by phase, in the order of the phases; within one, as they were.
public func phased<Element>(_ elements: [Element], by kind: (Element) -> GroupKind) -> [[Element]] {
    let groups = Dictionary(grouping: elements) { ApplyPhase(kind($0)) }
    return ApplyPhase.allCases.compactMap { groups[$0] }
}

extension WantedObject {
    /// The kind that this CustomResourceDefinition brings, `nil` for other objects.
    public var definedKind: GroupKind? {
        guard groupKind == .customResourceDefinition, let group = object["spec"]?["group"]?.stringValue,
            let kind = object["spec"]?["names"]?["kind"]?.stringValue
        else { return nil }
        return GroupKind(group: group, kind: kind)
    }

    /// Where the objects of the kind that this CustomResourceDefinition brings are served, by apiVersion.
    public var definedTypes: [ResourceType] {
        guard let defined = definedKind, let plural = object["spec"]?["names"]?["plural"]?.stringValue else { return [] }
        let namespaced = object["spec"]?["scope"]?.stringValue != "Cluster"
        return (object["spec"]?["versions"]?.arrayValue ?? []).compactMap { version in
            guard version["served"]?.boolValue != false, let name = version["name"]?.stringValue else { return nil }
            return ResourceType(group: defined.group, version: name, plural: plural, kind: defined.kind, namespaced: namespaced)
        }
    }

    /// What a chart's hook is for, as `helm.sh/hook` says; empty for what is no hook.
    public var hooks: [String] {
        (object["metadata"]?["annotations"]?["helm.sh/hook"]?.stringValue ?? "").split { $0 == "," || $0 == " " }.map(String.init)
    }

    /// Whether this is a hook of a chart that belongs to no installation or upgrade: a test, or something for the removal.
    public var isOtherHook: Bool {
        let installing: Set = ["pre-install", "post-install", "pre-upgrade", "post-upgrade", "crd-install"]
        return !hooks.isEmpty && installing.isDisjoint(with: hooks)
    }
}

/// Two objects of one identity would overwrite each other.
public func duplicates(_ objects: [(identity: ObjectIdentity, place: TextPlace)]) -> [DependencyProblem] {
    var first: [ObjectIdentity: TextPlace] = [:]
    return objects.compactMap { identity, place in
        if let earlier = first[identity] { return DependencyProblem(place, "a second \(identity), the first is at \(earlier)") }
        first[identity] = place
        return nil
    }
}
