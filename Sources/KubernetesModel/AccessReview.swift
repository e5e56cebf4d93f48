/// The answer to a SelfSubjectAccessReview.
public struct AccessReview: Codable, Sendable, Equatable {
    public var status: Status?

    public init(status: Status? = nil) { self.status = status }

    public struct Status: Codable, Sendable, Equatable {
        public var allowed: Bool
        public var reason: String?

        public init(allowed: Bool, reason: String? = nil) {
            self.allowed = allowed
            self.reason = reason
        }
    }

    public var isAllowed: Bool { status?.allowed == true }
}
