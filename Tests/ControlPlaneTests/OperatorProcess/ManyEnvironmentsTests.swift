import Foundation
import KubernetesClient
import KubernetesModel
import KubernetesRuntime
import SeawayAPI
import Synchronization
import Testing

extension OperatorProcessTests {
    /// Two hundred people sync within one minute, and four may build at once.
    ///
    /// The operator, API server, object store and registry are real; nodes are played, since 200 real builds take a quarter of an hour.
    /// `ManySyncsTests` has a dozen real ones.
    @Suite struct ManyEnvironmentsTests {
        private static let slots = 4
        private static let revision = OperatorParts.newRevision()
        /// Who is first wants nearly all.
        private static let wanted = [("many", 170), ("few", 10), ("other", 10), ("third", 10)].map { (namespace: "seaway-test-\($0.0)", count: $0.1) }

        @Test(.timeLimit(.minutes(15))) func twoHundredOfOneMinuteAllEndWellAndInTurn() async throws {
            try await PrivateControlPlane.with { plane, client in
                let parts = try OperatorParts.fromEnvironment(bucket: "seaway-test-\(UUID().uuidString.lowercased())")
                let keys = Self.wanted.flatMap { namespace, count in (1...count).map { ObjectKey(namespace: namespace, name: "app-\($0)") } }
                try #require(keys.count == 200)
                for (namespace, _) in Self.wanted {
                    _ = try await client.create(["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(namespace)]])
                }
                for key in keys { try await parts.store(Self.revision, namespace: key.namespace ?? "", environment: key.name) }
                let watched = Watched()
                try await parts.withProxies(plane.configuration, onAnswer: { _, _ in }) { addresses in
                    let kubeconfig = try await plane.operatorKubeconfig(client, server: "http://\(addresses.apiServer)").file
                    let process = OperatorProcess(
                        parts.arguments(kubeconfig: kubeconfig, addresses) + ["--identity=many", "--max-concurrent-builds=\(Self.slots)"],
                        log: "\(plane.directory)/many.log")
                    let node = PretendedNode(client, namespace: nil, registry: parts.registry, buildTime: .milliseconds(200))
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask { try await process.keepRunning() }
                        group.addTask { try await node.run() }
                        group.addTask { try await watched.run(client) }
                        group.addTask { try await Self.sync(keys, client, watched) }
                        defer { group.cancelAll() }
                        // Only the script ends by itself.
                        try await group.next()
                    }
                }
                check(watched, keys)
            }
        }

        private static func sync(_ keys: [ObjectKey], _ client: KubernetesClient, _ watched: Watched) async throws {
            let began = ContinuousClock.now
            for key in keys {
                var spec = EnvironmentSpec(revision: revision)
                spec.build = .init()
                spec.build?.cache = .init(type: "none")
                let environment = Environment(metadata: ObjectMeta(name: key.name, namespace: key.namespace), spec: spec)
                _ = try await client.create(try JSONValue(encoding: environment).droppingNulls)
            }
            let took = ContinuousClock.now - began
            #expect(took < .seconds(60))
            watched.allAreWanted()
            await watched.until { $0.ready.count == keys.count }
            print("200 Environments made in \(took), all ready after \(ContinuousClock.now - began)")
            // What was pushed and stored goes with them.
            for key in keys { try await client.delete(Environment.resource, name: key.name, namespace: key.namespace) }
            await watched.until { $0.gone.count == keys.count }
        }

        private func check(_ watched: Watched, _ keys: [ObjectKey]) {
            let state = watched.state
            #expect(state.began.count == keys.count, "each is built once")
            #expect(state.failed == [:])
            // The API server's own order of what it was told: a build that begins after another one's end finds its slot free.
            let changes = state.began.map { ($0.value, 1) } + state.ended.map { ($0.value, -1) }
            var running = 0
            var most = 0
            for (_, change) in changes.sorted(by: { $0.0 < $1.0 }) {
                running += change
                most = max(most, running)
            }
            #expect(most == Self.slots, "builds at once")

            // Slots go round: three namespaces with ten builds each are served before the one with 170 has its turn twice as often.
            let order = state.began.sorted { $0.value < $1.value }.map(\.key.namespace)
            let before = state.began.count { $0.value < state.lastWanted }
            let lastOfFew = order.lastIndex { $0 != Self.wanted[0].namespace } ?? .max
            #expect(
                lastOfFew <= before + 4 * 10 + 2 * Self.slots, "the last of the small namespaces was number \(lastOfFew), \(before) were built before"
            )
            print("builds before the last was wanted: \(before); the last of the small namespaces: \(lastOfFew); at most at once: \(most)")

            // Whoever waits sees where: nearly all have a place, first far from the front, then near.
            #expect(state.places.count >= keys.count - before - 2 * Self.slots, "\(state.places.count) saw a place in the queue")
            #expect(state.places.values.contains { ($0.first ?? 0) >= 50 }, "places that were told first")
            let closer = state.places.values.count { places in places.last ?? .max <= 10 }
            #expect(closer >= state.places.count * 9 / 10, "\(closer) of \(state.places.count) saw that their turn comes near")
        }
    }
}

