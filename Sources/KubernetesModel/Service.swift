/// A Service.
public struct Service: KubernetesObject, Equatable {
    public static let resource = ResourceType.services

    public var metadata: ObjectMeta
    public var spec: Spec?
    public var status: Status?

    public init(metadata: ObjectMeta, spec: Spec? = nil, status: Status? = nil) {
        self.metadata = metadata
        self.spec = spec
        self.status = status
    }

    public struct Spec: Codable, Sendable, Equatable {
        /// `ClusterIP`, `NodePort`, `LoadBalancer` or `ExternalName`.
        public var type: String?
        public var clusterIP: String?
        public var externalName: String?
        public var selector: [String: String]?
        public var ports: [Port]?

        public init(
            type: String? = nil, clusterIP: String? = nil, externalName: String? = nil, selector: [String: String]? = nil,
            ports: [Port]? = nil
        ) {
            self.type = type
            self.clusterIP = clusterIP
            self.externalName = externalName
            self.selector = selector
            self.ports = ports
        }
    }

    public struct Port: Codable, Sendable, Equatable {
        public var name: String?
        public var port: Int
        public var `protocol`: String?
        public var nodePort: Int?
        /// A number or the name of a container's port.
        public var targetPort: JSONValue?

        public init(name: String? = nil, port: Int, protocol: String? = nil, nodePort: Int? = nil, targetPort: JSONValue? = nil) {
            self.name = name
            self.port = port
            self.protocol = `protocol`
            self.nodePort = nodePort
            self.targetPort = targetPort
        }
    }

    public struct Status: Codable, Sendable, Equatable {
        public var loadBalancer: LoadBalancerStatus?

        public init(loadBalancer: LoadBalancerStatus? = nil) {
            self.loadBalancer = loadBalancer
        }
    }
}

/// Where a load balancer lets traffic in.
public struct LoadBalancerStatus: Codable, Sendable, Equatable {
    public var ingress: [Point]?

    public struct Point: Codable, Sendable, Equatable {
        public var ip: String?
        public var hostname: String?

        public init(ip: String? = nil, hostname: String? = nil) {
            self.ip = ip
            self.hostname = hostname
        }
    }

    public init(ingress: [Point]? = nil) {
        self.ingress = ingress
    }
}
