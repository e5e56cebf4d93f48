/// A pod, as far as its fate can be read off it.
public struct Pod: KubernetesObject, Equatable {
    public static let resource = ResourceType.pods

    public var metadata: ObjectMeta
    public var spec: Spec?
    public var status: Status?

    public init(metadata: ObjectMeta, spec: Spec? = nil, status: Status? = nil) {
        self.metadata = metadata
        self.spec = spec
        self.status = status
    }

    public struct Spec: Codable, Sendable, Equatable {
        public var nodeName: String?
        public var serviceAccountName: String?
        public var restartPolicy: String?
        public var containers: [Container]?
        public var initContainers: [Container]?

        public init(
            nodeName: String? = nil, serviceAccountName: String? = nil, restartPolicy: String? = nil, containers: [Container]? = nil,
            initContainers: [Container]? = nil
        ) {
            self.nodeName = nodeName
            self.serviceAccountName = serviceAccountName
            self.restartPolicy = restartPolicy
            self.containers = containers
            self.initContainers = initContainers
        }
    }

    public struct Container: Codable, Sendable, Equatable {
        public var name: String
        public var image: String?

        public init(name: String, image: String? = nil) {
            self.name = name
            self.image = image
        }
    }

    public struct Status: Codable, Sendable, Equatable {
        /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
        public var phase: String?
        public var reason: String?
        public var message: String?
        public var podIP: String?
        public var startTime: Timestamp?
        public var conditions: [ObjectCondition]?
        public var initContainerStatuses: [ContainerStatus]?
        public var containerStatuses: [ContainerStatus]?

        public init(
            phase: String? = nil, reason: String? = nil, message: String? = nil, podIP: String? = nil, startTime: Timestamp? = nil,
            conditions: [ObjectCondition]? = nil, initContainerStatuses: [ContainerStatus]? = nil,
            containerStatuses: [ContainerStatus]? = nil
        ) {
            self.phase = phase
            self.reason = reason
            self.message = message
            self.podIP = podIP
            self.startTime = startTime
            self.conditions = conditions
            self.initContainerStatuses = initContainerStatuses
            self.containerStatuses = containerStatuses
        }
    }
}
