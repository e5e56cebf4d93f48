/// A namespace.
public struct Namespace: KubernetesObject, Equatable {
    public static let resource = ResourceType.namespaces

    public var metadata: ObjectMeta
    public var status: Status?

    public init(metadata: ObjectMeta, status: Status? = nil) {
        self.metadata = metadata
        self.status = status
    }

    public struct Status: Codable, Sendable, Equatable {
        /// `Active` or `Terminating`.
        public var phase: String?

        public init(phase: String? = nil) {
            self.phase = phase
        }
    }
}
