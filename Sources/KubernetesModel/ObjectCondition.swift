/// A condition in the status of a built-in object; kinds differ in which fields they have beyond type and status.
public struct ObjectCondition: Codable, Sendable, Equatable {
    public var type: String
    /// `True`, `False` or `Unknown`.
    public var status: String
    public var reason: String?
    public var message: String?
    public var observedGeneration: Int?
    public var lastTransitionTime: Timestamp?

    public init(
        type: String, status: String, reason: String? = nil, message: String? = nil, observedGeneration: Int? = nil,
        lastTransitionTime: Timestamp? = nil
    ) {
        self.type = type
        self.status = status
        self.reason = reason
        self.message = message
        self.observedGeneration = observedGeneration
        self.lastTransitionTime = lastTransitionTime
    }
}

extension ObjectCondition {
    public var isTrue: Bool { status == "True" }
}

extension [ObjectCondition] {
    /// The condition of that type, if it is there.
    public subscript(type type: String) -> ObjectCondition? {
        first { $0.type == type }
    }
}
