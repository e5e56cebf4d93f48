import KubernetesModel

/// What "ready" means for an object of each kind, which is given: the API server leaves it out of the objects of a list.
enum Readiness {
    static func judge(_ kind: GroupKind, _ object: JSONValue, endpoints: JSONValue?) -> WaitVerdict {
        if object["metadata"]?["deletionTimestamp"] != nil { return .pending(deletionText(object)) }
        switch (kind.group, kind.kind) {
        case ("apps", "Deployment"): return isBehind(kind, object) ?? deployment(object)
        case ("apps", "StatefulSet"): return isBehind(kind, object) ?? statefulSet(object)
        case ("apps", "DaemonSet"): return isBehind(kind, object) ?? daemonSet(object)
        case ("apps", "ReplicaSet"), ("", "ReplicationController"):
            return isBehind(kind, object) ?? counted(object, "readyReplicas", of: object["spec"]?["replicas"]?.intValue ?? 1, "ready")
        case ("batch", "Job"): return job(object)
        case ("", "Pod"): return pod(kind, object)
        case ("", "PersistentVolumeClaim"): return claim(object)
        case ("", "PersistentVolume"): return phase(object, ["Available", "Bound"], failed: ["Failed"])
        case ("", "Namespace"): return phase(object, ["Active"], failed: [])
        case ("", "Service"): return service(object, endpoints)
        case ("apiextensions.k8s.io", "CustomResourceDefinition"):
            if let names = find("NamesAccepted", object), names["status"]?.stringValue == "False" {
                return .failed(reason: text(names), log: nil)
            }
            return condition("Established", value: "True", kind, object)
        case ("apiregistration.k8s.io", "APIService"): return condition("Available", value: "True", kind, object)
        default: return generic(kind, object)
        }
    }

    /// Groups whose kinds have no state of their own: being there is being ready.
    private static let stateless: Set<String> = [
        "rbac.authorization.k8s.io", "scheduling.k8s.io", "storage.k8s.io", "node.k8s.io", "policy", "admissionregistration.k8s.io",
        "networking.k8s.io", "coordination.k8s.io", "autoscaling",
    ]
    private static let statelessCore: Set<String> = [
        "ConfigMap", "Secret", "ServiceAccount", "LimitRange", "ResourceQuota", "Endpoints", "PodTemplate",
    ]

    private static func generic(_ kind: GroupKind, _ object: JSONValue) -> WaitVerdict {
        if let stalled = find("Stalled", object), stalled["status"]?.stringValue == "True" { return .failed(reason: text(stalled), log: nil) }
        if find("Ready", object) != nil { return condition("Ready", value: "True", kind, object) }
        if stateless.contains(kind.group) || (kind.group.isEmpty && statelessCore.contains(kind.kind)) { return .met }
        if kind == GroupKind(group: "batch", kind: "CronJob") { return .met }
        return isBehind(kind, object) ?? .pending("has no Ready condition yet (another condition or field: `for: condition=…`, `for: jsonpath=…`)")
    }

    /// The condition of that type, judged; an older generation's tells nothing.
    static func condition(_ type: String, value: String, _ kind: GroupKind, _ object: JSONValue) -> WaitVerdict {
        if let behind = isBehind(kind, object) { return behind }
        guard let condition = find(type, object) else { return .pending("has no condition \(type) yet") }
        if let observed = condition["observedGeneration"]?.intValue, let wanted = object["metadata"]?["generation"]?.intValue, observed < wanted {
            return .pending("condition \(type) is still that of an earlier version")
        }
        let status = condition["status"]?.stringValue ?? ""
        return status.lowercased() == value.lowercased() ? .met : .pending("\(type) is \(status)\(why(condition))")
    }

    static func deletionText(_ object: JSONValue) -> String {
        let finalizers = (object["metadata"]?["finalizers"]?.arrayValue ?? []).compactMap(\.stringValue)
        guard object["metadata"]?["deletionTimestamp"] != nil else { return "is still there, and nobody deletes it" }
        return "is being deleted" + (finalizers.isEmpty ? "" : ", waiting for \(finalizers.joined(separator: ", "))")
    }

    // MARK: Kinds

    private static func deployment(_ object: JSONValue) -> WaitVerdict {
        if let progress = find("Progressing", object), progress["reason"]?.stringValue == "ProgressDeadlineExceeded" {
            return .failed(reason: text(progress), log: nil)
        }
        let wanted = object["spec"]?["replicas"]?.intValue ?? 1
        let updated = count(object, "updatedReplicas")
        if updated < wanted {
            if let failure = find("ReplicaFailure", object), failure["status"]?.stringValue == "True" {
                return .pending("\(updated) of \(wanted) pods updated\(why(failure))")
            }
            return .pending("\(updated) of \(wanted) pods updated")
        }
        if count(object, "replicas") > updated { return .pending("\(count(object, "replicas") - updated) old pods still to end") }
        return counted(object, "availableReplicas", of: wanted, "available")
    }

