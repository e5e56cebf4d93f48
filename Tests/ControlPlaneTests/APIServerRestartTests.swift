import Foundation
import KubernetesClient
import KubernetesModel
import KubernetesRuntime
import Synchronization
import Testing

/// An API server that is killed and comes back under a watch.
@Suite(
    .enabled(if: ControlPlane.isWanted), .enabled(if: APIServerProcess.isPossible, "the API server runs elsewhere and cannot be killed"),
    .timeLimit(.minutes(10))) struct APIServerRestartTests
{
    /// Effects of an informer: what it said last of each object, and what it said twice.
    private final class Effects: Sendable {
        private struct State {
            var latest: [String: String] = [:]
            var seen: Set<String> = []
            var repeated: [String] = []
        }
        private let state = Mutex(State())
        private let changed = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

        func note(_ name: String, _ version: String?) {
            state.withLock { state in
                state.latest[name] = version
                if let version, !state.seen.insert("\(name) \(version)").inserted { state.repeated.append("\(name) \(version)") }
            }
            changed.continuation.yield()
        }

        var repeated: [String] { state.withLock(\.repeated) }

        func wait(for wanted: [String: String]) async {
            func isThere() -> Bool { state.withLock { $0.latest == wanted } }
            if isThere() { return }
            for await _ in changed.stream where isThere() { return }
        }
    }

    @Test func nothingIsMissedOrRepeatedWhenTheServerIsKilled() async throws {
        let direct = try ControlPlane.configuration()
        let server = try await APIServerProcess.beside(direct)
        var second = direct
        second.server = "https://127.0.0.1:\(server.port)"
        try await ControlPlane.withNamespace { client, namespace in
            try await ControlPlane.withClient(second) { watching in
                let informer = Informer<ConfigMap>(client: watching, namespace: namespace, labelSelector: "test=yes")
                let effects = Effects()
                informer.onChange { key, _, new in effects.note(key.name, new?.metadata.resourceVersion) }
                /// Of 30 objects some are new, some change, some go; the server of these tests goes on serving.
                func change(_ round: Int) async throws -> [String: String] {
                    for index in 0..<30 {
                        let map = JSONValue.configMap("m\(index)", namespace, ["x": "\(round)"], labels: ["test": "yes"])
                        if round > 0, (index + round) % 3 == 0 {
                            try await client.delete(.configMaps, name: "m\(index)", namespace: namespace)
                        } else {
                            _ = try await client.apply(map, fieldManager: "test", force: true)
                        }
                    }
                    let list = try await client.list(ConfigMap.self, namespace: namespace, labelSelector: "test=yes")
                    return Dictionary(uniqueKeysWithValues: list.items.map { ($0.name, $0.metadata.resourceVersion ?? "") })
                }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    defer { group.cancelAll() }
                    try await server.run(watching) {
                        group.addTask { try await informer.run() }
                        try await informer.store.waitUntilReady()
                        await effects.wait(for: try await change(0))
                    }
                    // Nobody is there to tell of these.
                    let meanwhile = try await change(1)
                    try await server.run(watching) {
                        await effects.wait(for: meanwhile)
                        await effects.wait(for: try await change(2))
                    }
                }
                #expect(effects.repeated == [])
            }
        }
    }
}
