import Foundation
import KubernetesClient
import KubernetesModel
import KubernetesRuntime
import ObjectStore
import SeawayAPI
import Synchronization
import Testing

/// The life of an Environment from an empty cluster to an empty cluster, under operators that are killed.
final class Life: Sendable {
    /// What came of it.
    struct Account: Sendable {
        /// Each effect in its order, as `PATCH deployments`.
        var effects: [String] = []
        var operators = 0
        /// Operators that were killed. Fewer than the effects that they were to be killed after when two were under way at once.
        var killed = 0
        /// How the cluster and the status are once a step is over, by the step; no names or times that differ from life to life.
        var states: [String: [String]] = [:]
        /// How many pods each build Job had, in some order.
        var builds: [Int] = []
        /// Events about the Environment and how often each was told.
        var events: [String: Int] = [:]
        /// What a status that was written gave to tell, and how often.
        var happenings: [String: Int] = [:]
        /// What is still there when the Environment is gone.
        var left: [String] = []
    }

    private struct Killed: Error {}

    private static let namespace = "seaway-test-life"
    private static let name = "shop"
    private let plane: PrivateControlPlane
    private let client: KubernetesClient
    private let killing: OperatorProcessTests.CrashPointTests.Killing
    private let account = Mutex(Account())
    private let jobs = Mutex<Set<String>>([])
    private let running = Mutex<OperatorProcess?>(nil)
    /// Ends when the Environment was seen to go.
    private let lastSight = AsyncStream.makeStream(of: Never.self)

    init(_ plane: PrivateControlPlane, _ client: KubernetesClient, killing: OperatorProcessTests.CrashPointTests.Killing) {
        self.plane = plane
        self.client = client
        self.killing = killing
    }

