import KubernetesClient
import KubernetesModel
import SeawayAPI

/// `seactl env logs`.
struct LogsAction: Sendable {
    var cluster: Cluster
    var system: System
    var key: ObjectKey
    var follow = false
    var previous = false
    var tailLines: Int?
    /// Takes a line that is complete.
    var write: @Sendable (String) -> Void

    private var namespace: String { key.namespace ?? "default" }

    // MARK: Build

    func build() async throws {
        let log = BuildLog(cluster: cluster, key: key)
        guard let pod = PodChoice.buildPod(try await log.pods(), digest: nil) else {
            throw CommandFailure(
                .badInput, "environment \(key) has no build pod: nothing was built since the last clean-up",
                next: ["`seactl env sync` builds what is not built yet"])
        }
        let container = PodChoice.buildContainer(of: pod)
        guard PodChoice.hasLog(pod, container: container) else {
            guard follow else { throw notStarted(pod, container) }
            return try await cluster.pods.log(try await log.next(digest: nil, system), write)
        }
        let request = LogRequest(pod: pod.name, namespace: namespace, container: container, follow: follow, tailLines: tailLines)
        try await cluster.pods.log(request, write)
    }

    // MARK: Application

    func application() async throws {
        let selector = "\(Names.environmentLabel)=\(key.name)"
        var pods = PodChoice.applicationPods(try await cluster.pods.list(namespace, selector))
        guard follow else {
            guard !pods.isEmpty else { throw noPods }
            for pod in pods { try await show(pod, prefixed: pods.count > 1) }
            return
        }
        // Pods come and go while a log is followed: those of the next rollout are taken up when these have ended.
        var seen: Set<String> = []
        while true {
            let fresh = pods.filter { PodChoice.hasLog($0, container: Names.applicationContainer) && !seen.contains(run(of: $0)) }
            for pod in fresh { seen.insert(run(of: pod)) }
            let prefixed = pods.count > 1
            try await withThrowingTaskGroup(of: Void.self) { group in
                for pod in fresh { group.addTask { try await show(pod, prefixed: prefixed) } }
                try await group.waitForAll()
            }
            if fresh.isEmpty {
                guard try await cluster.environments.get(key) != nil else { throw gone }
                try await system.sleep(.seconds(1))
            }
            pods = PodChoice.applicationPods(try await cluster.pods.list(namespace, selector))
        }
    }

    /// One run of a pod's container: a restart begins another log.
    private func run(of pod: Pod) -> String {
        let restarts = PodChoice.status(of: Names.applicationContainer, in: pod)?.restartCount ?? 0
        return "\(pod.metadata.uid ?? pod.name)#\(restarts)"
    }

    private func show(_ pod: Pod, prefixed: Bool) async throws {
        let container = Names.applicationContainer
        guard PodChoice.hasLog(pod, container: container) else { throw notStarted(pod, container) }
        if previous, PodChoice.status(of: container, in: pod)?.lastState?.terminated == nil {
            throw CommandFailure(
                .badInput, "pod \(pod.name) has no previous run: its container did not restart", next: ["leave out --previous"])
        }
        let request = LogRequest(
            pod: pod.name, namespace: namespace, container: container, follow: follow, previous: previous, tailLines: tailLines)
        let write = write
        let prefix = prefixed ? "[\(pod.name)] " : ""
        try await cluster.pods.log(request) { write(prefix + $0) }
    }

    // MARK: Failures

    private var noPods: CommandFailure {
        CommandFailure(
            .badInput, "environment \(key) has no pods",
            next: ["`seactl env status` tells why; `seactl env logs --build` shows the build's log"])
    }

    private var gone: CommandFailure {
        CommandFailure(.badInput, "environment \(key) is not there", next: ["`seactl env list` shows those that are"])
    }

    private func notStarted(_ pod: Pod, _ container: String) -> CommandFailure {
        CommandFailure(
            .deployFailed, "pod \(pod.name) has no log yet: container \(container) has not started",
            detail: PodChoice.waitingReason(pod, container: container), next: ["-f waits for it; `seactl env status` tells more"])
    }
}
