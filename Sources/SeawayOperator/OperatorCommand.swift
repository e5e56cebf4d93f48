import ArgumentParser
import KubernetesClient
import Logging
import ObjectStore
import SeawayAPI
import SeawayPlan
import ServiceLifecycle
import UnixSignals

/// `seaway operator`
struct OperatorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "operator", abstract: "Run the operator: watch Environments, take in sources, build, deploy.")

    @Option(help: "Where sources are kept: s3://BUCKET/PREFIX?endpoint=URL&region=REGION or file:///DIRECTORY.")
    var store: String
    @Option(help: "Registry as build pods and the operator reach it (host:port).")
    var registry: String
    @Option(help: "The same registry as nodes pull from it (default: --registry).")
    var registryPull: String?
    @Flag(help: "The registry speaks plain HTTP.")
    var registryInsecure = false
    @Option(help: "Image of the builder (buildah).")
    var builderImage: String
    @Option(help: "Seaway's own image, for the init container of build pods.")
    var seawayImage: String
    @Option(help: "Namespace that the operator runs in.")
    var namespace = Names.systemNamespace
    @Option(help: "Where build pods reach the source API.")
    var endpoint: String?
    @Option(help: "Ingress class where a manifest names none (default: the cluster's).")
    var ingressClass: String?
    @Option(help: "Ingress hosts are NAME.NAMESPACE.DOMAIN.")
    var ingressDomain: String?
    @Option(help: "Port in printed URLs (default: the scheme's).")
    var ingressPort: Int?
    @Option(help: "host:port of the ingress controller as pods reach it, to check that a URL answers.")
    var ingressAddress: String?
    @Option(help: "Size of the volume that keeps an environment's layer cache.")
    var cacheSize = "10Gi"
    @Option(help: "Seconds after which a build is ended.")
    var buildDeadline = 1800
    @Option(help: "Environments worked on at once.")
    var workers = 8
    @Option(help: "Builds running at once.")
    var maxConcurrentBuilds = 4
    @Option(help: "Port of the source API.")
    var port = 8443
    @Option(help: "trace, debug, info, warning or error.")
    var logLevel = "info"

    func validate() throws {
        guard Logger.Level(rawValue: logLevel) != nil else { throw ValidationError("--log-level: '\(logLevel)' is no level") }
        guard workers > 0, maxConcurrentBuilds > 0 else { throw ValidationError("--workers and --max-concurrent-builds are at least 1") }
    }

    func run() async throws {
        var logger = Logger(label: "seaway.operator", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = Logger.Level(rawValue: logLevel) ?? .info
        let options = self
        let program = OperatorService(options: options, logger: logger)
        try await ServiceGroup(services: [program], cancellationSignals: [.sigterm, .sigint], logger: logger).run()
    }

    func settings(certificateAuthority: String) -> OperatorSettings {
        var settings = OperatorSettings(
            registry: registry, registryPull: registryPull ?? registry, registryInsecure: registryInsecure, builderImage: builderImage,
            seawayImage: seawayImage, endpoint: endpoint ?? "https://seaway.\(namespace).svc:8443", certificateAuthority: certificateAuthority,
            ingressClass: ingressClass, ingressDomain: ingressDomain, ingressPort: ingressPort, ingressAddress: ingressAddress)
        settings.cacheSize = cacheSize
        settings.buildDeadline = buildDeadline
        return settings
    }
}
