import ArgumentParser
import AsyncHTTPClient
import ContainerRegistry
import Foundation
import KubernetesClient
import KubernetesModel
import KubernetesRuntime
import Logging
import NIOCore
import ObjectStore
import RegistryGateway
import SeawayAPI
import SeawayPlan
import ServiceLifecycle
import SourceService

/// Puts the operator's parts together and runs them until it is told to stop.
struct OperatorService: ServiceLifecycle.Service {
    let options: OperatorCommand
    let logger: Logger

    func run() async throws {
        let registryConfiguration = try registryConfiguration()
        var settings = HTTPClient.Configuration()
        settings.timeout.read = .seconds(30)
        settings.redirectConfiguration = .disallow
        let http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
        let images = HTTPClient(eventLoopGroupProvider: .singleton, configuration: registryConfiguration)
        let configuration = try options.kubeconfig.map { try ClusterConfiguration.load(kubeconfig: $0) } ?? .inCluster()
        let cluster = try KubernetesClient(configuration: configuration, logger: logger)
        do {
            try await run(http: http, registry: registry(images), cluster: cluster)
        } catch is CancellationError {
            logger.info("stopping")
        } catch {
            try? await cluster.shutdown()
            try? await http.shutdown()
            try? await images.shutdown()
            throw error
        }
        try await cluster.shutdown()
        try await http.shutdown()
        try await images.shutdown()
    }

    private func registryConfiguration() throws -> HTTPClient.Configuration {
        let authority = try options.registryCA.map { path in
            guard let bytes = FileManager.default.contents(atPath: path) else {
                throw ValidationError("--registry-ca: \(path) cannot be read")
            }
            return Array(bytes)
        }
        var configuration = try RegistryClient.httpConfiguration(certificateAuthority: authority)
        // Images of several builds at once pass through; a registry may take minutes to finish an upload, and says nothing meanwhile.
        // A builder moves half a dozen layers at once; looking up images must not wait for them.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = max(64, 16 * options.maxConcurrentBuilds)
        configuration.timeout.read = .minutes(5)
        return configuration
    }

    private func registry(_ http: HTTPClient) throws -> RegistryClient {
        let file = options.registryConfig
        // Said at the start, not by the first build.
        for file in [file, options.registryPullConfig].compactMap(\.self) { _ = try RegistryCredentials(file: file) }
        return RegistryClient(
            address: options.registry, insecure: options.registryInsecure,
            credentials: try file.map { try RegistryCredentials(file: $0) } ?? RegistryCredentials(), http: http)
    }

    private func run(http: HTTPClient, registry: RegistryClient, cluster: KubernetesClient) async throws {
        let variables = ProcessInfo.processInfo.environment
        let objects = try ObjectStoreURL(options.store).open(
            accessKey: variables["SEAWAY_S3_ACCESS_KEY"], secretKey: variables["SEAWAY_S3_SECRET_KEY"],
            sessionToken: variables["SEAWAY_S3_SESSION_TOKEN"], certificateAuthority: variables["SEAWAY_S3_CA"], logger: logger)
        do {
            try await run(http: http, registry: registry, cluster: cluster, objects: objects)
        } catch {
            try? await objects.shutdown()
            throw error
        }
        try await objects.shutdown()
    }

    private func run(http: HTTPClient, registry: RegistryClient, cluster: KubernetesClient, objects: any ObjectStore) async throws {
        let certificates = try await ServingCertificateStore(cluster: cluster, namespace: options.namespace, logger: logger).current()
        let sources = SourceStore(objects: objects)
        var settings = options.settings(certificateAuthority: certificates.authorityPEM)
        let version = try await cluster.serverVersion()
        // The sleep action and this field are both on by default from 1.30 on.
        settings.hasAppArmorField = KubernetesVersion.isAtLeast(1, 30, version)
        settings.drain = try await drain(cluster, version)
        let view = ClusterView(cluster: cluster, logger: logger)
        let queue = WorkQueue<KubernetesModel.ObjectKey>()
        view.wake { queue.add($0) }
        let office = Office()
        let metrics = OperatorMetrics()
        let slots = BuildSlots(limit: options.maxConcurrentBuilds)
        let isReady: @Sendable () -> Bool = { view.isReady && office.isLeading }
        let server = SourceServer(
            configuration: .init(
                host: "0.0.0.0", port: options.port, certificateChainPEM: certificates.chainPEM, privateKeyPEM: certificates.keyPEM),
            store: sources,
            authenticate: { token in
                guard case .authenticated(_, _, let namespace, _) = try await cluster.reviewToken(token, audience: Names.audience) else { return nil }
                return namespace
            },
            registry: registry.check,
            routes: { [hasGateway = settings.registryGateway] router, authorizer in
                guard hasGateway else { return }
                RegistryRoutes(registry: registry, readable: options.registryReadable, isBuilding: view.isBuilding).add(to: router, authorizer)
            },
            // Uploads and removals are kept apart within one process, so requests reach the leader alone: a standby is not ready.
            readiness: isReady, observer: metrics.sourceObserver, logger: logger)
        let collector = SourceCollector(
            store: sources, inUse: { office.isLeading ? view.revisionsInUse(by: $0) : nil }, logger: logger)
        let plain = PlainServer(
            port: options.httpPort, isReady: isReady,
            metrics: { metrics.families(Self.gauges(queue, view, slots, office)) }, logger: logger)
        let election = LeaderElection(
            client: cluster, lease: KubernetesModel.ObjectKey(namespace: options.namespace, name: Self.lease),
            identity: options.identity ?? ProcessInfo.processInfo.hostName, logger: logger)

        logger.info("starting", metadata: ["workers": "\(options.workers)", "builds": "\(options.maxConcurrentBuilds)"])
        try await withThrowingTaskGroup(of: Void.self) { group in
            // A standby watches, too, so that it goes on at once.
            group.addTask { try await view.run() }
            group.addTask { try await server.run() }
            group.addTask { await view.followBuilds { queue.add($0) } }
            group.addTask { await collector.run() }
            group.addTask { try await plain.run() }
            group.addTask { [settings] in
                try await view.waitUntilReady()
                try await election.withLeadership { leadership in
                    office.take(leadership)
                    let guarded = cluster.guardingWrites { try leadership.check() }
                    await work(
                        queue, view, guarded, http, sources, registry, settings, slots, metrics, checkLeadership: { try leadership.check() })
                }
            }
            // None of them ends by itself: whichever does, takes the others along.
            defer {
                queue.shutDown()
                group.cancelAll()
            }
            try await group.next()
        }
    }

