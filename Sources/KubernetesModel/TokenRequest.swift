/// The answer to a TokenRequest. Its description has no token.
public struct TokenRequest: Codable, Sendable, Equatable {
    public var status: Status?

    public init(status: Status? = nil) { self.status = status }

    public struct Status: Codable, Sendable, Equatable {
        public var token: String
        public var expirationTimestamp: Timestamp

        public init(token: String, expirationTimestamp: Timestamp) {
            self.token = token
            self.expirationTimestamp = expirationTimestamp
        }
    }
}

extension TokenRequest.Status: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "token that expires at \(expirationTimestamp)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["expirationTimestamp": expirationTimestamp], displayStyle: .struct) }
}