    private static func statefulSet(_ object: JSONValue) -> WaitVerdict {
        let wanted = object["spec"]?["replicas"]?.intValue ?? 1
        let strategy = object["spec"]?["updateStrategy"]
        let partition = strategy?["rollingUpdate"]?["partition"]?.intValue ?? 0
        let status = object["status"]
        if strategy?["type"]?.stringValue != "OnDelete", status?["currentRevision"] != status?["updateRevision"] {
            let toUpdate = max(0, wanted - partition)
            let updated = count(object, "updatedReplicas")
            if updated < toUpdate { return .pending("\(updated) of \(toUpdate) pods updated, \(count(object, "readyReplicas")) of \(wanted) ready") }
        }
        return counted(object, "readyReplicas", of: wanted, "ready")
    }

    private static func daemonSet(_ object: JSONValue) -> WaitVerdict {
        let wanted = count(object, "desiredNumberScheduled")
        if object["spec"]?["updateStrategy"]?["type"]?.stringValue != "OnDelete", count(object, "updatedNumberScheduled") < wanted {
            return .pending("\(count(object, "updatedNumberScheduled")) of \(wanted) pods updated")
        }
        return counted(object, "numberAvailable", of: wanted, "available")
    }

    private static func job(_ object: JSONValue) -> WaitVerdict {
        if let failed = find("Failed", object), failed["status"]?.stringValue == "True" { return .failed(reason: text(failed), log: nil) }
        if let complete = find("Complete", object), complete["status"]?.stringValue == "True" { return .met }
        if object["spec"]?["suspend"]?.boolValue == true { return .pending("is suspended") }
        let wanted = object["spec"]?["completions"]?.intValue ?? 1
        return .pending("\(count(object, "succeeded")) of \(wanted) runs done, \(count(object, "active")) running, \(count(object, "failed")) failed")
    }

    private static func pod(_ kind: GroupKind, _ object: JSONValue) -> WaitVerdict {
        switch object["status"]?["phase"]?.stringValue {
        case "Succeeded": return .met
        case "Failed": return .failed(reason: PodTrouble(object)?.reason ?? "the pod failed", log: PodTrouble(object)?.log)
        default: return condition("Ready", value: "True", kind, object)
        }
    }

    private static func claim(_ object: JSONValue) -> WaitVerdict {
        let verdict = phase(object, ["Bound"], failed: ["Lost"])
        guard case .pending(let text) = verdict else { return verdict }
        let name = object["spec"]?["storageClassName"]?.stringValue
        return .pending(text + (name.map { " (StorageClass \($0); some bind only when a pod uses the claim)" } ?? " (it names no StorageClass)"))
    }

    private static func service(_ object: JSONValue, _ endpoints: JSONValue?) -> WaitVerdict {
        let spec = object["spec"]
        let type = spec?["type"]?.stringValue
        if type == "ExternalName" { return .met }
        if type == "LoadBalancer", object["status"]?["loadBalancer"]?["ingress"]?.arrayValue?.isEmpty != false {
            return .pending("has no address of a load balancer yet")
        }
        guard spec?["selector"]?.objectValue?.isEmpty == false else { return .met }
        let subsets = endpoints?["subsets"]?.arrayValue ?? []
        if subsets.contains(where: { $0["addresses"]?.arrayValue?.isEmpty == false }) { return .met }
        let waiting = subsets.reduce(0) { $0 + ($1["notReadyAddresses"]?.arrayValue?.count ?? 0) }
        return .pending(waiting > 0 ? "\(waiting) of its pods are not ready" : "no pod is behind it")
    }

    // MARK: Parts

    private static func phase(_ object: JSONValue, _ good: [String], failed: [String]) -> WaitVerdict {
        let phase = object["status"]?["phase"]?.stringValue ?? "unknown"
        if good.contains(phase) { return .met }
        return failed.contains(phase) ? .failed(reason: "its phase is \(phase)", log: nil) : .pending("its phase is \(phase)")
    }

    private static func counted(_ object: JSONValue, _ field: String, of wanted: Int, _ word: String) -> WaitVerdict {
        let present = count(object, field)
        return present >= wanted ? .met : .pending("\(present) of \(wanted) pods \(word)")
    }

    private static func count(_ object: JSONValue, _ field: String) -> Int { object["status"]?[field]?.intValue ?? 0 }

    private static let workloads: Set<String> = ["Deployment", "StatefulSet", "DaemonSet"]

    /// What to wait for while the object's status is that of an earlier version of it.
    private static func isBehind(_ kind: GroupKind, _ object: JSONValue) -> WaitVerdict? {
        guard let wanted = object["metadata"]?["generation"]?.intValue, let observed = object["status"]?["observedGeneration"]?.intValue,
            observed < wanted
        else {
            // Workloads always tell which generation their status is of; a status that is not there yet is of none.
            let isNew = kind.group == "apps" && workloads.contains(kind.kind) && object["status"]?["observedGeneration"] == nil
            return isNew ? .pending("its controller has not seen it yet") : nil
        }
        return .pending("its controller has not seen the change yet")
    }

    static func find(_ type: String, _ object: JSONValue) -> JSONValue? {
        object["status"]?["conditions"]?.arrayValue?.first { $0["type"]?.stringValue?.lowercased() == type.lowercased() }
    }

    private static func text(_ condition: JSONValue) -> String {
        [condition["reason"]?.stringValue, condition["message"]?.stringValue].compactMap(\.self).filter { !$0.isEmpty }.joined(separator: ": ")
    }

    private static func why(_ condition: JSONValue) -> String {
        let text = text(condition)
        return text.isEmpty ? "" : " (\(text))"
    }
}
