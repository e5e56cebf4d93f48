import KubernetesClient
import KubernetesModel
import Logging
import SeawayAPI
import Synchronization

/// Hears of a pushed image when it is pushed.
///
/// A node looks at its containers once a second, so the end of a build is told up to a second late. The builder's own script
/// says so at once, as a line of its log, and this follows the logs of builds to hear it. The line is only a hint to look into
/// the registry now: a Dockerfile that writes it itself gains nothing, and without it the container's end tells the same later.
final class PushSignals: Sendable {
    private struct State {
        var followed: Set<String> = []
        var pushed: Set<String> = []
    }

    private let cluster: KubernetesClient
    private let logger: Logger
    private let state = Mutex(State())
    private let pods: AsyncStream<Pod>
    private let running: AsyncStream<Pod>.Continuation

    init(cluster: KubernetesClient, logger: Logger) {
        self.cluster = cluster
        self.logger = logger
        (pods, running) = AsyncStream.makeStream()
    }

    /// Whether the build in this pod has said that its image is pushed.
    func hasPushed(_ pod: Pod) -> Bool {
        guard let uid = pod.metadata.uid else { return false }
        return state.withLock { $0.pushed.contains(uid) }
    }

    /// Takes note of a change of a build pod; `nil` for one that is gone.
    func changed(_ old: Pod?, _ new: Pod?) {
        guard let uid = (new ?? old)?.metadata.uid else { return }
        guard let new else {
            state.withLock { state in
                state.followed.remove(uid)
                state.pushed.remove(uid)
            }
            return
        }
        let isRunning = new.status?.containerStatuses?.contains { $0.name == Names.buildContainer && $0.state?.running != nil } ?? false
        guard isRunning, state.withLock({ $0.followed.insert(uid).inserted }) else { return }
        running.yield(new)
    }

    /// Follows builds until it is cancelled.
    /// - Parameter wake: Called with a pod whose image is pushed.
    func run(wake: @escaping @Sendable (Pod) -> Void) async {
        await withDiscardingTaskGroup { group in
            for await pod in pods {
                group.addTask { await self.follow(pod, wake) }
            }
        }
    }

    private func follow(_ pod: Pod, _ wake: @Sendable (Pod) -> Void) async {
        guard let uid = pod.metadata.uid, let namespace = pod.namespace else { return }
        do {
            try await cluster.withLogs(pod: pod.name, namespace: namespace, container: Names.buildContainer, follow: true) { lines in
                for try await line in lines where line == Names.pushedLine {
                    // A pod that is gone by now is not remembered for ever.
                    let isWanted = state.withLock { $0.followed.contains(uid) && $0.pushed.insert(uid).inserted }
                    if isWanted { wake(pod) }
                    return
                }
            }
        } catch is CancellationError {
        } catch {
            // The container's end is told all the same.
            logger.debug("a build's log cannot be followed", metadata: ["pod": "\(namespace)/\(pod.name)", "error": "\(error)"])
        }
    }
}
