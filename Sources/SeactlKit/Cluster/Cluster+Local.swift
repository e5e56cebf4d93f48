import Foundation
import KubernetesModel
import SeawayAPI
import SeawayLocal
import Synchronization

extension Cluster {
    /// Podman on this machine, behind the same doors as a cluster.
    static func local(_ engine: LocalEngine) -> Cluster {
        Cluster(
            environments: .local(engine),
            // Namespaces are folders here: always there, and nothing to make.
            namespaces: NamespaceAccess(get: { Namespace(metadata: ObjectMeta(name: $0)) }, create: { _ in }),
            secrets: SecretAccess(
                get: { try engine.secret($0) }, apply: { try await engine.applySecret($0) }, delete: { key, _ in try await engine.deleteSecret(key) }),
            sources: SourceAccess(upload: { scan, key, _ in
                engine.offer(scan, for: key)
                return SentSources(files: 0, bytes: 0, isReadInPlace: true)
            }),
            pods: .local(engine), objects: .none, engine: .local)
    }
}

extension EnvironmentAccess {
    fileprivate static func local(_ engine: LocalEngine) -> EnvironmentAccess {
        EnvironmentAccess(
            get: { try await engine.environment($0) },
            object: { key in try await engine.environment(key).map { try JSONValue(encoding: $0).droppingNulls } },
            list: { namespace in
                let items = try await engine.environments(namespace: namespace).map { try JSONValue(encoding: $0).droppingNulls }
                return [
                    "apiVersion": .string(Environment.resource.apiVersion), "kind": "EnvironmentList", "metadata": [:], "items": .array(items),
                ]
            },
            apply: { try await engine.apply($0) },
            delete: { key, uid in try await engine.delete(key, uid: uid) },
            events: { _ in [] },
            watch: { key, _, handle in
                let last = LastSeen()
                try await engine.follow(key) { environment in
                    guard let environment else {
                        _ = last.environment.map { handle(.deleted($0)) }
                        return false
                    }
                    last.environment = environment
                    return handle(.modified(environment))
                }
            })
    }
}

extension PodAccess {
    fileprivate static func local(_ engine: LocalEngine) -> PodAccess {
        /// Selectors here are `LABEL=ENVIRONMENT`.
        @Sendable func list(_ namespace: String, _ labels: String) async throws -> [Pod] {
            guard let separator = labels.firstIndex(of: "=") else { return [] }
            let key = ObjectKey(namespace: namespace, name: String(labels[labels.index(after: separator)...]))
            return try await engine.pods(of: key, build: labels[..<separator] == Names.buildLabel)
        }
        return PodAccess(
            list: list,
            watch: { namespace, labels, handle in
                while true {
                    for pod in try await list(namespace, labels) where !handle(pod) { return }
                    try await Task.sleep(for: .milliseconds(50))
                }
            },
            log: { request, onLine in
                // Podman keeps one log for all runs of a container, so the run before a restart is in it.
                guard let key = try await engine.key(ofPod: request.pod, namespace: request.namespace) else {
                    throw CommandFailure(.badInput, "there is no pod \(request.pod)", next: ["`seactl env status` tells how the environment is"])
                }
                try await engine.log(
                    of: key, pod: request.pod, container: request.container, follow: request.follow, tailLines: request.tailLines, onLine)
            })
    }
}

extension ObjectAccess {
    /// There is no API for objects of any kind here.
    fileprivate static let none = ObjectAccess(
        apply: { _ in throw CommandFailure.needsCluster }, delete: { _ in throw CommandFailure.needsCluster },
        exists: { _ in throw CommandFailure.needsCluster }, deployment: { _ in throw CommandFailure.needsCluster },
        customResourceDefinition: { _ in throw CommandFailure.needsCluster }, serverVersion: { throw CommandFailure.needsCluster })
}

extension CommandFailure {
    static let needsCluster = CommandFailure(
        .badInput, "this needs a cluster, and the local engine is none", next: ["name a cluster with --context or --kubeconfig"])

    init(local error: LocalError) {
        let exit: CommandStatus =
            switch error.code {
            case .podmanMissing, .podmanTooOld, .podmanFailed: .clusterFailed
            case .state, .refused: .badInput
            }
        self.init(exit, error.message, next: error.next)
    }
}

private final class LastSeen: Sendable {
    private let state = Mutex<Environment?>(nil)

    var environment: Environment? {
        get { state.withLock(\.self) }
        set { state.withLock { $0 = newValue } }
    }
}
