/// An event of the core group: what happened to an object, for people.
public struct Event: KubernetesObject, Equatable {
    public static let resource = ResourceType.events

    public var metadata: ObjectMeta
    public var involvedObject: ObjectReference?
    /// `Normal` or `Warning`.
    public var type: String?
    public var reason: String?
    public var message: String?
    public var count: Int?
    public var firstTimestamp: Timestamp?
    public var lastTimestamp: Timestamp?
    public var source: Source?
    public var action: String?
    public var reportingComponent: String?

    public init(
        metadata: ObjectMeta, involvedObject: ObjectReference? = nil, type: String? = nil, reason: String? = nil, message: String? = nil,
        count: Int? = nil, firstTimestamp: Timestamp? = nil, lastTimestamp: Timestamp? = nil, source: Source? = nil,
        action: String? = nil, reportingComponent: String? = nil
    ) {
        self.metadata = metadata
        self.involvedObject = involvedObject
        self.type = type
        self.reason = reason
        self.message = message
        self.count = count
        self.firstTimestamp = firstTimestamp
        self.lastTimestamp = lastTimestamp
        self.source = source
        self.action = action
        self.reportingComponent = reportingComponent
    }

    public struct Source: Codable, Sendable, Equatable {
        public var component: String?
        public var host: String?

        public init(component: String? = nil, host: String? = nil) {
            self.component = component
            self.host = host
        }
    }
}
