import Foundation
import KubernetesClient
import KubernetesModel
import Synchronization
import Testing

/// Somebody who watches and does not keep up with what happens.
@Suite(.enabled(if: ControlPlane.isWanted), .timeLimit(.minutes(10))) struct SlowWatchTests {
    private static let changes = 1000
    private static let text = String(repeating: "x", count: 60_000)
    /// What the kernel keeps for two connections on the way, and the client for one, with room; the changes are three times that.
    private static let limit = 20_000_000

    /// Stands still at its first change until it is let go, and ends with the last one.
    private final class Consumer: Sendable {
        private let seen = Mutex<[String]>([])
        private let last = Mutex<String?>(nil)
        private let stalled = AsyncStream<Void>.makeStream()
        private let gate = AsyncStream<Void>.makeStream()

        var versions: [String] { seen.withLock { $0 } }
        func waitUntilStalled() async { for await _ in stalled.stream {} }

        func go(until version: String?) {
            last.withLock { $0 = version }
            gate.continuation.finish()
        }

        private var isDone: Bool { last.withLock { $0 }.map { wanted in seen.withLock { $0.contains(wanted) } } ?? false }

        /// - Returns: how many watches it took.
        func run(_ client: KubernetesClient, _ namespace: String, from start: String?) async throws -> Int {
            var version = start
            var watches = 0
            while !isDone {
                watches += 1
                version = try await client.withWatch(
                    ConfigMap.self, namespace: namespace, labelSelector: "test=yes", resourceVersion: version, timeoutSeconds: 60
                ) { events in
                    var version = version
                    do {
                        for try await event in events {
                            if case .error(let status) = event, status.isGone {
                                // The server keeps no more than so many changes: what came meanwhile is listed, as informers do.
                                return try await catchUp(client, namespace)
                            }
                            version = event.resourceVersion ?? version
                            await note(event)
                            if isDone { break }
                        }
                    } catch let error as KubernetesError where error.isTransient {
                        // What was read before stays; the next watch goes on there.
                    }
                    return version
                }
            }
            return watches
        }

        private func catchUp(_ client: KubernetesClient, _ namespace: String) async throws -> String? {
            let list = try await client.list(ConfigMap.self, namespace: namespace, labelSelector: "test=yes")
            let all = list.items.compactMap(\.metadata.resourceVersion).sorted { (Int($0) ?? 0) < (Int($1) ?? 0) }
            seen.withLock { seen in seen += all.filter { !seen.contains($0) } }
            return list.resourceVersion
        }

        private func note(_ event: WatchEvent<ConfigMap>) async {
            switch event {
            case .added(let map):
                seen.withLock { $0.append(map.metadata.resourceVersion ?? "") }
                guard versions.count == 1 else { return }
                stalled.continuation.finish()
                for await _ in gate.stream {}
            case .bookmark: return
            default: Issue.record("an event that nobody caused: \(event)")
            }
        }
    }

    /// While the consumer stands still, no more is taken from the server than fits the buffers on the way; other requests are not held
    /// up. Afterwards every change is seen once, whether or not the server had given the watch up.
    @Test func aSlowConsumerBuffersLittleAndMissesNothing() async throws {
        let direct = try ControlPlane.configuration()
        let proxy = try await TCPProxy.start(to: try #require(URL(string: direct.server)?.port))
        var through = direct
        through.server = "https://127.0.0.1:\(proxy.port)"
        try await ControlPlane.withNamespace { client, namespace in
            try await ControlPlane.withClient(through) { slow in
                let start = try await slow.list(ConfigMap.self, namespace: namespace).resourceVersion
                let consumer = Consumer()
                async let watches = consumer.run(slow, namespace, from: start)
                var written: [String] = []
                for index in 0..<Self.changes {
                    let made = try await client.create(.configMap("m\(index)", namespace, ["x": Self.text], labels: ["test": "yes"]))
                    written.append(made["metadata"]?["resourceVersion"]?.stringValue ?? "")
                    if index == 0 { await consumer.waitUntilStalled() }
                }
                // Whatever fits has come by now: this answer comes the same way.
                #expect(try await slow.get(ConfigMap.self, "m1", namespace: namespace).name == "m1")
                let taken = proxy.received
                #expect(taken < Self.limit)
                consumer.go(until: written.last)
                print("a slow consumer: \(taken) of \(Self.changes * Self.text.utf8.count) bytes taken, \(try await watches) watches")
                #expect(consumer.versions == written)
            }
        }
        try await proxy.stop()
    }
}