    func live() async throws -> Account {
        let parts = try OperatorParts.fromEnvironment(bucket: "seaway-test-\(UUID().uuidString.lowercased())")
        // The first start makes it.
        try await client.delete(.secrets, name: "seaway-serving", namespace: Names.systemNamespace)
        try await parts.withProxies(plane.configuration, onAnswer: note) { addresses in
            let kubeconfig = try await self.plane.operatorKubeconfig(self.client, server: "http://\(addresses.apiServer)").file
            let process = OperatorProcess(
                parts.arguments(kubeconfig: kubeconfig, addresses) + ["--identity=life"],
                log: "\(self.plane.directory)/\(self.killing.rawValue).log")
            self.running.withLock { $0 = process }
            let node = PretendedNode(self.client, namespace: Self.namespace, registry: parts.registry)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await process.keepRunning() }
                group.addTask { try await node.run() }
                group.addTask { try await self.watch() }
                group.addTask { try await self.script(node, parts) }
                defer { group.cancelAll() }
                // Only the script ends by itself.
                try await group.next()
            }
            self.account.withLock { account in
                account.operators = process.runs
                account.builds = node.buildPods.values.map(\.count).sorted()
            }
            let seen = self.jobs.withLock { $0 }
            #expect(Set(node.buildPods.keys) == seen, "\(self.killing): Jobs and their pods")
        }
        return account.withLock { $0 }
    }

    // MARK: Effects

    @Sendable private func note(_ exchange: Exchange, of server: OperatorParts.Server) async throws {
        guard let effect = Self.effect(exchange, server) else { return }
        let number = account.withLock { account in
            account.effects.append(effect)
            return account.effects.count
        }
        guard killing.isDue(after: number) else { return }
        if await running.withLock({ $0 })?.killNow() == true { account.withLock { $0.killed += 1 } }
        throw Killed()
    }

    /// `nil` for what changes nothing that others see, and for the Lease: its renewals go by the clock.
    private static func effect(_ exchange: Exchange, _ server: OperatorParts.Server) -> String? {
        guard exchange.isWrite, exchange.succeeded else { return nil }
        switch server {
        case .store: return "\(exchange.method) from the store"
        case .registry: return "\(exchange.method) from the registry"
        case .apiServer:
            var parts = exchange.path.split(separator: "/").dropFirst(exchange.path.hasPrefix("/api/") ? 2 : 3)
            if parts.first == "namespaces", parts.count > 2 { parts = parts.dropFirst(2) }
            guard let resource = parts.first, resource != "leases", resource != "tokenreviews" else { return nil }
            let subresource = parts.dropFirst(2).first
            return "\(exchange.method) \(resource)\(subresource.map { "/\($0)" } ?? "")"
        }
    }

    // MARK: The life

    private func script(_ node: PretendedNode, _ parts: OperatorParts) async throws {
        _ = try await client.create([
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": ["name": .string(Self.namespace), "labels": [Names.createdNamespaceLabel: "true"]],
        ])
        for number in 1...5 { try await parts.store(Self.revision(number), namespace: Self.namespace, environment: Self.name) }
        var spec = EnvironmentSpec(revision: Self.revision(1))
        spec.build = .init()
        spec.build?.cache = .init(type: "volume")
        spec.ports = [.init(name: "http", port: 8080)]
        spec.network = .init(ingress: .init())
        spec.network?.ingress?.enabled = true
        _ = try await client.create(
            try JSONValue(encoding: Environment(metadata: ObjectMeta(name: Self.name, namespace: Self.namespace), spec: spec)).droppingNulls)
        try await reach("created", .ready)

        try await change(["vars": ["env": [["name": "MODE", "value": "two"]]]])
        try await reach("deployed anew", .ready)

        try await change(["revision": .string(Self.revision(2)), "build": ["cache": ["type": "none"]], "ports": .null, "network": .null])
        try await reach("built anew, without a network and a volume", .ready)

        node.builds(.hang)
        try await change(["revision": .string(Self.revision(3))])
        try await until("the build runs") {
            $0.status?.expectedRevision == Self.revision(3) && $0.status?.message?.contains("building the image") == true
        }
        node.builds(.succeed)
        try await change(["revision": .string(Self.revision(4))])
        try await reach("a build was superseded", .ready)

        node.builds(.fail)
        try await change(["revision": .string(Self.revision(5)), "ports": [["name": "http", "port": 8080]]])
        try await reach("the build failed", .stalled)
        node.builds(.succeed)
        try await change(["attempt": 1])
        try await reach("tried again", .ready)

        try await tellEvents()
        // It goes by itself, and takes its namespace along.
        try await change(["ttlSeconds": 1])
        try await within("the namespace to go") {
            try await ControlPlane.wait(self.client, Namespace.self, Self.namespace, namespace: nil) { $0 == nil }
        }
        for await _ in lastSight.stream {}
        try await tellWhatIsLeft(parts)
    }

    private static let revisions = (0..<10).map { _ in OperatorParts.newRevision() }
    private static func revision(_ number: Int) -> String { revisions[number] }

    private func change(_ spec: JSONValue) async throws {
        _ = try await client.mergePatch(Environment.resource, ["spec": spec], name: Self.name, namespace: Self.namespace)
    }

    private func until(_ what: String, _ isWanted: @escaping @Sendable (Environment) -> Bool) async throws {
        try await within(what) {
            try await ControlPlane.wait(self.client, Environment.self, Self.name, namespace: Self.namespace) { $0.map(isWanted) ?? false }
        }
    }

    /// Waits until a step is over, and notes how all is then.
    private func reach(_ step: String, _ condition: ConditionType) async throws {
        try await until(step) { $0.status?.observedGeneration == $0.metadata.generation && $0.status?.isTrue(condition) == true }
        let environment = try await client.get(Environment.self, Self.name, namespace: Self.namespace)
        let state = try await objects(of: environment) + Self.words(try #require(environment.status))
        account.withLock { $0.states[step] = state }
    }

    /// A life that stands still says where.
    private func within(_ what: String, _ body: @escaping @Sendable () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await body()
                return true
            }
            group.addTask {
                try await Task.sleep(for: .seconds(300))
                return false
            }
            defer { group.cancelAll() }
            guard try await group.next() == false else { return }
            let log = running.withLock { $0 }?.output.suffix(3000) ?? ""
            let now = try? await client.getIfPresent(Environment.self, Self.name, namespace: Self.namespace)
            throw StandsStill(description: "\(killing): \(what) takes longer than 300 s; \(String(describing: now?.status)); its log:\n\(log)")
        }
    }

    private struct StandsStill: Error, CustomStringConvertible { var description: String }

    // MARK: What is compared

    private static func words(_ status: EnvironmentStatus) -> [String] {
        let conditions = (status.conditions ?? []).map { "\($0.type) \($0.status) \($0.reason) \(plain($0.message))" }
        let fields = [
            status.stage, status.reason, status.message.map(plain), status.expectedRevision, status.deployedRevision, status.buildDigest,
            status.image,
        ]
        return conditions + fields.map { $0 ?? "-" } + (status.urls ?? [])
    }

    private static func words(_ reason: String?, _ message: String?) -> String { "\(reason ?? "") \(plain(message ?? ""))" }

    /// Without the part of a pod's name that differs.
    private static func plain(_ text: String) -> String { text.replacing(/shop-(build-)?[0-9a-z]{5,10}(-[0-9a-z]{5})?/, with: "POD") }

    private func objects(of environment: Environment) async throws -> [String] {
        var found: [String] = []
        for type in [ResourceType.jobs, .deployments, .services, .ingresses, .persistentVolumeClaims] {
            let request = APIRequest.list(type, namespace: Self.namespace, labelSelector: "\(Names.managedByLabel)=\(Names.managedByValue)")
            for object in try await client.send(request, as: JSONValue.self)["items"]?.arrayValue ?? [] {
                let metadata = object["metadata"] ?? [:]
                // The API server lets go of a claim when it likes.
                guard metadata["deletionTimestamp"] == nil else { continue }
                let isOwned = metadata["ownerReferences"]?.arrayValue?.contains { $0["uid"]?.stringValue == environment.metadata.uid } ?? false
                let marks = [Names.buildDigestAnnotation, Names.attemptAnnotation, Names.revisionAnnotation].map {
                    metadata["annotations"]?[$0]?.stringValue ?? "-"
                }
                found.append("\(type.kind) \(metadata["name"]?.stringValue ?? "") owned: \(isOwned) \(marks.joined(separator: " "))")
            }
        }
        let pods = try await client.list(Pod.self, namespace: Self.namespace, labelSelector: "\(Names.environmentLabel)=\(Self.name)").items
        return found + ["\(pods.count { $0.metadata.deletionTimestamp == nil }) pods of the application"]
    }

    private func tellEvents() async throws {
        let events = try await client.list(Event.self, namespace: Self.namespace, fieldSelector: "involvedObject.kind=Environment").items
        account.withLock { account in
            for event in events { account.events[Self.words(event.reason, event.message), default: 0] += event.count ?? 1 }
        }
    }

    private func tellWhatIsLeft(_ parts: OperatorParts) async throws {
        var left: [String] = []
        try await parts.withStore { left += try await $0.list("") }
        left += try await parts.images(of: Names.repository(namespace: Self.namespace, environment: Self.name))
        account.withLock { $0.left = left }
    }

    /// Follows Jobs, holds each status to the rules and notes what it gives to tell.
    private func watch() async throws {
        let jobs = Informer<Job>(client: client, namespace: Self.namespace)
        jobs.onChange { _, _, new in
            if let uid = new?.metadata.uid { self.jobs.withLock { _ = $0.insert(uid) } }
        }
        let environments = Informer<Environment>(client: client, namespace: Self.namespace)
        environments.onChange { _, old, new in
            guard let new else { return self.lastSight.continuation.finish() }
            guard let status = new.status else { return }
            #expect(ConditionInvariants.violations(status) == [], "\(self.killing): \(status)")
            guard status.reason != old?.status?.reason || status.expectedRevision != old?.status?.expectedRevision else { return }
            self.account.withLock { $0.happenings[Self.words(status.reason, status.message), default: 0] += 1 }
        }
        async let watched: Void = jobs.run()
        try await environments.run()
        try await watched
    }
}
