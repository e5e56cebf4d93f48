import AsyncHTTPClient
import ContainerRegistry
import Foundation
import KubernetesClient
import KubernetesModel
import KubernetesRuntime
import Logging
import NIOCore
import ObjectStore
import SeawayAPI
import SeawayPlan
import ServiceLifecycle
import SourceService

/// Puts the operator's parts together and runs them until it is told to stop.
struct OperatorService: ServiceLifecycle.Service {
    let options: OperatorCommand
    let logger: Logger

    func run() async throws {
        var configuration = HTTPClient.Configuration()
        configuration.timeout.read = .seconds(30)
        configuration.redirectConfiguration = .disallow
        let http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        let cluster = try KubernetesClient(configuration: ClusterConfiguration.inCluster(), logger: logger)
        do {
            try await run(http: http, cluster: cluster)
        } catch is CancellationError {
            logger.info("stopping")
        } catch {
            try? await cluster.shutdown()
            try? await http.shutdown()
            throw error
        }
        try await cluster.shutdown()
        try await http.shutdown()
    }

    private func run(http: HTTPClient, cluster: KubernetesClient) async throws {
        let variables = ProcessInfo.processInfo.environment
        let objects = try ObjectStoreURL(options.store).open(
            accessKey: variables["SEAWAY_S3_ACCESS_KEY"], secretKey: variables["SEAWAY_S3_SECRET_KEY"],
            sessionToken: variables["SEAWAY_S3_SESSION_TOKEN"], logger: logger)
        do {
            try await run(http: http, cluster: cluster, objects: objects)
        } catch {
            try? await objects.shutdown()
            throw error
        }
        try await objects.shutdown()
    }

    private func run(http: HTTPClient, cluster: KubernetesClient, objects: any ObjectStore) async throws {
        let certificates = try await ServingCertificateStore(cluster: cluster, namespace: options.namespace, logger: logger).current()
        let sources = SourceStore(objects: objects)
        let settings = options.settings(certificateAuthority: certificates.authorityPEM)
        let queue = WorkQueue<KubernetesModel.ObjectKey>()
        let view = ClusterView(cluster: cluster, logger: logger)
        view.wake { queue.add($0) }
        let slots = BuildSlots(limit: options.maxConcurrentBuilds)
        let registry = RegistryClient(address: options.registry, insecure: options.registryInsecure, http: http)
        let reconciler = Reconciler(
            settings: settings, view: view,
            lookUps: LookUps(
                cluster: cluster, sources: sources, registry: registry, slots: slots, http: http, ingressAddress: options.ingressAddress),
            effects: Effects(cluster: cluster, sources: sources, registry: registry),
            events: EventRecorder(client: cluster, component: "seaway"), slots: slots, wake: { queue.add($0) }, logger: logger)
        let server = SourceServer(
            configuration: .init(
                host: "0.0.0.0", port: options.port, certificateChainPEM: certificates.chainPEM, privateKeyPEM: certificates.keyPEM),
            store: sources,
            authenticate: { token in
                guard case .authenticated(_, _, let namespace, _) = try await cluster.reviewToken(token, audience: Names.audience) else { return nil }
                return namespace
            },
            readiness: { view.isReady }, logger: logger)

        logger.info("starting", metadata: ["workers": "\(options.workers)", "builds": "\(options.maxConcurrentBuilds)"])
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await view.run() }
            group.addTask { try await server.run() }
            group.addTask {
                try await view.waitUntilReady()
                // Builds that an earlier operator started keep their slots.
                for key in view.running { slots.hold(key) }
                logger.info("watching", metadata: ["environments": "\(view.environmentCount)"])
                await runWorkers(queue, count: options.workers) { await reconciler.reconcile($0) }
            }
            // None of them ends by itself: whichever does, takes the others along.
            defer {
                queue.shutDown()
                group.cancelAll()
            }
            try await group.next()
        }
    }
}
