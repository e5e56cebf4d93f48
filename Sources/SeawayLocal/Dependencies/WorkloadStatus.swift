import KubernetesModel

/// The status of a dependency's workload and its pods, in the words of a cluster. Pure.
struct WorkloadStatus {
    struct Container {
        var name: String
        /// `nil` when it is not there.
        var inspection: ContainerInspection?
        var isReady: Bool
        var lastExit: ContainerStatus.Terminated?
    }

    struct Pod {
        /// Whether it was stopped for crashing again and again.
        var hasFailed: Bool
        var containers: [Container] = []

        var isReady: Bool { !hasFailed && !containers.isEmpty && containers.allSatisfy { $0.isReady && $0.inspection?.isRunning == true } }
        /// One crash may be a race with something that still starts.
        var isCrashing: Bool { containers.contains { ($0.inspection?.restartCount ?? 0) > 1 && !$0.isReady && $0.lastExit != nil } }
    }

    var document: WorkloadDocument
    var generation: Int
    var pods: [Pod]

    /// The workload's own status.
    var value: JSONValue {
        let (count, ready) = (pods.count, pods.count(where: \.isReady))
        switch document.object["kind"]?.stringValue {
        case "Pod": return pods.first.map(podStatus) ?? ["phase": "Pending"]
        case "DaemonSet":
            return [
                "observedGeneration": .int(generation), "desiredNumberScheduled": 1, "currentNumberScheduled": .int(count),
                "updatedNumberScheduled": .int(count), "numberReady": .int(ready), "numberAvailable": .int(ready),
            ]
        default:
            return [
                "observedGeneration": .int(generation), "replicas": .int(count), "updatedReplicas": .int(count), "readyReplicas": .int(ready),
                "availableReplicas": .int(ready),
                "conditions": [["type": "Available", "status": ready >= document.replicas ? "True" : "False"]],
            ]
        }
    }

    /// A pod as a cluster would show it.
    func shown(_ pod: Pod, _ played: DependencyPod, uid: JSONValue?) -> JSONValue {
        [
            "apiVersion": "v1", "kind": "Pod",
            "metadata": [
                "name": .string(played.shownName), "namespace": .string(document.namespace), "uid": uid ?? .string(played.name),
                "labels": document.labels, "creationTimestamp": .string(played.createdAt.description),
            ],
            "status": podStatus(pod),
        ]
    }

    private func podStatus(_ pod: Pod) -> JSONValue {
        let exits = pod.containers.map { $0.inspection?.exit }
        let isOver = document.restartPolicy != "Always" && !exits.contains { $0 == nil }
        let hasFailed = exits.contains { $0.map { $0.exitCode != 0 } ?? false }
        let isRunning = pod.containers.contains { $0.inspection?.isRunning == true || $0.inspection?.exit != nil }
        let isSucceeded = isOver && !hasFailed
        let phase = isSucceeded ? "Succeeded" : isOver && document.restartPolicy == "Never" ? "Failed" : isRunning ? "Running" : "Pending"
        return [
            "phase": .string(phase), "conditions": [["type": "Ready", "status": pod.isReady ? "True" : "False"]],
            "containerStatuses": .array(pod.containers.map { status($0, isCrashing: pod.hasFailed || pod.isCrashing) }),
        ]
    }

    private func status(_ container: Container, isCrashing: Bool) -> JSONValue {
        let image = document.containers.first { $0["name"]?.stringValue == container.name }?["image"]?.stringValue
        var status = ContainerStatus(
            name: container.name, image: image, ready: container.isReady, restartCount: container.inspection?.restartCount ?? 0)
        if isCrashing, (container.inspection?.restartCount ?? 0) > 1 {
            status.state = .init(waiting: .init(reason: "CrashLoopBackOff"))
        } else if let exit = container.inspection?.exit {
            status.state = .init(terminated: exit)
        } else if let inspection = container.inspection, inspection.isRunning {
            status.state = .init(running: .init(startedAt: inspection.startedAt))
        } else {
            status.state = .init(waiting: .init(reason: "ContainerCreating"))
        }
        if (container.inspection?.restartCount ?? 0) > 0, let exit = container.lastExit { status.lastState = .init(terminated: exit) }
        return (try? JSONValue(encoding: status).droppingNulls) ?? [:]
    }
}
