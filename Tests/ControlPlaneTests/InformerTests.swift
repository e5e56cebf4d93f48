import Foundation
import InstallManifests
import KubernetesClient
import KubernetesModel
import KubernetesRuntime
import SeawayAPI
import Synchronization
import Testing

@Suite(.enabled(if: ControlPlane.isWanted), .timeLimit(.minutes(10))) struct InformerTests {
    /// What a worker saw last of each key; a test waits until it is what it should be.
    private final class Effects: Sendable {
        private let latest = Mutex<[ObjectKey: String]>([:])
        private let changed = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

        func set(_ key: ObjectKey, _ value: String?) {
            latest.withLock { $0[key] = value }
            changed.continuation.yield()
        }

        func wait(for wanted: [ObjectKey: String]) async {
            if latest.withLock({ $0 == wanted }) { return }
            for await _ in changed.stream where latest.withLock({ $0 == wanted }) { return }
        }
    }

    private func inParallel(_ count: Int, _ body: @escaping @Sendable (Int) async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<count {
                if index >= 16 { try await group.next() }
                group.addTask { try await body(index) }
            }
            try await group.waitForAll()
        }
    }

    /// 520 objects before the informer runs (two pages), then 1,000 changes while its watch breaks again and again.
    @Test func noChangeIsMissedThoughTheWatchBreaks() async throws {
        let configuration = try ControlPlane.configuration()
        let transport = try CutTransport(configuration, piecesPerWatch: 200)
        try await ControlPlane.withClient(transport.client(configuration)) { client in
            try await ControlPlane.withNamespace(client) { namespace in
                let labels = ["test": "yes"]
                try await inParallel(520) { _ = try await client.create(.configMap("m\($0)", namespace, ["x": "0"], labels: labels)) }
                let informer = Informer<ConfigMap>(client: client, namespace: namespace, labelSelector: "test=yes")
                let queue = WorkQueue<ObjectKey>()
                let effects = Effects()
                informer.onChange { key, _, _ in queue.add(key) }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await informer.run() }
                    group.addTask {
                        await runWorkers(queue, count: 4) { key in
                            effects.set(key, informer.store.get(key)?.data?["x"])
                            return .done
                        }
                    }
                    try await informer.store.waitUntilReady()
                    #expect(informer.store.count == 520)
                    // 800 patches, 100 deletions, 100 new ones.
                    try await inParallel(1000) { index in
                        switch index {
                        case 0..<800:
                            _ = try await client.mergePatch(
                                .configMaps, ["data": ["x": .string("\(index)")]], name: "m\(index % 400)", namespace: namespace)
                        case 800..<900:
                            try await client.delete(.configMaps, name: "m\(index - 800 + 400)", namespace: namespace)
                        default:
                            _ = try await client.create(.configMap("n\(index)", namespace, ["x": "new"], labels: labels))
                        }
                    }
                    let truth = try await client.list(ConfigMap.self, namespace: namespace, labelSelector: "test=yes")
                    #expect(truth.items.count == 520)
                    let wanted = Dictionary(uniqueKeysWithValues: truth.items.map { ($0.key, $0.data?["x"] ?? "") })
                    await effects.wait(for: wanted)
                    let held = Dictionary(uniqueKeysWithValues: informer.store.all().map { ($0.key, $0.metadata.resourceVersion) })
                    #expect(held == Dictionary(uniqueKeysWithValues: truth.items.map { ($0.key, $0.metadata.resourceVersion) }))
                    group.cancelAll()
                }
            }
        }
        #expect(transport.watches > 2)
    }

    @Test func aVersionTooOldIsListedAgain() async throws {
        let configuration = try ControlPlane.configuration()
        // Every second watch begins too early and is refused; the others break after one event.
        let transport = try CutTransport(configuration, piecesPerWatch: 1, staleEvery: 2)
        try await ControlPlane.withClient(transport.client(configuration)) { client in
            try await ControlPlane.withNamespace(client) { namespace in
                try await ControlPlane.installEnvironments(client, try #require(try InstallManifests.customResourceDefinition()))
                let informer = Informer<Environment>(client: client, namespace: namespace)
                let effects = Effects()
                informer.onChange { key, _, new in effects.set(key, new?.spec.replicas.map { "\($0)" }) }
                let before = transport.lists
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await informer.run() }
                    try await informer.store.waitUntilReady()
                    for replicas in 1...4 {
                        var spec = EnvironmentSpec(revision: String(repeating: "0", count: 64))
                        spec.replicas = replicas
                        let environment = Environment(metadata: ObjectMeta(name: "web", namespace: namespace), spec: spec)
                        _ = try await client.apply(try JSONValue(encoding: environment), fieldManager: "seactl")
                        await effects.wait(for: [ObjectKey(namespace: namespace, name: "web"): "\(replicas)"])
                    }
                    group.cancelAll()
                }
                #expect(transport.lists - before >= 2)
            }
        }
    }

    @Test func anInformerStartsBeforeTheKindIsAllowed() async throws {
        try await ControlPlane.withNamespace { client, namespace in
            var configuration = try ControlPlane.configuration()
            configuration.credentials.impersonation = .init(user: "system:serviceaccount:\(namespace):late")
            try await ControlPlane.withClient(configuration) { late in
                let informer = Informer<ConfigMap>(client: late, namespace: namespace)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await informer.run() }
                    _ = try await client.create([
                        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
                        "metadata": ["name": "late", "namespace": .string(namespace)],
                        "roleRef": ["apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"],
                        "subjects": [["kind": "ServiceAccount", "name": "late", "namespace": .string(namespace)]],
                    ])
                    try await informer.store.waitUntilReady()
                    group.cancelAll()
                }
            }
        }
    }

    @Test func eventsAreCounted() async throws {
        try await ControlPlane.withNamespace { client, namespace in
            let map: ConfigMap = try await client.create(.configMap("a", namespace, [:])).decode()
            let recorder = EventRecorder(client: client, component: "seaway-test")
            for _ in 0..<3 { await recorder.record(.warning, reason: "Tested", message: "again", about: ObjectReference(map)) }
            // A recorder of a new process goes on counting.
            await EventRecorder(client: client, component: "seaway-test").record(
                .warning, reason: "Tested", message: "again", about: ObjectReference(map))
            await recorder.record(.normal, reason: "Other", message: "once", about: ObjectReference(map))
            let events = try await client.list(Event.self, namespace: namespace, fieldSelector: "involvedObject.uid=\(map.metadata.uid ?? "")")
            #expect(events.items.map { "\($0.reason ?? "") \($0.count ?? 0)" }.sorted() == ["Other 1", "Tested 4"])
        }
    }
}
