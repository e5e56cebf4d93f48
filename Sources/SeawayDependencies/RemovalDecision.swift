import KubernetesModel

/// Whether a member may be removed, and why not.
public enum RemovalDecision: Sendable, Equatable {
    case remove
    /// With the reason, for people.
    case keep(String)

    /// - Parameters:
    ///   - others: what others have in this namespace, or of this definition; `nil` when that could not be found out.
    public static func make(_ identity: ObjectIdentity, _ present: PresentObject, others: [ObjectIdentity]?) -> RemovalDecision {
        guard identity.groupKind == .namespace || identity.groupKind == .customResourceDefinition else { return .remove }
        if present.isAdopted { return .keep("it was there before") }
        guard let others else { return .keep("it could not be found out whether others use it") }
        guard !others.isEmpty else { return .remove }
        let some = others.sorted().prefix(3).map(\.description).joined(separator: ", ")
        return .keep("others use it: \(some)\(others.count > 3 ? " and \(others.count - 3) more" : "")")
    }

    /// Whether an object in a namespace tells that somebody uses it: what Kubernetes itself puts there, and what follows from
    /// other objects, does not.
    public static func isUse(_ identity: ObjectIdentity, _ metadata: JSONValue, of set: ApplySet) -> Bool {
        if metadata["labels"]?[ApplySet.partOfLabel]?.stringValue == set.id { return false }
        if metadata["ownerReferences"]?.arrayValue?.isEmpty == false { return false }
        if identity.kind == "ConfigMap", identity.name == set.parentName, identity.namespace == set.namespace { return false }
        switch (identity.group, identity.kind) {
        case ("", "Event"), ("events.k8s.io", _), ("", "Endpoints"), ("discovery.k8s.io", _), ("metrics.k8s.io", _): return false
        case ("", "ServiceAccount"): return identity.name != "default"
        case ("", "ConfigMap"): return identity.name != "kube-root-ca.crt"
        case ("", "Secret"): return metadata["annotations"]?["kubernetes.io/service-account.name"] == nil
        default: return true
        }
    }
}

extension RemovalDecision {
    /// Whether an object of a definition's kind tells that somebody else uses the definition.
    public static func isUseOfDefinition(_ metadata: JSONValue, of set: ApplySet) -> Bool {
        metadata["labels"]?[ApplySet.partOfLabel]?.stringValue != set.id
    }
}
