import KubernetesModel

/// How a Deployment that `install` applied stands.
enum InstallProgress: Equatable, Sendable {
    case waiting(String)
    case available
    /// - Parameter crashed: the pod whose log tells more; `nil` when there is none.
    case failed(reason: String, message: String, crashed: Pod?)

    /// Reasons of a waiting container that do not go away by waiting.
    private static let hopeless: Set<String> = [
        "CrashLoopBackOff", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError", "RunContainerError",
    ]

    /// Pure; reads nothing of an older generation than `generation`.
    static func judge(deployment: Deployment?, generation: Int, pods: [Pod]) -> InstallProgress {
        guard let deployment else { return .failed(reason: "Deleted", message: "the Deployment is gone", crashed: nil) }
        let wanted = deployment.spec?.replicas ?? 1
        guard let status = deployment.status, (status.observedGeneration ?? 0) >= generation else { return .waiting("waiting for the cluster") }
        if status.updatedReplicas ?? 0 >= wanted, status.availableReplicas ?? 0 >= wanted, status.replicas ?? 0 == status.updatedReplicas ?? 0 {
            return .available
        }
        for pod in pods where pod.metadata.deletionTimestamp == nil {
            for container in (pod.status?.initContainerStatuses ?? []) + (pod.status?.containerStatuses ?? []) {
                if let waiting = container.state?.waiting, let reason = waiting.reason, hopeless.contains(reason) {
                    let crashed = reason == "CrashLoopBackOff" || reason == "RunContainerError"
                    let message = waiting.message ?? "container \(container.name) does not start"
                    return .failed(reason: reason, message: message, crashed: crashed ? pod : nil)
                }
            }
        }
        if let failure = status.conditions?[type: "ReplicaFailure"], failure.isTrue {
            return .failed(reason: failure.reason ?? "ReplicaFailure", message: failure.message ?? "the pod was refused", crashed: nil)
        }
        if let progressing = status.conditions?[type: "Progressing"], progressing.status == "False" {
            return .failed(reason: progressing.reason ?? "NotProgressing", message: progressing.message ?? "no progress", crashed: nil)
        }
        let scheduling = pods.compactMap { $0.status?.conditions?[type: "PodScheduled"] }.first { $0.status == "False" }
        if let message = scheduling?.message { return .waiting("the pod is not scheduled: \(message)") }
        return .waiting("\(status.availableReplicas ?? 0)/\(wanted) pods are ready")
    }
}
