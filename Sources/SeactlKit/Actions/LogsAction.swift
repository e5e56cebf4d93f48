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
        guard let pod = PodChoice.buildPod(try await log.pods(), digest: nil) else { throw noBuild }
        let container = PodChoice.buildContainer(of: pod)
        guard PodChoice.hasLog(pod, container: container) else {
            guard follow else { throw notStarted(pod, container) }
            let request = try await log.next(digest: nil, system) {
                guard try await cluster.environments.get(key) != nil else { throw gone }
                guard try await !log.pods().isEmpty else { throw noBuild }
            }
            return try await cluster.pods.log(request, write)
        }
        let request = LogRequest(pod: pod.name, namespace: namespace, container: container, follow: follow, tailLines: tailLines)
        try await cluster.pods.log(request, write)
    }

    // MARK: Application

    func application() async throws {
        guard !follow else { return try await followApplication() }
        let pods = try await pods()
        guard !pods.isEmpty else { throw noPods }
        for pod in pods { try await show(pod, prefixed: pods.count > 1, tailLines) }
    }

    private func pods() async throws -> [Pod] {
        PodChoice.applicationPods(try await cluster.pods.list(namespace, "\(Names.environmentLabel)=\(key.name)"))
    }

    /// Pods come and go meanwhile: those of the next rollout, more replicas, and the next run of one that crashed.
    private func followApplication() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            var seen: Set<String> = []
            while !group.isCancelled {
                do {
                    let pods = try await pods()
                    if pods.isEmpty, try await cluster.environments.get(key) == nil { throw gone }
                    // Of what starts later, nothing was written before.
                    let tail = seen.isEmpty ? tailLines : nil
                    for pod in pods where PodChoice.hasLog(pod, container: Names.applicationContainer) && seen.insert(run(of: pod)).inserted {
                        group.addTask { try await show(pod, prefixed: pods.count > 1, tail) }
                    }
                } catch let error where ServerContact.mayPass(error) {
                    // Logs survive an API server that restarts, and so does the look for new ones.
                }
                // One that cannot be followed cancels the group.
                try? await system.sleep(.seconds(1))
            }
        }
        try Task.checkCancellation()
    }

    /// One run of a pod's container: a restart begins another log.
    private func run(of pod: Pod) -> String {
        let restarts = PodChoice.status(of: Names.applicationContainer, in: pod)?.restartCount ?? 0
        return "\(pod.metadata.uid ?? pod.name)#\(restarts)"
    }

    private func show(_ pod: Pod, prefixed: Bool, _ tailLines: Int?) async throws {
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

    private var noBuild: CommandFailure {
        CommandFailure(
            .badInput, "environment \(key) has no build pod: nothing was built since the last clean-up",
            next: ["`seactl env sync` builds what is not built yet"])
    }

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
