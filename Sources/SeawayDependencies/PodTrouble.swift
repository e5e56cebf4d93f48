import KubernetesModel

/// What keeps a pod from running.
struct PodTrouble {
    var name: String
    var reason: String
    /// Waiting does not help: a crash that repeats, an image that cannot be pulled.
    var isFatal: Bool
    /// It ended with a failure, as opposed to never having begun.
    var isExit = false
    var log: WaitVerdict.PodLog?

    /// - Returns: `nil` for a pod that nothing ails, or that is on its way.
    init?(_ pod: JSONValue) {
        name = pod["metadata"]?["name"]?.stringValue ?? ""
        guard pod["metadata"]?["deletionTimestamp"] == nil else { return nil }
        let namespace = pod["metadata"]?["namespace"]?.stringValue ?? ""
        let status = pod["status"]
        let containers = (status?["initContainerStatuses"]?.arrayValue ?? []) + (status?["containerStatuses"]?.arrayValue ?? [])
        for container in containers {
            let containerName = container["name"]?.stringValue ?? ""
            let log = WaitVerdict.PodLog(
                pod: pod["metadata"]?["name"]?.stringValue ?? "", namespace: namespace, container: containerName, previous: false)
            if let waiting = container["state"]?["waiting"], let reason = waiting["reason"]?.stringValue {
                switch reason {
                case "CrashLoopBackOff":
                    let end = container["lastState"]?["terminated"]
                    self.reason = "container \(containerName) crashes again and again (\(Self.text(ending: end)))"
                    isFatal = true
                    isExit = true
                    self.log = log
                    self.log?.previous = true
                    return
                case "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull":
                    let image = container["image"]?.stringValue ?? ""
                    self.reason = "image \(image) cannot be pulled (\(Self.text(reason, waiting["message"]?.stringValue)))"
                    isFatal = true
                    return
                case "ContainerCreating", "PodInitializing": continue
                default:
                    self.reason = "container \(containerName): \(Self.text(reason, waiting["message"]?.stringValue))"
                    isFatal = false
                    return
                }
            }
            if let end = container["state"]?["terminated"], let code = end["exitCode"]?.intValue, code != 0 {
                reason = "container \(containerName) ended (\(Self.text(ending: end)))"
                isFatal = status?["phase"]?.stringValue == "Failed"
                isExit = true
                self.log = log
                return
            }
        }
        if status?["phase"]?.stringValue == "Failed" {
            reason = Self.text(status?["reason"]?.stringValue ?? "Failed", status?["message"]?.stringValue)
            // Evicted or lost with its node: whoever made it makes another.
            isFatal = false
            isExit = true
            return
        }
        guard let scheduled = Readiness.find("PodScheduled", pod), scheduled["status"]?.stringValue == "False" else { return nil }
        reason = Self.text(scheduled["reason"]?.stringValue ?? "", scheduled["message"]?.stringValue)
        isFatal = false
    }

    private static func text(ending end: JSONValue?) -> String {
        let code = end?["exitCode"]?.intValue.map { "exit code \($0)" }
        let reason = end?["reason"]?.stringValue.flatMap { $0 == "Error" ? nil : $0 }
        return [reason, code].compactMap(\.self).joined(separator: ", ")
    }

    private static func text(_ reason: String, _ message: String?) -> String {
        guard let message, !message.isEmpty else { return reason }
        return "\(reason): \(message)"
    }
}
