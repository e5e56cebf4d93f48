import KubernetesModel
import SeawayAPI
import Synchronization

/// The log of an Environment's build, from the pod that runs it.
struct BuildLog: Sendable {
    var cluster: Cluster
    var key: ObjectKey

    private var namespace: String { key.namespace ?? "default" }
    private var selector: String { "\(Names.buildLabel)=\(key.name)" }

    func pods() async throws -> [Pod] { try await cluster.pods.list(namespace, selector) }

    /// Names of the pods whose build is over. Asked before a new build starts: their logs are not the new build's.
    func finishedPods() async throws -> Set<String> {
        Set(try await pods().filter(PodChoice.isFinished).map(\.name))
    }

    /// Waits for a pod of the build that has begun to write a log, however long its place in the queue makes it wait.
    /// - Parameter goOn: asked from time to time; throws when there is nothing to wait for any more.
    func next(
        digest: String?, excluding seen: Set<String> = [], _ system: System, goOn: () async throws -> Void = {}
    ) async throws -> LogRequest {
        let found = Mutex<LogRequest?>(nil)
        while true {
            try await cluster.pods.watch(namespace, selector) { pod in
                guard !seen.contains(pod.name), let request = request(for: pod, digest: digest) else { return true }
                found.withLock { $0 = request }
                return false
            }
            if let request = found.withLock(\.self) { return request }
            // Servers end a watch after some minutes.
            try await goOn()
            try await system.sleep(.milliseconds(100))
        }
    }

    /// The log to read of a pod, once there is one.
    func request(for pod: Pod, digest: String?) -> LogRequest? {
        guard PodChoice.buildPod([pod], digest: digest) != nil else { return nil }
        let container = PodChoice.buildContainer(of: pod)
        guard PodChoice.hasLog(pod, container: container) else { return nil }
        return LogRequest(pod: pod.name, namespace: namespace, container: container, follow: true)
    }
}
