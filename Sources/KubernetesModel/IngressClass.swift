/// An IngressClass.
public struct IngressClass: KubernetesObject, Equatable {
    public static let resource = ResourceType.ingressClasses

    public var metadata: ObjectMeta
    public var spec: Spec?

    public init(metadata: ObjectMeta, spec: Spec? = nil) {
        self.metadata = metadata
        self.spec = spec
    }

    public struct Spec: Codable, Sendable, Equatable {
        public var controller: String?

        public init(controller: String? = nil) {
            self.controller = controller
        }
    }
}

extension IngressClass {
    /// Whether an Ingress that names no class gets this one.
    public var isDefault: Bool { metadata.annotations?["ingressclass.kubernetes.io/is-default-class"] == "true" }
}
