import Foundation
import KubernetesClient
import KubernetesModel
import SeawayAPI
import Subprocess
import Synchronization
import Testing

#if canImport(Glibc)
    import Glibc
#endif

extension OperatorProcessTests {
    /// Two operators, and the one that leads is stopped for longer than its Lease is good for.
    @Suite struct FrozenLeaderTests {
        private static let namespace = "seaway-test-frozen"

        /// What one of the operators asked of the API server, and what is to happen at one of its requests.
        private final class Witness: Sendable {
            private let seen = Mutex<[Exchange]>([])
            let onAnswer = Mutex<(@Sendable (Exchange) -> Void)?>(nil)

            func note(_ exchange: Exchange) {
                seen.withLock { $0.append(exchange) }
                onAnswer.withLock { $0 }?(exchange)
            }

            func writes(after time: ContinuousClock.Instant) -> [Exchange] { seen.withLock { $0 }.filter { $0.isWrite && $0.answered > time } }
        }

        /// It is stopped in the middle of its work, so that it has the next write at hand when it wakes up; lease: 15 s, see `LeaderElectionTiming`.
        @Test(.timeLimit(.minutes(10))) func `it writes nothing when it wakes up`() async throws {
            try await PrivateControlPlane.with { plane, client in
                let parts = try OperatorParts.fromEnvironment(bucket: "seaway-test-\(UUID().uuidString.lowercased())")
                let node = PretendedNode(client, namespace: Self.namespace, registry: parts.registry)
                let (first, second) = (Witness(), Witness())
                try await Self.withOperator("first", first, parts, plane, client) { frozen in
                    try await Self.withOperator("second", second, parts, plane, client) { standby in
                        try await withThrowingTaskGroup(of: Void.self) { group in
                            group.addTask { try await node.run() }
                            async let ended = frozen.run()
                            try await Self.holder(client, is: "first")
                            group.addTask { try await standby.keepRunning() }

                            // Its Job is made, and it has not told so yet.
                            first.onAnswer.withLock { hook in
                                hook = { if $0.path.contains("/jobs/"), $0.isWrite { frozen.send(SIGSTOP) } }
                            }
                            try await Self.sync(client, parts)
                            try await Self.holder(client, is: "second")
                            let taken = ContinuousClock.now
                            try await Self.ready(client)
                            _ = try await client.mergePatch(Environment.resource, ["spec": ["replicas": 2]], name: "shop", namespace: Self.namespace)
                            try await Self.ready(client)
                            let before = try await client.get(Environment.self, "shop", namespace: Self.namespace)

                            frozen.send(SIGCONT)
                            #expect(try await ended == .exited(1), "it ends, and whoever started it starts it again as a standby")
                            #expect(first.writes(after: taken).map { "\($0.method) \($0.target) \($0.status)" } == [])
                            #expect(frozen.output.contains("not leading any more"), "\(frozen.output.suffix(2000))")
                            #expect(second.writes(after: taken).contains { $0.path.hasSuffix("/status") })
                            try await Self.holder(client, is: "second")
                            let after = try await client.get(Environment.self, "shop", namespace: Self.namespace)
                            #expect(after.metadata.resourceVersion == before.metadata.resourceVersion)
                            let jobs = try await client.list(Job.self, namespace: Self.namespace).items
                            #expect(jobs.count == 1 && node.buildPods.count == 1)
                            group.cancelAll()
                        }
                    }
                }
            }
        }

        private static func withOperator(
            _ identity: String, _ witness: Witness, _ parts: OperatorParts, _ plane: PrivateControlPlane, _ client: KubernetesClient,
            _ body: @escaping @Sendable (OperatorProcess) async throws -> Void
        ) async throws {
            let note: OperatorParts.Observer = { if $1 == .apiServer { witness.note($0) } }
            try await parts.withProxies(plane.configuration, onAnswer: note) { addresses in
                let kubeconfig = try await plane.operatorKubeconfig(client, server: "http://\(addresses.apiServer)").file
                try await body(
                    OperatorProcess(
                        parts.arguments(kubeconfig: kubeconfig, addresses) + ["--identity=\(identity)"], log: "\(plane.directory)/\(identity).log"))
            }
        }

        private static func holder(_ client: KubernetesClient, is identity: String) async throws {
            try await ControlPlane.wait(client, Lease.self, "seaway-operator", namespace: Names.systemNamespace) {
                $0?.spec?.holderIdentity == identity
            }
        }

        private static func sync(_ client: KubernetesClient, _ parts: OperatorParts) async throws {
            _ = try await client.create(["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(namespace)]])
            let revision = OperatorParts.newRevision()
            try await parts.store(revision, namespace: namespace, environment: "shop")
            var spec = EnvironmentSpec(revision: revision)
            spec.build = .init()
            spec.build?.cache = .init(type: "none")
            _ = try await client.create(
                try JSONValue(encoding: Environment(metadata: ObjectMeta(name: "shop", namespace: namespace), spec: spec)).droppingNulls)
        }

        private static func ready(_ client: KubernetesClient) async throws {
            try await ControlPlane.wait(client, Environment.self, "shop", namespace: namespace) { environment in
                environment.map { $0.status?.observedGeneration == $0.metadata.generation && $0.status?.isTrue(.ready) == true } ?? false
            }
        }
    }
}
