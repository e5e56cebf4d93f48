import Foundation
import KubernetesClient
import KubernetesModel
import SeawayAPI
import Synchronization
import Testing

extension OperatorProcessTests {
    /// Watches wake the operator, timers do not: what it asks of others in a minute in which nothing happens, whatever its Environments wait for.
    @Suite struct IdleRequestTests {
        private static let namespace = "seaway-test-idle"
        private static let revision = OperatorParts.newRevision()

        /// What the operator asked, of whom.
        private final class Requests: Sendable {
            private let seen = Mutex<[(server: OperatorParts.Server, exchange: Exchange)]>([])

            func note(_ exchange: Exchange, _ server: OperatorParts.Server) { seen.withLock { $0.append((server, exchange)) } }

            func since(_ start: ContinuousClock.Instant) -> [(server: OperatorParts.Server, exchange: Exchange)] {
                seen.withLock { $0.filter { $0.exchange.answered > start } }
            }

            /// Whether something was written within the last seconds.
            var isBusy: Bool { since(.now - .seconds(5)).contains { $0.exchange.isWrite && !$0.exchange.path.contains("/leases/") } }
        }

        @Test(.timeLimit(.minutes(10))) func `in an idle minute only the lease is renewed`() async throws {
            try await PrivateControlPlane.with { plane, client in
                let parts = try OperatorParts.fromEnvironment(bucket: "seaway-test-\(UUID().uuidString.lowercased())")
                let node = PretendedNode(client, namespace: Self.namespace, registry: parts.registry)
                let requests = Requests()
                try await parts.withProxies(plane.configuration, onAnswer: requests.note) { addresses in
                    let kubeconfig = try await plane.operatorKubeconfig(client, server: "http://\(addresses.apiServer)").file
                    let process = OperatorProcess(
                        parts.arguments(kubeconfig: kubeconfig, addresses) + ["--identity=idle"], log: "\(plane.directory)/idle.log")
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask { try await process.keepRunning() }
                        group.addTask { try await node.run() }
                        group.addTask {
                            try await Self.fill(client, parts, node)
                            // What the last change brought about is over when nothing was written for five seconds.
                            while requests.isBusy { try await Task.sleep(for: .milliseconds(500)) }
                            let start = ContinuousClock.now
                            try await Task.sleep(for: .seconds(60))
                            let minute = requests.since(start)
                            let leases = minute.filter { $0.server == .apiServer && $0.exchange.isWrite && $0.exchange.path.contains("/leases/") }
                            let watches = minute.filter { $0.server == .apiServer && $0.exchange.isWatch }
                            let others = minute.map { "\($0.exchange.method) \($0.exchange.target)" }.filter { text in
                                !(leases + watches).contains { "\($0.exchange.method) \($0.exchange.target)" == text }
                            }
                            print(
                                "requests of an idle minute with 40 Environments: \(leases.count) renewals of the lease, \(watches.count) watches opened anew, "
                                    + "\(others.count) others")
                            #expect(others == [])
                            // Every 2 s; a loaded machine may be late.
                            #expect((20...31).contains(leases.count))
                            #expect(watches.count <= 16)
                        }
                        try await group.next()
                        group.cancelAll()
                    }
                }
            }
        }

        /// 24 that are ready, 4 that failed, 4 whose pods are not ready, 4 whose builds run and 4 that wait for a slot.
        private static func fill(_ client: KubernetesClient, _ parts: OperatorParts, _ node: PretendedNode) async throws {
            _ = try await client.create(["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(namespace)]])
            try await sync(0..<24, client, parts)
            try await wait(0..<24, client) { $0.isTrue(.ready) }
            node.builds(.fail)
            try await sync(24..<28, client, parts)
            try await wait(24..<28, client) { $0.isTrue(.stalled) }
            node.builds(.succeed)
            node.applications(areReady: false)
            try await sync(28..<32, client, parts)
            try await wait(28..<32, client) { $0.isTrue(.imageBuilt) }
            node.builds(.hang)
            try await sync(32..<40, client, parts)
            try await wait(32..<40, client) { $0.reason == "Queued" || $0.message?.contains("building the image") == true }
        }

        private static func name(_ number: Int) -> String { "shop-\(number)" }

        private static func sync(_ numbers: Range<Int>, _ client: KubernetesClient, _ parts: OperatorParts) async throws {
            for number in numbers {
                try await parts.store(revision, namespace: namespace, environment: name(number))
                var spec = EnvironmentSpec(revision: revision)
                spec.build = .init()
                spec.build?.cache = .init(type: "none")
                spec.ports = [.init(name: "http", port: 8080)]
                _ = try await client.create(
                    try JSONValue(encoding: Environment(metadata: ObjectMeta(name: name(number), namespace: namespace), spec: spec)).droppingNulls)
            }
        }

        private static func wait(_ numbers: Range<Int>, _ client: KubernetesClient, _ isWanted: (EnvironmentStatus) -> Bool) async throws {
            for number in numbers {
                try await ControlPlane.wait(client, Environment.self, name(number), namespace: namespace) { $0?.status.map(isWanted) ?? false }
            }
        }
    }
}
