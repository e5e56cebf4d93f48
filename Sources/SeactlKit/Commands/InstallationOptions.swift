import ArgumentParser
import Foundation
import InstallManifests
import KubernetesModel

/// How Seaway is installed.
struct InstallationOptions: ParsableArguments {
    @Option(help: "Seaway's image (seaway:latest).")
    var image: String?
    @Option(help: "The image that builds run in (seaway-builder:latest).")
    var builderImage: String?
    @Option(help: "The registry, host:port, as builds and the operator reach it; without it, one is installed.")
    var registry: String?
    @Option(help: "The same registry as nodes pull from it; default --registry.")
    var registryPull: String?
    @Flag(inversion: .prefixedNo, help: "The registry of --registry speaks plain HTTP.")
    var insecureRegistry: Bool?
    @Option(help: "The Secret in seaway-system, of type kubernetes.io/dockerconfigjson, with a login of --registry that may push.")
    var registrySecret: String?
    @Option(help: "The Secret in seaway-system, of the same type, with a login that may pull; nodes get it in the namespaces of environments.")
    var registryPullSecret: String?
    @Option(help: "A file with the certificate authority of --registry, PEM.")
    var registryCA: String?
    @Option(help: "Beginning of the names of repositories in --registry that builds may read for base images; may be given several times.")
    var registryReadable: [String] = []
    @Option(help: "The image of the registry that is installed (registry:2).")
    var registryImage: String?
    @Option(
        help: """
            Where sources are kept, and images of the installed registry: s3://BUCKET/PREFIX?endpoint=URL&region=REGION, or \
            file:///DIRECTORY (file:///var/lib/seaway).
            """)
    var store: String?
    @Option(help: "The StorageClass of the volumes; default the cluster's.")
    var storageClass: String?
    @Flag(inversion: .prefixedNo, help: "Keep sources and images only as long as the pods live: for clusters without volumes.")
    var ephemeral: Bool?
    @Option(help: "The class of Ingresses whose manifest names none.")
    var ingressClass: String?
    @Option(help: "Hosts of Ingresses are NAME.NAMESPACE.DOMAIN.")
    var ingressDomain: String?
    @Option(help: "The port in printed URLs, where it is not the scheme's own.")
    var ingressPort: Int?
    @Option(help: "The ingress controller, host:port, as pods reach it; with it, URLs are tried before they are called ready.")
    var ingressAddress: String?
    @Option(help: "How many environments the operator works on at once (8).")
    var workers: Int?
    @Option(help: "How many builds run at once in the cluster (4).")
    var maxConcurrentBuilds: Int?
    @Option(help: "Seconds after which a build is ended, where a manifest names no deadline (1800).")
    var buildDeadline: Int?
    @Option(help: "How often a failed build is tried again by itself, where a manifest does not say (0).")
    var buildRetries: Int?
    @Option(help: "Seconds after which a rollout without progress has failed (300).")
    var progressDeadline: Int?
    @Option(help: "Seconds that the registry and the object store may be away before what needs them has failed (120).")
    var patience: Int?
    @Option(help: "Seconds that an application gets to stop once it was asked to (10).")
    var terminationGracePeriod: Int?
    @Option(help: "Seconds that a leaving pod serves on, until proxies have heard of it; 0 stops it at once (4).")
    var drainSeconds: Int?
    @Option(help: "Size of the volume that keeps an environment's layer cache (10Gi).")
    var cacheSize: String?
    @Option(help: "The image that builds with `builder: buildkit` run in; default the release that this one was tried with.")
    var buildkitImage: String?
    @Option(help: "The same for `builder: kaniko`.")
    var kanikoImage: String?
    @Option(help: "What the operator logs: trace, debug, info, warning or error (info).")
    var logLevel: String?

    /// The content of the file of `--registry-ca`.
    /// - Throws: ``CommandFailure`` (2) when it cannot be read.
    func registryAuthority() throws -> String? { try registryCA.map(Self.text(ofFile:)) }

