/// The addresses behind a Service.
public struct Endpoints: KubernetesObject, Equatable {
    public static let resource = ResourceType.endpoints

    public var metadata: ObjectMeta
    public var subsets: [Subset]?

    public init(metadata: ObjectMeta, subsets: [Subset]? = nil) {
        self.metadata = metadata
        self.subsets = subsets
    }

    public struct Subset: Codable, Sendable, Equatable {
        /// Ready ones.
        public var addresses: [Address]?
        public var notReadyAddresses: [Address]?
        public var ports: [Port]?

        public init(addresses: [Address]? = nil, notReadyAddresses: [Address]? = nil, ports: [Port]? = nil) {
            self.addresses = addresses
            self.notReadyAddresses = notReadyAddresses
            self.ports = ports
        }
    }

    public struct Address: Codable, Sendable, Equatable {
        public var ip: String
        public var targetRef: ObjectReference?

        public init(ip: String, targetRef: ObjectReference? = nil) {
            self.ip = ip
            self.targetRef = targetRef
        }
    }

    public struct Port: Codable, Sendable, Equatable {
        public var name: String?
        public var port: Int
        public var `protocol`: String?

        public init(name: String? = nil, port: Int, protocol: String? = nil) {
            self.name = name
            self.port = port
            self.protocol = `protocol`
        }
    }
}
