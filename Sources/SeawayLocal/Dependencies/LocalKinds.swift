import KubernetesModel
import SeawayDependencies

/// Which objects of dependencies run on one machine, and why the others do not. Pure.
public enum LocalKinds {
    /// What Podman plays, and what that refers to.
    public static let types: [ResourceType] = [.configMaps, .secrets, .persistentVolumeClaims, .pods, .deployments, .daemonSets]
    static let workloads: Set<String> = ["Pod", "Deployment", "DaemonSet"]

    /// - Returns: `nil` for kinds that do not run here.
    public static func type(group: String, kind: String) -> ResourceType? { types.first { $0.group == group && $0.kind == kind } }

    /// Why objects of a kind are left out; `nil` for those that run here.
    /// - Parameter group: `nil` where only the kind's name is known.
    public static func reasonToSkip(group: String?, kind: String) -> String? {
        if types.contains(where: { $0.kind == kind && (group == nil || $0.group == group) }) { return nil }
        switch kind {
        case "Service", "Endpoints", "EndpointSlice":
            return "Podman has no Services; the pods that it selects answer to its name, on their own ports"
        case "Ingress", "IngressClass", "NetworkPolicy", "Gateway", "HTTPRoute":
            return "nothing routes or filters requests on one machine"
        case "Namespace": return "Podman has no namespaces; a network stands for each"
        case "StatefulSet", "Job", "CronJob", "ReplicaSet", "ReplicationController", "HorizontalPodAutoscaler", "PodDisruptionBudget":
            return "`podman kube play` does not run this kind"
        case "PersistentVolume", "StorageClass": return "volumes are Podman's own here, made for each PersistentVolumeClaim"
        case "ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "LimitRange", "ResourceQuota", "PriorityClass":
            return "there is no API server here whose rights or limits it could set"
        default: return "there is no API server here that knows this kind"
        }
    }

    /// What runs here of a dependency's objects, and what is left out. The pods that a Service selects get its name, by an annotation.
    public static func select(_ objects: [WantedObject]) -> (kept: [WantedObject], skipped: [(object: WantedObject, reason: String)]) {
        var kept: [WantedObject] = []
        var skipped: [(object: WantedObject, reason: String)] = []
        let services = objects.filter { $0.groupKind == GroupKind(group: "", kind: "Service") }
        for object in objects {
            if let reason = reasonToSkip(group: object.group, kind: object.kind) {
                skipped.append((object, reason))
                continue
            }
            var object = object
            let names = services.filter { selects($0, object) }.map(\.name)
            if !names.isEmpty {
                var annotations = object.object["metadata"]?["annotations"] ?? [:]
                annotations[namesAnnotation] = .string(Set(names).sorted().joined(separator: ","))
                object.object["metadata"]?["annotations"] = annotations
            }
            kept.append(object)
        }
        return (kept, skipped)
    }

    /// Names of Services, separated by commas.
    static let namesAnnotation = "seaway.ctx.sh/local-names"

    private static func selects(_ service: WantedObject, _ object: WantedObject) -> Bool {
        guard workloads.contains(object.kind), service.namespace == object.namespace,
            let selector = service.object["spec"]?["selector"]?.objectValue, !selector.isEmpty
        else { return false }
        let metadata = object.kind == "Pod" ? object.object["metadata"] : object.object["spec"]?["template"]?["metadata"]
        let labels = metadata?["labels"]?.objectValue ?? [:]
        return selector.allSatisfy { labels[$0.key] == $0.value }
    }
}
