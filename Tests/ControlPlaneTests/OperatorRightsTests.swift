import AsyncHTTPClient
import ContainerRegistry
import Foundation
import InstallManifests
import KubernetesClient
import KubernetesModel
import KubernetesRuntime
import Logging
import ObjectStore
import SeawayAPI
import SourceService
import Testing

@testable import SeawayOperator
@testable import SeawayPlan

/// The operator's parts at work as its ServiceAccount on a real API server: what it asks for is exactly what config/rbac gives it.
@Suite(.enabled(if: ControlPlane.isWanted), .timeLimit(.minutes(10))) struct OperatorRightsTests {
    private static let system = Names.systemNamespace

    /// Rights that no request names: the API server asks for this one when an owner reference blocks the owner's deletion.
    private static let implied: Set<Right> = [Right(verb: "update", group: "seaway.ctx.sh", resource: "environments/finalizers")]

    @Test func `the operator has every right that it uses, and uses every right that it has`() async throws {
        let admin = try ControlPlane.configuration()
        var configuration = admin
        configuration.credentials.impersonation = .init(
            user: "system:serviceaccount:\(Self.system):seaway",
            groups: ["system:serviceaccounts", "system:serviceaccounts:\(Self.system)", "system:authenticated"])
        let transport = try RecordingTransport(configuration)
        let given = try rightsGiven()
        try await ControlPlane.withClient(admin) { root in
            try await install(root)
            try await ControlPlane.withClient(transport.client(configuration)) { cluster in
                try await lead(cluster, root)
                try await serveSources(cluster, root)
                try await watch(cluster, transport)
                try await ControlPlane.withNamespace(root) { namespace in
                    try await work(cluster, root, namespace)
                }
            }
        }
        let used = transport.rights
        #expect(used.subtracting(given).sorted() == [], "used, and not given")
        #expect(given.subtracting(used).subtracting(Self.implied).sorted() == [], "given, and never used")
        // What is asked for is asked of APIs that stay.
        #expect(try KubernetesVersions.load().problems(of: transport.resources) == [])
    }

    /// What the roles of config/rbac that are bound to the operator give it.
    private func rightsGiven() throws -> Set<Right> {
        var rights: Set<Right> = []
        for object in try roles() where object["kind"] == "ClusterRole" || object["kind"] == "Role" {
            for rule in object["rules"]?.arrayValue ?? [] {
                func words(_ key: String) -> [String] { rule[key]?.arrayValue?.compactMap(\.stringValue) ?? [] }
                for group in words("apiGroups") {
                    for resource in words("resources") {
                        for verb in words("verbs") { rights.insert(Right(verb: verb, group: group, resource: resource)) }
                    }
                }
            }
        }
        #expect(!rights.contains { [$0.verb, $0.resource, $0.group].contains("*") })
        return rights
    }

    private func roles() throws -> [JSONValue] {
        var options = InstallOptions()
        options.registry = "registry.example:5000"
        options.registryPullSecret = "pull"
        return try InstallManifests.objects(options).filter { object in
            object["metadata"]?["name"] == "seaway" && object["apiVersion"]?.stringValue?.hasPrefix("rbac.") == true
        }
    }

    private func install(_ root: KubernetesClient) async throws {
        try await ControlPlane.installEnvironments(root, try #require(try InstallManifests.customResourceDefinition()))
        let namespace: JSONValue = ["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(Self.system)]]
        for object in [namespace] + (try roles()) { _ = try await root.apply(object, fieldManager: "seactl", force: true) }
    }

    // MARK: What the operator does

    private func lead(_ cluster: KubernetesClient, _ root: KubernetesClient) async throws {
        try await root.delete(.leases, name: OperatorService.lease, namespace: Self.system)
        let election = LeaderElection(
            client: cluster, lease: KubernetesModel.ObjectKey(namespace: Self.system, name: OperatorService.lease), identity: "rights")
        try await election.withLeadership { leadership in try leadership.check() }
    }

    private func serveSources(_ cluster: KubernetesClient, _ root: KubernetesClient) async throws {
        let store = ServingCertificateStore(cluster: cluster, namespace: Self.system, logger: Logger(label: "test"))
        try await root.delete(.secrets, name: "seaway-serving", namespace: Self.system)
        let made = try await store.current()
        // One that is about to expire is replaced.
        _ = try await root.mergePatch(.secrets, ["data": ["tls.crt": ""]], name: "seaway-serving", namespace: Self.system)
        #expect(try await store.current().keyPEM != made.keyPEM)
        guard case .refused = try await cluster.reviewToken("of nobody", audience: Names.audience) else {
            Issue.record("a token of nobody is one")
            return
        }
        _ = try await cluster.serverVersion()
    }

    private func watch(_ cluster: KubernetesClient, _ transport: RecordingTransport) async throws {
        let view = ClusterView(cluster: cluster, logger: Logger(label: "test"))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await view.run() }
            try await view.waitUntilReady()
            // A list comes first, so a watch that is not there yet is under way.
            let deadline = ContinuousClock.now + .seconds(20)
            while transport.rights.count(where: { $0.verb == "watch" }) < transport.rights.count(where: { $0.verb == "list" }),
                ContinuousClock.now < deadline
            {
                try await Task.sleep(for: .milliseconds(50))
            }
            group.cancelAll()
        }
    }

    private func work(_ cluster: KubernetesClient, _ root: KubernetesClient, _ namespace: String) async throws {
        _ = try await root.mergePatch(
            .namespaces, ["metadata": ["labels": [Names.createdNamespaceLabel: "true"]]], name: namespace, namespace: nil)
        var spec = EnvironmentSpec(revision: String(repeating: "a", count: 64))
        spec.ports = [.init(name: "http", port: 8080)]
        var ingress = EnvironmentSpec.Ingress()
        ingress.enabled = true
        spec.network = .init(ingress: ingress)
        spec.ttlSeconds = 1
        let wanted = Environment(metadata: ObjectMeta(name: "shop", namespace: namespace), spec: spec)
        _ = try await root.create(try JSONValue(encoding: wanted).droppingNulls)

        let http = HTTPClient(eventLoopGroupProvider: .singleton)
        let objects = DirectoryObjectStore(root: FileManager.default.temporaryDirectory.appending(path: namespace).path)
        let sources = SourceStore(objects: objects)
        // Nobody listens there; registries have no part in this.
        let registry = RegistryClient(address: "127.0.0.1:9", insecure: true, http: http)
        func environment() async throws -> Environment { try await root.get(Environment.self, "shop", namespace: namespace) }
        let login = FileManager.default.temporaryDirectory.appending(path: "\(namespace).json")
        try Data(#"{"auths": {"registry.example:5000": {"auth": "bWU6aGlkZGVu"}}}"#.utf8).write(to: login)
        defer { try? FileManager.default.removeItem(at: login) }
        let owner = try await environment()
        let pullSecret = PullSecret(file: login.path, cluster: cluster, environments: { [namespace: [owner]] })
        let effects = Effects(cluster: cluster, sources: sources, registry: registry, pullSecret: pullSecret, checkLeadership: {})
        func perform(_ actions: Action...) async throws {
            for action in actions { #expect(await effects.perform(action, on: try environment()) == .done, "\(action)") }
        }

        try await perform(.addFinalizer)
        let rendering = Rendering(environment: try await environment(), digest: String(repeating: "b", count: 64), settings: settings)
        let applied: [(ResourceType, JSONValue?)] = [
            (.persistentVolumeClaims, rendering.cacheClaim), (.jobs, rendering.buildJob(cache: .volume)), (.deployments, rendering.deployment),
            (.services, rendering.service), (.ingresses, rendering.ingress),
        ]
        for (type, object) in applied {
            let object = try #require(object)
            try await perform(.apply(object, type: type, creates: true), .apply(object, type: type, creates: false))
        }
        var status = EnvironmentStatus()
        status.stage = "Building"
        _ = try await effects.write(status, of: try await environment())

        let lookUps = LookUps(
            cluster: cluster, sources: sources, registry: registry, slots: BuildSlots(limit: 1), http: http, ingressAddress: nil,
            warnings: { _ in [] })
        for question in [Question.defaultStorageClass, .log(pod: "none", container: "build", previous: false), .objectsLeft] {
            _ = await lookUps.answer(question, about: try await environment())
        }
        // The same happening, told by this process twice and by the next one once more.
        for recorder in [EventRecorder(client: cluster, component: "seaway"), EventRecorder(client: cluster, component: "seaway")] {
            for _ in 1...2 { await recorder.record(.normal, reason: "Building", message: "m", about: ObjectReference(try await environment())) }
        }

        for (type, object) in applied {
            let name = try #require(object?["metadata"]?["name"]?.stringValue)
            let live = try await root.send(.get(type, name: name, namespace: namespace), as: JSONValue.self)
            try await perform(.delete(type, name: name, uid: live["metadata"]?["uid"]?.stringValue ?? ""))
        }
        try await perform(.deleteEnvironment)
        let answer = await lookUps.answer(.objectsLeft, about: try await environment())
        #expect(answer == .yes || answer == .no, "\(answer)")
        try await perform(.removeNamespace)
        try await ControlPlane.wait(root, Namespace.self, namespace, namespace: nil) { $0?.metadata.deletionTimestamp != nil || $0 == nil }
        try await perform(.removeFinalizer)
        try await http.shutdown()
    }

    private var settings: OperatorSettings {
        OperatorSettings(
            registry: "registry.example:5000", registryPull: "localhost:31555", registryInsecure: true, builderImage: "builder:1",
            seawayImage: "seaway:1", endpoint: "https://seaway.seaway-system.svc:8443", certificateAuthority: "PEM", ingressDomain: "localhost")
    }
}
