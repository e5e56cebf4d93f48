/// A Job.
public struct Job: KubernetesObject, Equatable {
    public static let resource = ResourceType.jobs

    public var metadata: ObjectMeta
    public var spec: Spec?
    public var status: Status?

    public init(metadata: ObjectMeta, spec: Spec? = nil, status: Status? = nil) {
        self.metadata = metadata
        self.spec = spec
        self.status = status
    }

    public struct Spec: Codable, Sendable, Equatable {
        public var backoffLimit: Int?
        public var activeDeadlineSeconds: Int?
        public var ttlSecondsAfterFinished: Int?
        public var suspend: Bool?

        public init(backoffLimit: Int? = nil, activeDeadlineSeconds: Int? = nil, ttlSecondsAfterFinished: Int? = nil, suspend: Bool? = nil) {
            self.backoffLimit = backoffLimit
            self.activeDeadlineSeconds = activeDeadlineSeconds
            self.ttlSecondsAfterFinished = ttlSecondsAfterFinished
            self.suspend = suspend
        }
    }

    public struct Status: Codable, Sendable, Equatable {
        public var active: Int?
        public var succeeded: Int?
        public var failed: Int?
        public var startTime: Timestamp?
        public var completionTime: Timestamp?
        public var conditions: [ObjectCondition]?

        public init(
            active: Int? = nil, succeeded: Int? = nil, failed: Int? = nil, startTime: Timestamp? = nil, completionTime: Timestamp? = nil,
            conditions: [ObjectCondition]? = nil
        ) {
            self.active = active
            self.succeeded = succeeded
            self.failed = failed
            self.startTime = startTime
            self.completionTime = completionTime
            self.conditions = conditions
        }
    }
}
