/// A StatefulSet.
public struct StatefulSet: KubernetesObject, Equatable {
    public static let resource = ResourceType.statefulSets

    public var metadata: ObjectMeta
    public var spec: Spec?
    public var status: Status?

    public init(metadata: ObjectMeta, spec: Spec? = nil, status: Status? = nil) {
        self.metadata = metadata
        self.spec = spec
        self.status = status
    }

    public struct Spec: Codable, Sendable, Equatable {
        public var replicas: Int?
        public var selector: LabelSelector?

        public init(replicas: Int? = nil, selector: LabelSelector? = nil) {
            self.replicas = replicas
            self.selector = selector
        }
    }

    public struct Status: Codable, Sendable, Equatable {
        public var observedGeneration: Int?
        public var replicas: Int?
        public var updatedReplicas: Int?
        public var readyReplicas: Int?
        public var currentRevision: String?
        public var updateRevision: String?
        public var conditions: [ObjectCondition]?

        public init(
            observedGeneration: Int? = nil, replicas: Int? = nil, updatedReplicas: Int? = nil, readyReplicas: Int? = nil,
            currentRevision: String? = nil, updateRevision: String? = nil, conditions: [ObjectCondition]? = nil
        ) {
            self.observedGeneration = observedGeneration
            self.replicas = replicas
            self.updatedReplicas = updatedReplicas
            self.readyReplicas = readyReplicas
            self.currentRevision = currentRevision
            self.updateRevision = updateRevision
            self.conditions = conditions
        }
    }
}
