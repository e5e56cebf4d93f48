import SeawayAPI

/// What holds where neither the manifest nor the operator's options say otherwise. The resource's schema has no defaults of its own.
public enum OperatorDefaults {
    public static let cacheSize = "10Gi"
    /// Seconds.
    public static let buildDeadline = 1800
    /// A build that failed fails again, as a rule.
    public static let buildRetries = 0
    /// Seconds.
    public static let progressDeadline = 300
    /// Seconds.
    public static let patience = 120
    /// Seconds.
    public static let terminationGracePeriod = 10
}

/// How an operator was started: everything a plan may depend on besides the cluster's state.
public struct OperatorSettings: Sendable, Equatable {
    /// Address of the registry as build pods and the operator reach it: `host:port`.
    public var registry: String
    /// Address of the same registry as nodes pull from it.
    public var registryPull: String
    /// Whether the registry speaks plain HTTP.
    public var registryInsecure: Bool
    /// Whether builds reach the registry through a container of their pod and the operator, which signs in for them or trusts a
    /// certificate authority that builders do not know.
    public var registryGateway = false
    /// Whether pods name the Secret `Names.pullSecret`, with which nodes pull their images.
    public var pullSecret = false
    /// Images of the builders.
    public var builderImages: BuilderImages
    /// The builder of manifests that name none.
    public var builder = Builder.buildah
    /// Seaway's own image, for the init container of build pods.
    public var seawayImage: String
    /// Where build pods reach the source API.
    public var endpoint: String
    /// The CA that signed the source API's certificate, PEM. Public, so it may stand in a pod's environment.
    public var certificateAuthority: String
    /// Class of Ingresses whose manifest names none; `nil` leaves it to the cluster's default class.
    public var ingressClass: String?
    /// Ingress hosts are `NAME.NAMESPACE.DOMAIN`; `nil` routes every host.
    public var ingressDomain: String?
    /// Port in printed URLs, where it is not the scheme's own.
    public var ingressPort: Int?
    /// `host:port` of the ingress controller as pods reach it; with it a URL is checked before it is called ready.
    public var ingressAddress: String?
    /// Size of the volume that keeps the layer cache.
    public var cacheSize = OperatorDefaults.cacheSize
    /// Seconds after which a build is ended.
    public var buildDeadline = OperatorDefaults.buildDeadline
    /// How often a failed build is tried again by itself, where a manifest does not say.
    public var buildRetries = OperatorDefaults.buildRetries
    /// Seconds after which a rollout that makes no progress has failed.
    public var progressDeadline = OperatorDefaults.progressDeadline
    /// Seconds that the registry and the object store may be away before a revision that needs them has failed.
    public var patience = OperatorDefaults.patience
    /// Seconds that an application gets to stop once it was asked to.
    public var terminationGracePeriod = OperatorDefaults.terminationGracePeriod
    /// How a pod that leaves goes on serving until proxies have heard of it; `nil` stops applications at once.
    public var drain: Drain?

    /// Whether the cluster has the field `appArmorProfile`, from 1.30 on. Older API servers refuse it and know an annotation instead,
    /// which 1.36 stops reading (KEP-24).
    public var hasAppArmorField = false

    /// What keeps a container from being stopped for a while, whatever is in its image.
    public struct Drain: Sendable, Equatable {
        public enum Method: Sendable, Equatable {
            /// The `sleep` action of Kubernetes 1.30 and later (KEP-3960).
            case sleep
            /// A request that the node sends to the operator, which answers it after these seconds. It works on every version.
            case request(host: String, port: Int)
        }

        public var seconds: Int
        public var method: Method

        public init(seconds: Int, method: Method) {
            self.seconds = seconds
            self.method = method
        }
    }

    func builder(of spec: EnvironmentSpec) -> Builder {
        spec.build?.builder.flatMap(Builder.init(rawValue:)) ?? builder
    }

    public init(
        registry: String, registryPull: String, registryInsecure: Bool, builderImage: String, seawayImage: String, endpoint: String,
        certificateAuthority: String, ingressClass: String? = nil, ingressDomain: String? = nil, ingressPort: Int? = nil,
        ingressAddress: String? = nil
    ) {
        self.registry = registry
        self.registryPull = registryPull
        self.registryInsecure = registryInsecure
        self.builderImages = BuilderImages(buildah: builderImage)
        self.seawayImage = seawayImage
        self.endpoint = endpoint
        self.certificateAuthority = certificateAuthority
        self.ingressClass = ingressClass
        self.ingressDomain = ingressDomain
        self.ingressPort = ingressPort
        self.ingressAddress = ingressAddress
    }
}
