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
    @Option(help: "File with the registry's login, a config.json as 'docker login' writes it; read anew at each sign-in.")
    var registryConfig: String?
    @Option(help: "File with the certificate authority of the registry, PEM.")
    var registryCA: String?
    @Option(help: "Beginning of the names of repositories in the registry that builds may read for base images; may be given several times.")
    var registryReadable: [String] = []
    @Option(help: "File with a login that may pull, a config.json; a copy of it in each namespace lets nodes pull there.")
    var registryPullConfig: String?
    @Option(help: "Builder of manifests that name none: buildah, buildkit or kaniko.")
    var builder = Builder.buildah
    @Option(help: "Image of the builder buildah.")
    var builderImage: String
    @Option(help: "Image of the builder buildkit, rootless.")
    var buildkitImage = BuilderImages(buildah: "").buildkit
    @Option(help: "Image of the builder kaniko.")
    var kanikoImage = BuilderImages(buildah: "").kaniko
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
    var cacheSize = OperatorDefaults.cacheSize
    @Option(help: "Seconds after which a build is ended, where a manifest names no deadline.")
    var buildDeadline = OperatorDefaults.buildDeadline
    @Option(help: "How often a failed build is tried again by itself, where a manifest does not say.")
    var buildRetries = OperatorDefaults.buildRetries
    @Option(help: "Seconds after which a rollout without progress has failed.")
    var progressDeadline = OperatorDefaults.progressDeadline
    @Option(help: "Seconds that the registry and the object store may be away before what needs them has failed.")
    var patience = OperatorDefaults.patience
    @Option(help: "Seconds that an application gets to stop once it was asked to.")
    var terminationGracePeriod = OperatorDefaults.terminationGracePeriod
    @Option(help: "Seconds that a leaving pod serves on, until proxies have heard of it; 0 stops it at once.")
    var drainSeconds = 4
    @Option(help: "Environments worked on at once.")
    var workers = 8
    @Option(help: "Builds running at once.")
    var maxConcurrentBuilds = 4
    @Option(help: "Port of the source API.")
    var port = 8443
    @Option(help: "Port of /healthz, /readyz and /metrics, and of what nodes ask to let pods drain where Kubernetes is older than 1.30.")
    var httpPort = 8081
    @Option(help: "Name of this process among those that may lead (default: the pod's name).")
    var identity: String?
    @Option(help: "Run outside of a pod, as the user of this kubeconfig: for development.")
    var kubeconfig: String?
    @Option(help: "trace, debug, info, warning or error.")
    var logLevel = "info"

    func validate() throws {
        guard Logger.Level(rawValue: logLevel) != nil else { throw ValidationError("--log-level: '\(logLevel)' is no level") }
        guard workers > 0, maxConcurrentBuilds > 0 else { throw ValidationError("--workers and --max-concurrent-builds are at least 1") }
        if registryInsecure, registryCA != nil {
            throw ValidationError("--registry-ca is given, but --registry-insecure says that the registry does not speak TLS")
        }
        guard buildDeadline > 0, buildRetries >= 0, progressDeadline > 3, patience > 0, terminationGracePeriod >= 0 else {
            throw ValidationError(
                "--build-deadline and --patience are at least 1, --progress-deadline at least 4, --build-retries and --termination-grace-period at least 0"
            )
        }
        guard (0...PlainServer.longestDrain).contains(drainSeconds) else {
            throw ValidationError("--drain-seconds: \(drainSeconds) is not between 0 and \(PlainServer.longestDrain)")
        }
    }

    func run() async throws {
        let level = Logger.Level(rawValue: logLevel) ?? .info
        // Also what libraries log on their own account is written in this form.
        LoggingSystem.bootstrap { LogfmtHandler(label: $0, level: level) }
        let logger = Logger(label: "seaway.operator")
        do {
            let program = OperatorService(options: self, logger: logger)
            try await ServiceGroup(services: [program], cancellationSignals: [.sigterm, .sigint], logger: logger).run()
        } catch {
            logger.critical("ended", metadata: ["error": "\(error)"])
            throw ExitCode.failure
        }
    }

    func settings(certificateAuthority: String) -> OperatorSettings {
        var settings = OperatorSettings(
            registry: registry, registryPull: registryPull ?? registry, registryInsecure: registryInsecure, builderImage: builderImage,
            seawayImage: seawayImage, endpoint: endpoint ?? "https://seaway.\(namespace).svc:8443", certificateAuthority: certificateAuthority,
            ingressClass: ingressClass, ingressDomain: ingressDomain, ingressPort: ingressPort, ingressAddress: ingressAddress)
        settings.registryGateway = registryConfig != nil || registryCA != nil
        settings.pullSecret = registryPullConfig != nil
        settings.builder = builder
        settings.builderImages.buildkit = buildkitImage
        settings.builderImages.kaniko = kanikoImage
        settings.cacheSize = cacheSize
        settings.buildDeadline = buildDeadline
        settings.buildRetries = buildRetries
        settings.progressDeadline = progressDeadline
        settings.patience = patience
        settings.terminationGracePeriod = terminationGracePeriod
        return settings
    }
}

extension Builder: ExpressibleByArgument {}
