/// An Ingress.
public struct Ingress: KubernetesObject, Equatable {
    public static let resource = ResourceType.ingresses

    public var metadata: ObjectMeta
    public var spec: Spec?
    public var status: Status?

    public init(metadata: ObjectMeta, spec: Spec? = nil, status: Status? = nil) {
        self.metadata = metadata
        self.spec = spec
        self.status = status
    }

    public struct Spec: Codable, Sendable, Equatable {
        public var ingressClassName: String?
        public var rules: [Rule]?
        public var tls: [TLS]?

        public init(ingressClassName: String? = nil, rules: [Rule]? = nil, tls: [TLS]? = nil) {
            self.ingressClassName = ingressClassName
            self.rules = rules
            self.tls = tls
        }
    }

    public struct Rule: Codable, Sendable, Equatable {
        public var host: String?

        public init(host: String? = nil) {
            self.host = host
        }
    }

    public struct TLS: Codable, Sendable, Equatable {
        public var hosts: [String]?
        public var secretName: String?

        public init(hosts: [String]? = nil, secretName: String? = nil) {
            self.hosts = hosts
            self.secretName = secretName
        }
    }

    public struct Status: Codable, Sendable, Equatable {
        public var loadBalancer: LoadBalancerStatus?

        public init(loadBalancer: LoadBalancerStatus? = nil) {
            self.loadBalancer = loadBalancer
        }
    }
}
