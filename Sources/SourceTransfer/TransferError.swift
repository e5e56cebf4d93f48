import Foundation

/// What can go wrong between a client and the source API. `description` says what happened and what to do next; it
/// never holds a token.
public struct TransferError: Error, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// No answer, or one that says to try again later, on every attempt.
        case unavailable
        /// What leads to the operator does not answer, on every attempt.
        case interrupted
        /// The operator answers, but its object store does not, on every attempt.
        case storeUnavailable
        /// The operator's object store refuses: its credentials are wrong, or the bucket is somebody else's.
        case storeRefused
        /// The token is missing, expired or of another audience.
        case unauthorized
        /// The token belongs to another namespace.
        case forbidden
        /// There is no such tree or pack.
        case notFound
        /// The operator refused what was sent.
        case refused
        /// The operator answered with something that is not understood, or whose digest is wrong.
        case invalidResponse
        /// The directory that sources are written to cannot be used.
        case invalidTarget
    }

    public var code: Code
    public var message: String
    /// The HTTP status of the answer, if there was one.
    public var status: Int?

    public init(_ code: Code, _ message: String, status: Int? = nil) {
        self.code = code
        self.message = message
        self.status = status
    }

    public var description: String { message }

    /// Whether the same request may be answered in a while.
    var mayPass: Bool { [.unavailable, .interrupted, .storeUnavailable].contains(code) }

    /// The error that an answer stands for.
    public init(_ response: TransferResponse, to what: String) {
        let answer = try? JSONDecoder().decode(StatusAnswer.self, from: response.body)
        let reason = (answer?.message).map { String($0.prefix(500)) } ?? "status \(response.status)"
        let (code, advice): (Code, String) =
            switch response.status {
            case 401: (.unauthorized, " Sign in to the cluster again and repeat.")
            case 403: (.forbidden, " The token must be of the environment's own namespace.")
            case 404: (.notFound, " Run 'seactl env sync' to send the sources again.")
            case 503 where answer?.reason == SourceAPI.storeUnavailable: (.storeUnavailable, "")
            case 502 where answer?.reason == SourceAPI.storeUnavailable: (.storeRefused, "")
            case 408, 429, 500...599: (.unavailable, " Repeat in a moment; what was sent already is kept.")
            default: (.refused, "")
            }
        self.init(code, "Cannot \(what): \(reason)\(reason.hasSuffix(".") ? "" : ".")\(advice)", status: response.status)
    }
}