    /// Name of the Lease by which one of several operators leads.
    static let lease = "seaway-operator"

    private func work(
        _ queue: WorkQueue<KubernetesModel.ObjectKey>, _ view: ClusterView, _ cluster: KubernetesClient, _ http: HTTPClient,
        _ sources: SourceStore, _ registry: RegistryClient, _ settings: OperatorSettings, _ slots: BuildSlots, _ metrics: OperatorMetrics,
        checkLeadership: @escaping @Sendable () throws -> Void
    ) async {
        let pullSecret = options.registryPullConfig.map { file in
            PullSecret(file: file, cluster: cluster, environments: { view.environmentsByNamespace })
        }
        // Builds that an earlier operator started keep their slots.
        for key in view.running { slots.hold(key) }
        let reconciler = Reconciler(
            settings: settings, view: view,
            lookUps: LookUps(
                cluster: cluster, sources: sources, registry: registry, slots: slots, http: http, ingressAddress: options.ingressAddress,
                warnings: view.warnings),
            effects: Effects(
                cluster: cluster, sources: sources, registry: registry, pullSecret: pullSecret, checkLeadership: checkLeadership),
            events: EventRecorder(client: cluster, component: "seaway"), slots: slots, metrics: metrics, wake: { queue.add($0) }, logger: logger)
        logger.info("watching", metadata: ["environments": "\(view.environmentCount)"])
        await withDiscardingTaskGroup { group in
            if let pullSecret { group.addTask { await pullSecret.run(logger: logger) } }
            await runWorkers(queue, count: options.workers) { key in
                let began = ContinuousClock.now
                let result = await reconciler.reconcile(key)
                metrics.measure(.reconciles, .init("result", result.word), seconds: (ContinuousClock.now - began) / .seconds(1))
                return result
            }
            group.cancelAll()
        }
    }

    /// What is so now, for whoever scrapes it.
    private static func gauges(
        _ queue: WorkQueue<KubernetesModel.ObjectKey>, _ view: ClusterView, _ slots: BuildSlots, _ office: Office
    ) -> [Metric: [MetricFamily.Sample]] {
        let builds = slots.counts
        return [
            .leading: [.init(value: office.isLeading ? 1 : 0)], .workQueue: [.init(value: Double(queue.depth))],
            .buildsRunning: [.init(value: Double(builds.running))], .buildQueue: [.init(value: Double(builds.waiting))],
            .environments: view.environmentsByState.map { .init(labels: [.init("state", $0.state)], value: Double($0.count)) },
        ]
    }

    private func drain(_ cluster: KubernetesClient, _ version: String) async throws -> OperatorSettings.Drain? {
        let service = try await cluster.getIfPresent(KubernetesModel.Service.self, "seaway", namespace: options.namespace)
        let drain = PlainServer.drain(
            seconds: options.drainSeconds, version: version, address: service?.spec?.clusterIP, port: options.httpPort)
        if drain == nil, options.drainSeconds > 0 {
            logger.warning("pods that leave are stopped at once: the Service seaway has no address that nodes can ask to let them drain")
        }
        return drain
    }
}

extension WorkResult {
    fileprivate var word: String {
        switch self {
        case .done: "done"
        case .requeue: "requeue"
        case .retry: "retry"
        }
    }
}
