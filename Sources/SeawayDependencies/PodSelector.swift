import KubernetesModel

/// How the pods of a workload are found.
public enum PodSelector {
    public static let revisionAnnotation = "deployment.kubernetes.io/revision"

    /// A label selector; `nil` for kinds without pods of their own.
    public static func text(_ kind: GroupKind, _ object: JSONValue) -> String? {
        if kind == .service {
            let labels = (object["spec"]?["selector"]?.objectValue ?? [:]).sorted { $0.key < $1.key }
            return labels.isEmpty ? nil : labels.map { "\($0.key)=\($0.value.stringValue ?? "")" }.joined(separator: ",")
        }
        guard kind.group == "apps" || kind == GroupKind(group: "batch", kind: "Job") else { return nil }
        let selector = object["spec"]?["selector"]
        var parts = (selector?["matchLabels"]?.objectValue ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.stringValue ?? "")" }
        for expression in selector?["matchExpressions"]?.arrayValue ?? [] {
            let key = expression["key"]?.stringValue ?? ""
            let values = (expression["values"]?.arrayValue ?? []).compactMap(\.stringValue).joined(separator: ",")
            switch expression["operator"]?.stringValue {
            case "In": parts.append("\(key) in (\(values))")
            case "NotIn": parts.append("\(key) notin (\(values))")
            case "Exists": parts.append(key)
            case "DoesNotExist": parts.append("!\(key)")
            default: return nil
            }
        }
        return parts.isEmpty ? nil : parts.joined(separator: ",")
    }

    /// The revision that a Deployment rolls out; `nil` while its controller has not seen the last change.
    public static func revision(_ deployment: JSONValue?) -> String? {
        isSeen(deployment) ? deployment?["metadata"]?["annotations"]?[revisionAnnotation]?.stringValue : nil
    }

    /// Whether a Deployment has pods of several versions while it changes. Not with Podman: there the earlier ones go first, and
    /// nobody counts revisions.
    public static func hasVersions(_ deployment: JSONValue?) -> Bool { !isSeen(deployment) || revision(deployment) != nil }

    private static func isSeen(_ deployment: JSONValue?) -> Bool {
        guard let metadata = deployment?["metadata"], let observed = deployment?["status"]?["observedGeneration"]?.intValue else { return false }
        return observed >= metadata["generation"]?.intValue ?? 0
    }

    /// The ReplicaSet that a pod belongs to.
    public static func replicaSet(_ pod: JSONValue) -> String? {
        pod["metadata"]?["ownerReferences"]?.arrayValue?.first { $0["kind"]?.stringValue == "ReplicaSet" }?["name"]?.stringValue
    }

    /// Whether a pod of a StatefulSet or DaemonSet is of the version that this has now; a pod of another kind always is.
    /// - Parameter kind: the object's own, which the API server leaves out of the objects of a list.
    public static func isOfPresentVersion(_ pod: JSONValue, of kind: GroupKind, _ object: JSONValue) -> Bool {
        let labels = pod["metadata"]?["labels"]
        switch kind.kind {
        case "DaemonSet":
            let version = object["metadata"]?["annotations"]?["deprecated.daemonset.template.generation"]
            return version == nil || labels?["pod-template-generation"] == version
        case "StatefulSet":
            let isSeen = object["status"]?["observedGeneration"]?.intValue ?? 0 >= object["metadata"]?["generation"]?.intValue ?? 0
            let version = object["status"]?["updateRevision"]
            return version == nil || (isSeen && labels?["controller-revision-hash"] == version)
        default: return true
        }
    }
}
