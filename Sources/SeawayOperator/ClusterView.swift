import KubernetesClient
import KubernetesModel
import KubernetesRuntime
import Logging
import SeawayAPI
import SeawayPlan

/// What the operator knows of the cluster: watched copies of Environments and of everything that Seaway made.
struct ClusterView: Sendable {
    private let environments: Informer<Environment>
    private let jobs: Informer<Job>
    private let deployments: Informer<Deployment>
    private let services: Informer<Service>
    private let ingresses: Informer<Ingress>
    private let claims: Informer<PersistentVolumeClaim>
    private let pods: Informer<Pod>
    private let events: Informer<Event>
    private let pushes: PushSignals

    init(cluster: KubernetesClient, logger: Logger) {
        let made = "\(Names.managedByLabel)=\(Names.managedByValue)"
        environments = Informer(client: cluster, logger: logger)
        jobs = Informer(client: cluster, labelSelector: made, logger: logger)
        deployments = Informer(client: cluster, labelSelector: made, logger: logger)
        services = Informer(client: cluster, labelSelector: made, logger: logger)
        ingresses = Informer(client: cluster, labelSelector: made, logger: logger)
        claims = Informer(client: cluster, labelSelector: made, logger: logger)
        pods = Informer(client: cluster, labelSelector: made, logger: logger)
        // Events have no labels; those about Environments are our own.
        events = Informer(client: cluster, fieldSelector: "type=Warning,involvedObject.kind!=\(Environment.resource.kind)", logger: logger)
        pushes = PushSignals(cluster: cluster, logger: logger)
    }

    /// Calls `handler` with the key of the Environment that a change belongs to. Before `run()`.
    func wake(_ handler: @escaping @Sendable (ObjectKey) -> Void) {
        environments.onChange { key, _, _ in handler(key) }
        func forward<Object: KubernetesObject>(_ informer: Informer<Object>) {
            informer.onChange { key, old, new in
                if let name = (new ?? old)?.metadata.labels?[Names.applicationLabel] {
                    handler(ObjectKey(namespace: key.namespace, name: name))
                }
            }
        }
        forward(jobs)
        forward(deployments)
        forward(services)
        forward(ingresses)
        forward(claims)
        forward(pods)
        pods.onChange { [pushes] _, old, new in pushes.changed(old, new) }
        events.onChange { [jobs, pods] _, _, new in
            guard let about = new?.involvedObject, let object = about.name else { return }
            let key = ObjectKey(namespace: about.namespace, name: object)
            let labels = about.kind == "Pod" ? pods.store.get(key)?.metadata.labels : about.kind == "Job" ? jobs.store.get(key)?.metadata.labels : nil
            if let name = labels?[Names.applicationLabel] { handler(ObjectKey(namespace: about.namespace, name: name)) }
        }
    }

    /// Follows the logs of builds until it is cancelled, and calls `handler` for each whose image is pushed.
    func followBuilds(wake handler: @escaping @Sendable (ObjectKey) -> Void) async {
        await pushes.run { pod in
            if let name = pod.metadata.labels?[Names.applicationLabel] { handler(ObjectKey(namespace: pod.namespace, name: name)) }
        }
    }

    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await environments.run() }
            group.addTask { try await jobs.run() }
            group.addTask { try await deployments.run() }
            group.addTask { try await services.run() }
            group.addTask { try await ingresses.run() }
            group.addTask { try await claims.run() }
            group.addTask { try await pods.run() }
            group.addTask { try await events.run() }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    func waitUntilReady() async throws {
        try await environments.store.waitUntilReady()
        try await jobs.store.waitUntilReady()
        try await deployments.store.waitUntilReady()
        try await services.store.waitUntilReady()
        try await ingresses.store.waitUntilReady()
        try await claims.store.waitUntilReady()
        try await pods.store.waitUntilReady()
        try await events.store.waitUntilReady()
    }

    var isReady: Bool {
        environments.store.isReady && jobs.store.isReady && deployments.store.isReady && services.store.isReady
            && ingresses.store.isReady && claims.store.isReady && pods.store.isReady && events.store.isReady
    }

    var environmentCount: Int { environments.store.count }

    /// How many Environments say which of their states; every state is there.
    var environmentsByState: [(state: String, count: Int)] {
        var counts = ["ready": 0, "reconciling": 0, "stalled": 0, "new": 0]
        for environment in environments.store.all() {
            let status = environment.status
            let isTrue = { (type: ConditionType) in status?.isTrue(type) == true }
            counts[isTrue(.ready) ? "ready" : isTrue(.reconciling) ? "reconciling" : isTrue(.stalled) ? "stalled" : "new", default: 0] += 1
        }
        return counts.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// The Environments of each namespace that has any.
    var environmentsByNamespace: [String: [Environment]] {
        Dictionary(grouping: environments.store.all()) { $0.namespace ?? "default" }
    }

    /// Environments whose build is on its way.
    var running: [ObjectKey] {
        jobs.store.all().filter { !$0.isFinished }.compactMap { job in
            job.metadata.labels?[Names.buildLabel].map { ObjectKey(namespace: job.namespace, name: $0) }
        }
    }

    /// What Kubernetes warned of an object, in no order.
    @Sendable func warnings(aboutUID uid: String) -> [Event] { events.store.list { $0.involvedObject?.uid == uid } }

    /// Whether the builder in a build pod still works, or may yet begin: a pod that is new may not have been heard of.
    func isBuilding(namespace: String, pod name: String) -> Bool {
        guard let pod = pods.store.get(ObjectKey(namespace: namespace, name: name)) else { return true }
        let build = pod.status?.containerStatuses?.first { $0.name == Names.buildContainer }
        return build?.state?.terminated == nil && pod.status?.phase != "Failed" && pod.status?.phase != "Succeeded"
    }

    /// - Returns: `nil` when there is no such Environment.
    func observe(_ key: ObjectKey, at now: Timestamp) -> Observed? {
        guard let environment = environments.store.get(key) else { return nil }
        var observed = Observed(now: now, environment: environment)
        let uid = environment.metadata.uid
        func owned<Object: KubernetesObject>(_ object: Object?) -> Object? {
            object.flatMap { $0.metadata.ownerReferences?.contains { $0.uid == uid } == true ? $0 : nil }
        }
        func named(_ name: String) -> ObjectKey { ObjectKey(namespace: key.namespace, name: name) }
        observed.job = owned(jobs.store.get(named(Names.buildJob(of: key.name))))
        observed.deployment = owned(deployments.store.get(key))
        observed.service = owned(services.store.get(key))
        observed.ingress = owned(ingresses.store.get(key))
        observed.cacheClaim = owned(claims.store.get(named(Names.buildCache(of: key.name))))
        let pods = pods.store.index(by: Names.applicationLabel, key.name, namespace: key.namespace)
        observed.pods = pods.filter { $0.metadata.labels?[Names.environmentLabel] == key.name }
        // Pods of a deleted Job live on for a moment under the same label.
        observed.buildPods = pods.filter { $0.metadata.labels?[Names.buildLabel] == key.name }
        observed.pushedPods = Set(observed.buildPods.filter(pushes.hasPushed).compactMap(\.metadata.uid))
        return observed
    }
}
