/// A PersistentVolumeClaim.
public struct PersistentVolumeClaim: KubernetesObject, Equatable {
    public static let resource = ResourceType.persistentVolumeClaims

    public var metadata: ObjectMeta
    public var spec: Spec?
    public var status: Status?

    public init(metadata: ObjectMeta, spec: Spec? = nil, status: Status? = nil) {
        self.metadata = metadata
        self.spec = spec
        self.status = status
    }

    public struct Spec: Codable, Sendable, Equatable {
        public var storageClassName: String?
        public var volumeName: String?

        public init(storageClassName: String? = nil, volumeName: String? = nil) {
            self.storageClassName = storageClassName
            self.volumeName = volumeName
        }
    }

    public struct Status: Codable, Sendable, Equatable {
        /// `Pending`, `Bound` or `Lost`.
        public var phase: String?

        public init(phase: String? = nil) {
            self.phase = phase
        }
    }
}
