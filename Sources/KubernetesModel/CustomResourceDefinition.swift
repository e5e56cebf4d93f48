/// A CustomResourceDefinition.
public struct CustomResourceDefinition: KubernetesObject, Equatable {
    public static let resource = ResourceType.customResourceDefinitions

    public var metadata: ObjectMeta
    public var status: Status?

    public init(metadata: ObjectMeta, status: Status? = nil) {
        self.metadata = metadata
        self.status = status
    }

    public struct Status: Codable, Sendable, Equatable {
        public var conditions: [ObjectCondition]?

        public init(conditions: [ObjectCondition]? = nil) {
            self.conditions = conditions
        }
    }
}

extension CustomResourceDefinition {
    /// Whether the API server serves the kind.
    public var isEstablished: Bool { status?.conditions?[type: "Established"]?.isTrue == true }
}
