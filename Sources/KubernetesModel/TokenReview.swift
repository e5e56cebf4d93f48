/// The answer to a TokenReview, as far as it matters.
public struct TokenReview: Codable, Sendable, Equatable {
    public var status: Status?

    public init(status: Status? = nil) { self.status = status }

    public struct Status: Codable, Sendable, Equatable {
        public var authenticated: Bool?
        public var user: User?
        /// Those of the asked audiences that the token is meant for.
        public var audiences: [String]?
        public var error: String?

        public init(authenticated: Bool? = nil, user: User? = nil, audiences: [String]? = nil, error: String? = nil) {
            self.authenticated = authenticated
            self.user = user
            self.audiences = audiences
            self.error = error
        }
    }

    public struct User: Codable, Sendable, Equatable {
        public var username: String?
        public var uid: String?
        public var groups: [String]?

        public init(username: String? = nil, uid: String? = nil, groups: [String]? = nil) {
            self.username = username
            self.uid = uid
            self.groups = groups
        }
    }
}

/// Whose token it is, or why it is none.
public enum TokenReviewResult: Sendable, Equatable {
    /// `namespace` and `serviceAccount` are set when the user is a ServiceAccount.
    case authenticated(username: String, groups: [String], namespace: String?, serviceAccount: String?)
    case refused(reason: String)
}

extension TokenReview {
    /// - Parameter audience: the token must be meant for it. A server that does not know audiences answers without any, which
    ///   says that the token is good for the server itself: that is refused here.
    public func result(audience: String) -> TokenReviewResult {
        guard let status, status.authenticated == true else {
            return .refused(reason: status?.error ?? "the token is not valid")
        }
        guard status.audiences?.contains(audience) == true else {
            return .refused(reason: "the token is not meant for '\(audience)'")
        }
        guard let username = status.user?.username, !username.isEmpty else {
            return .refused(reason: "the token names no user")
        }
        let parts = username.split(separator: ":", omittingEmptySubsequences: false)
        let isServiceAccount = parts.count == 4 && parts[0] == "system" && parts[1] == "serviceaccount" && !parts[2].isEmpty && !parts[3].isEmpty
        return .authenticated(
            username: username, groups: status.user?.groups ?? [], namespace: isServiceAccount ? String(parts[2]) : nil,
            serviceAccount: isServiceAccount ? String(parts[3]) : nil)
    }
}
