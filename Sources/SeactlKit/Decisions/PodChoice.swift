import Foundation
import KubernetesModel
import SeawayAPI

/// Chooses pods and containers to read logs from.
enum PodChoice {
    /// The newest pod of the build that stays; an older one of a build that is being replaced does not count.
    static func buildPod(_ pods: [Pod], digest: String?) -> Pod? {
        var candidates = pods.filter { $0.metadata.deletionTimestamp == nil }
        if let digest {
            // Label values end after 63 characters, digests have 64.
            candidates.removeAll { pod in
                pod.metadata.labels?[Names.digestLabel].map { !digest.hasPrefix($0) } ?? false
            }
        }
        return newest(candidates)
    }

    /// The container whose log tells how the build went: the one that fetches the sources if that failed.
    static func buildContainer(of pod: Pod) -> String {
        let source = status(of: Names.sourceContainer, in: pod)
        return (source?.state?.terminated?.exitCode ?? 0) == 0 ? Names.buildContainer : Names.sourceContainer
    }

    /// The application's pods of the newest rollout, by name; pods that are going away do not count.
    static func applicationPods(_ pods: [Pod]) -> [Pod] {
        let staying = pods.filter { $0.metadata.deletionTimestamp == nil }
        guard let hash = newest(staying)?.metadata.labels?[templateHashLabel] else { return staying.sorted { $0.name < $1.name } }
        return staying.filter { $0.metadata.labels?[templateHashLabel] == hash }.sorted { $0.name < $1.name }
    }

    /// Whether a container has written a log, now or before.
    static func hasLog(_ pod: Pod, container: String) -> Bool {
        guard let status = status(of: container, in: pod) else { return false }
        return status.state?.running != nil || status.state?.terminated != nil || status.lastState?.terminated != nil
    }

    /// Whether a pod has done all it will do.
    static func isFinished(_ pod: Pod) -> Bool {
        pod.metadata.deletionTimestamp != nil || pod.status?.phase == "Succeeded" || pod.status?.phase == "Failed"
            // The sources are fetched beside a build, and are there long before it ends.
            || (pod.status?.containerStatuses ?? []).contains { $0.name != Names.sourceContainer && $0.state?.terminated != nil }
    }

    /// Why a container does not run yet, as the kubelet or the scheduler says it.
    static func waitingReason(_ pod: Pod, container: String) -> String {
        if let waiting = status(of: container, in: pod)?.state?.waiting {
            return [waiting.reason, waiting.message].compactMap(\.self).joined(separator: ": ")
        }
        if let condition = pod.status?.conditions?.first(where: { $0.type == "PodScheduled" && $0.status == "False" }) {
            return [condition.reason, condition.message].compactMap(\.self).joined(separator: ": ")
        }
        return pod.status?.phase ?? "Pending"
    }

    static func status(of container: String, in pod: Pod) -> ContainerStatus? {
        let all = (pod.status?.containerStatuses ?? []) + (pod.status?.initContainerStatuses ?? [])
        return all.first { $0.name == container }
    }

    private static let templateHashLabel = "pod-template-hash"

    private static func newest(_ pods: [Pod]) -> Pod? {
        pods.max {
            ($0.metadata.creationTimestamp?.date ?? .distantPast, $0.name) < ($1.metadata.creationTimestamp?.date ?? .distantPast, $1.name)
        }
    }
}
