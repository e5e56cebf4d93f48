/// How the API server says that a request failed (`metav1.Status`).
///
/// Ask the `is…` properties, not the code: one code has several meanings.
public struct Status: Codable, Sendable, Equatable, Error {
    /// `Success` or `Failure`.
    public var status: String?
    /// For people.
    public var message: String?
    /// For programs: `NotFound`, `Conflict`, ….
    public var reason: String?
    public var details: Details?
    /// The HTTP status code.
    public var code: Int?

    public struct Details: Codable, Sendable, Equatable {
        public var name: String?
        public var group: String?
        /// The plural name of the resource, in most answers.
        public var kind: String?
        public var uid: String?
        public var causes: [Cause]?
        public var retryAfterSeconds: Int?

        public init(
            name: String? = nil, group: String? = nil, kind: String? = nil, uid: String? = nil, causes: [Cause]? = nil,
            retryAfterSeconds: Int? = nil
        ) {
            self.name = name
            self.group = group
            self.kind = kind
            self.uid = uid
            self.causes = causes
            self.retryAfterSeconds = retryAfterSeconds
        }
    }

    public struct Cause: Codable, Sendable, Equatable {
        public var reason: String?
        public var message: String?
        public var field: String?

        public init(reason: String? = nil, message: String? = nil, field: String? = nil) {
            self.reason = reason
            self.message = message
            self.field = field
        }
    }

    public init(code: Int? = nil, reason: String? = nil, message: String? = nil, details: Details? = nil) {
        self.status = "Failure"
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
    }
}

extension Status: CustomStringConvertible {
    public var description: String {
        message ?? reason ?? code.map { "status \($0)" } ?? "unknown status"
    }

    public var isNotFound: Bool { reason == "NotFound" || (code == 404 && reason == nil) }
    /// Another writer was faster, or (in an apply) another field manager owns a field.
    public var isConflict: Bool { reason == "Conflict" || (code == 409 && !isAlreadyExists) }
    public var isAlreadyExists: Bool { reason == "AlreadyExists" }
    public var isForbidden: Bool { reason == "Forbidden" || code == 403 }
    public var isUnauthorized: Bool { reason == "Unauthorized" || code == 401 }
    /// A resource version or page that the server no longer knows: list again.
    public var isGone: Bool { reason == "Expired" || reason == "Gone" || code == 410 }
    public var isInvalid: Bool { reason == "Invalid" || code == 422 }
    public var isBadRequest: Bool { reason == "BadRequest" || code == 400 }
    public var isTooManyRequests: Bool { reason == "TooManyRequests" || code == 429 }
    public var isTimeout: Bool { reason == "Timeout" || reason == "ServerTimeout" || code == 504 }
    public var isServiceUnavailable: Bool { reason == "ServiceUnavailable" || code == 503 }
    /// A quota refused the object; the server says so with a Forbidden.
    public var isQuotaExceeded: Bool { isForbidden && message?.contains("exceeded quota") == true }
    /// Nothing can be created in a namespace that is being deleted.
    public var isNamespaceTerminating: Bool {
        details?.causes?.contains { $0.reason == "NamespaceTerminating" } == true
    }
    /// The fields that an apply would have taken from other managers, as the server names them.
    public var fieldConflicts: [Cause] {
        details?.causes?.filter { $0.reason == "FieldManagerConflict" } ?? []
    }
}
