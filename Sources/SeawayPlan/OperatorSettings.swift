/// How an operator was started: everything a plan may depend on besides the cluster's state.
public struct OperatorSettings: Sendable, Equatable {
    /// Address of the registry as build pods and the operator reach it: `host:port`.
    public var registry: String
    /// Address of the same registry as nodes pull from it.
    public var registryPull: String
    /// Whether the registry speaks plain HTTP.
    public var registryInsecure: Bool
    /// Image of the default builder.
    public var builderImage: String
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
    public var cacheSize: String = "10Gi"
    /// Seconds after which a build is ended.
    public var buildDeadline: Int = 1800
    /// Seconds after which a rollout that makes no progress has failed.
    public var progressDeadline: Int = 300
    /// Seconds that a pod gets to stop.
    public var terminationGracePeriod: Int = 10

    public init(
        registry: String, registryPull: String, registryInsecure: Bool, builderImage: String, seawayImage: String, endpoint: String,
        certificateAuthority: String, ingressClass: String? = nil, ingressDomain: String? = nil, ingressPort: Int? = nil,
        ingressAddress: String? = nil
    ) {
        self.registry = registry
        self.registryPull = registryPull
        self.registryInsecure = registryInsecure
        self.builderImage = builderImage
        self.seawayImage = seawayImage
        self.endpoint = endpoint
        self.certificateAuthority = certificateAuthority
        self.ingressClass = ingressClass
        self.ingressDomain = ingressDomain
        self.ingressPort = ingressPort
        self.ingressAddress = ingressAddress
    }
}