    /// These options, and what an earlier installation was made with where they do not say. What is about a registry does not count for
    /// another one.
    func merged(into remembered: InstallOptions, authority: String?) -> InstallOptions {
        var options = remembered
        if let registry, registry != remembered.registry {
            let plain = InstallOptions()
            options.registryPull = plain.registryPull
            options.insecureRegistry = plain.insecureRegistry
            options.registrySecret = plain.registrySecret
            options.registryPullSecret = plain.registryPullSecret
            options.registryCertificateAuthority = plain.registryCertificateAuthority
            options.registryReadable = plain.registryReadable
        }
        options.image = image ?? options.image
        options.builderImage = builderImage ?? options.builderImage
        options.registry = registry ?? options.registry
        options.registryPull = registryPull ?? options.registryPull
        options.insecureRegistry = insecureRegistry ?? options.insecureRegistry
        options.registrySecret = registrySecret ?? options.registrySecret
        options.registryPullSecret = registryPullSecret ?? options.registryPullSecret
        options.registryCertificateAuthority = authority ?? options.registryCertificateAuthority
        if !registryReadable.isEmpty { options.registryReadable = registryReadable }
        options.registryImage = registryImage ?? options.registryImage
        options.store = store ?? options.store
        options.storageClass = storageClass ?? options.storageClass
        options.ephemeral = ephemeral ?? options.ephemeral
        options.ingressClass = ingressClass ?? options.ingressClass
        options.ingressDomain = ingressDomain ?? options.ingressDomain
        options.ingressPort = ingressPort ?? options.ingressPort
        options.ingressAddress = ingressAddress ?? options.ingressAddress
        options.tuning.workers = workers ?? options.tuning.workers
        options.tuning.maxConcurrentBuilds = maxConcurrentBuilds ?? options.tuning.maxConcurrentBuilds
        options.tuning.buildDeadline = buildDeadline ?? options.tuning.buildDeadline
        options.tuning.buildRetries = buildRetries ?? options.tuning.buildRetries
        options.tuning.progressDeadline = progressDeadline ?? options.tuning.progressDeadline
        options.tuning.patience = patience ?? options.tuning.patience
        options.tuning.terminationGracePeriod = terminationGracePeriod ?? options.tuning.terminationGracePeriod
        options.tuning.drainSeconds = drainSeconds ?? options.tuning.drainSeconds
        options.tuning.cacheSize = cacheSize ?? options.tuning.cacheSize
        options.tuning.buildkitImage = buildkitImage ?? options.tuning.buildkitImage
        options.tuning.kanikoImage = kanikoImage ?? options.tuning.kanikoImage
        options.tuning.logLevel = logLevel ?? options.tuning.logLevel
        return options
    }

    /// - Throws: ``CommandFailure`` (2) for options that do not go together.
    static func objects(_ options: InstallOptions, credentials: InstallOptions.S3Credentials?) throws -> [JSONValue] {
        var options = options
        options.s3Credentials = options.store.hasPrefix("s3://") ? credentials : nil
        do {
            return try InstallManifests.objects(options)
        } catch let error as InstallError {
            throw CommandFailure(.badInput, error.description, next: ["`seactl install --help` explains the options"])
        }
    }

    private static func text(ofFile path: String) throws -> String {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw CommandFailure(.badInput, "--registry-ca: \(path) cannot be read", next: ["name a file with certificates in PEM form"])
        }
        return text
    }

    /// From the environment variables, the only place they are read from: arguments can be seen by other users.
    /// - Throws: ``CommandFailure`` (2) when only one of the two is set.
    static func credentials(in system: System) throws -> InstallOptions.S3Credentials? {
        let access = system.variables["SEAWAY_S3_ACCESS_KEY"] ?? ""
        let secret = system.variables["SEAWAY_S3_SECRET_KEY"] ?? ""
        if access.isEmpty, secret.isEmpty { return nil }
        guard !access.isEmpty, !secret.isEmpty else {
            throw CommandFailure(
                .badInput, "only one of SEAWAY_S3_ACCESS_KEY and SEAWAY_S3_SECRET_KEY is set",
                next: ["set both, or none to keep the Secret that is in the cluster"])
        }
        func optional(_ name: String) -> String? { system.variables[name].flatMap { $0.isEmpty ? nil : $0 } }
        return InstallOptions.S3Credentials(
            accessKey: access, secretKey: secret, sessionToken: optional("SEAWAY_S3_SESSION_TOKEN"),
            certificateAuthority: optional("SEAWAY_S3_CA"))
    }
}