/// What the API server tells of Environments, in its order.
private final class Watched: Sendable {
    struct State: Sendable {
        /// By resource versions, which grow with each write to the cluster.
        var began: [ObjectKey: UInt64] = [:]
        var ended: [ObjectKey: UInt64] = [:]
        var newest: UInt64 = 0
        /// When the last Environment was there.
        var lastWanted: UInt64 = 0
        /// The places that a status told, in order.
        var places: [ObjectKey: [Int]] = [:]
        var ready: Set<ObjectKey> = []
        var gone: Set<ObjectKey> = []
        var failed: [ObjectKey: String] = [:]
    }

    private let value = Mutex(State())
    private let changed = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    var state: State { value.withLock { $0 } }

    func allAreWanted() { value.withLock { $0.lastWanted = $0.newest } }

    func until(_ isSo: (State) -> Bool) async {
        if isSo(state) { return }
        for await _ in changed.stream where isSo(state) { return }
    }

    func run(_ client: KubernetesClient) async throws {
        let jobs = Informer<Job>(client: client, labelSelector: "\(Names.managedByLabel)=\(Names.managedByValue)")
        jobs.onChange { key, old, new in
            guard old == nil, let new, let name = new.metadata.labels?[Names.buildLabel], let version = Self.version(new.metadata) else { return }
            self.value.withLock { $0.began[ObjectKey(namespace: key.namespace, name: name)] = version }
        }
        let environments = Informer<Environment>(client: client)
        environments.onChange { key, _, new in
            self.value.withLock { $0.note(key, new, new.flatMap { Self.version($0.metadata) }) }
            self.changed.continuation.yield()
        }
        async let followed: Void = jobs.run()
        try await environments.run()
        try await followed
    }

    private static func version(_ metadata: ObjectMeta) -> UInt64? { metadata.resourceVersion.flatMap { UInt64($0) } }
}

extension Watched.State {
    fileprivate mutating func note(_ key: ObjectKey, _ environment: Environment?, _ version: UInt64?) {
        guard let environment, let version else {
            gone.insert(key)
            return
        }
        newest = max(newest, version)
        guard let status = environment.status, environment.metadata.deletionTimestamp == nil else { return }
        #expect(ConditionInvariants.violations(status) == [], "\(key): \(status)")
        let image = status.condition(.imageBuilt)
        if image?.status == .true, ended[key] == nil { ended[key] = version }
        if image?.reason == .queued, let place = image?.message.firstMatch(of: /place (\d+) in the queue/).flatMap({ Int($0.1) }) {
            places[key, default: []].append(place)
        }
        if status.isTrue(.stalled) { failed[key] = status.message ?? "?" }
        if status.isTrue(.ready) { ready.insert(key) }
    }
}
