import KubernetesModel

/// Why something that was asked of a cluster did not happen. The message says what, where and what to do next, and is fit for
/// users, statuses and logs: it has no tokens, no headers and no bodies.
public struct KubernetesError: Error, Equatable, CustomStringConvertible {
    public enum Code: Sendable, Equatable {
        /// The API server answered and refused.
        case api(Status)
        /// No connection, or it broke.
        case unreachable
        /// No answer in time.
        case timedOut
        /// Credentials could not be got (token file, plugin); a refusal of them is `api` with `isUnauthorized`.
        case credentials
        /// No usable kubeconfig or in-cluster configuration.
        case configuration
        /// The request cannot be sent, as with an object without a name.
        case invalidRequest
        /// The answer is not what it should be.
        case invalidResponse
        /// Not sent: only the process that leads may write, and this one does not.
        case notLeading
    }

    public var code: Code
    public var message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }

    /// What the API server said, when it was it that refused.
    public var status: Status? {
        guard case .api(let status) = code else { return nil }
        return status
    }

    public var isNotFound: Bool { status?.isNotFound == true }
    public var isConflict: Bool { status?.isConflict == true }
    public var isAlreadyExists: Bool { status?.isAlreadyExists == true }
    public var isForbidden: Bool { status?.isForbidden == true }
    public var isUnauthorized: Bool { status?.isUnauthorized == true }
    public var isGone: Bool { status?.isGone == true }
    public var isInvalid: Bool { status?.isInvalid == true }
    /// Nobody answered, or not in time: trying again may help.
    public var isUnreachable: Bool { code == .unreachable || code == .timedOut }
    /// Trying the same again later may help.
    public var isTransient: Bool {
        switch code {
        case .unreachable, .timedOut, .credentials, .notLeading: true
        case .api(let status): status.isTooManyRequests || status.isTimeout || status.isServiceUnavailable || (status.code ?? 0) >= 500
        case .configuration, .invalidRequest, .invalidResponse: false
        }
    }
}
