import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOFoundationCompat
import ObjectStore
import Source
import SourceTransfer

/// A request that is refused before the store is asked.
struct RequestRefusal: Error {
    var status: HTTPResponse.Status
    var message: String
    /// Instead of the word that Kubernetes uses for the status.
    var reason: String?

    init(_ status: HTTPResponse.Status, _ message: String, reason: String? = nil) {
        self.status = status
        self.message = message
        self.reason = reason
    }
}

/// What the source API has done, for whoever counts it. Called from many tasks.
public struct SourceObserver: Sendable {
    public var received: @Sendable (_ bytes: Int) -> Void
    /// The sources of a revision are complete, so long after the first request for them.
    public var stored: @Sendable (_ seconds: Double) -> Void
    /// `method` is one that the API has.
    public var answered: @Sendable (_ method: String, _ status: Int, _ seconds: Double) -> Void

    public init(
        received: @escaping @Sendable (_ bytes: Int) -> Void = { _ in }, stored: @escaping @Sendable (_ seconds: Double) -> Void = { _ in },
        answered: @escaping @Sendable (_ method: String, _ status: Int, _ seconds: Double) -> Void = { _, _, _ in }
    ) {
        self.received = received
        self.stored = stored
        self.answered = answered
    }
}

/// Answers every error with a Kubernetes `Status`, and logs requests without their headers.
struct StatusErrors: RouterMiddleware {
    let observer: SourceObserver

    func handle(
        _ request: Request, context: BasicRequestContext, next: (Request, BasicRequestContext) async throws -> Response
    ) async throws -> Response {
        let started = ContinuousClock.now
        var response: Response
        do {
            response = try await next(request, context)
        } catch {
            var refusal = StatusErrors.refusal(for: error)
            if refusal.status.code >= 500 {
                context.logger.error("source request failed", metadata: about(request, context, ["error": "\(error)"]))
                // Whoever reads this finds the line above by it.
                // A logger that keeps no metadata has none, and a context's own `id` ends the process then.
                if refusal.status == .internalServerError, let id = context.logger[metadataKey: "hb.request.id"] {
                    refusal.message += " Request \(id)."
                }
            }
            response = try StatusErrors.response(refusal)
        }
        response.headers[.seawayAPI] = "v\(SourceAPI.version)"
        let seconds = (ContinuousClock.now - started) / .seconds(1)
        // Probes and what has no route are no requests of the API, and no clients' inventions become labels.
        if context.parameters.get("namespace") != nil {
            observer.answered(request.method.rawValue, response.status.code, seconds)
            context.logger.debug(
                "source request", metadata: about(request, context, ["status": "\(response.status.code)", "seconds": "\(seconds)"]))
        }
        return response
    }

    private func about(_ request: Request, _ context: BasicRequestContext, _ more: Logger.Metadata) -> Logger.Metadata {
        var metadata: Logger.Metadata = ["method": "\(request.method)", "path": "\(Self.shown(request.uri.path))"]
        if let namespace = context.parameters.get("namespace"), let name = context.parameters.get("environment") {
            metadata["environment"] = "\(namespace)/\(name)"
        }
        if let revision = context.parameters.get("revision") { metadata["revision"] = "\(revision.prefix(12))" }
        return metadata.merging(more) { $1 }
    }

    /// Without the place of an upload to a registry, which may be a URL that lets anybody write there.
    private static func shown(_ path: String) -> Substring {
        path.range(of: "/blobs/uploads/").map { path[..<$0.upperBound] } ?? path[...]
    }

    static func response(_ refusal: RequestRefusal) throws -> Response {
        let answer = StatusAnswer(code: refusal.status.code, reason: refusal.reason ?? reason(refusal.status), message: refusal.message)
        var response = try Response.json(answer, status: refusal.status)
        // What is left of a body that nobody waited for must not be taken for the next request.
        if refusal.status == .requestTimeout { response.headers[.connection] = "close" }
        if refusal.status == .serviceUnavailable { response.headers[.retryAfter] = "1" }
        return response
    }

    static func refusal(for error: any Error) -> RequestRefusal {
        switch error {
        case let error as RequestRefusal: return error
        case let error as SourceStoreError: return RequestRefusal(status(of: error.code), error.message)
        // Its words name the bucket and what to check, never credentials.
        case let error as ObjectStoreError where error.code == .unavailable:
            return RequestRefusal(.serviceUnavailable, error.message, reason: SourceAPI.storeUnavailable)
        case let error as ObjectStoreError where [.refused, .invalidResponse, .invalidConfiguration].contains(error.code):
            // Repeating it helps nobody.
            return RequestRefusal(.badGateway, error.message, reason: SourceAPI.storeUnavailable)
        case let error as HTTPError: return RequestRefusal(error.status, error.body ?? error.status.reasonPhrase)
        default: return RequestRefusal(.internalServerError, "The operator failed to answer; its log says why.")
        }
    }

    private static func status(of code: SourceStoreError.Code) -> HTTPResponse.Status {
        switch code {
        case .invalidName: .badRequest
        case .notFound: .notFound
        case .baseUnknown: .conflict
        case .tooLarge: .contentTooLarge
        case .unprocessable: .unprocessableContent
        case .busy: .serviceUnavailable
        case .damaged: .internalServerError
        }
    }

    /// The words that Kubernetes uses for these codes.
    private static func reason(_ status: HTTPResponse.Status) -> String {
        switch status.code {
        case 400: "BadRequest"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "NotFound"
        case 405: "MethodNotAllowed"
        case 408: "Timeout"
        case 409: "Conflict"
        case 413: "RequestEntityTooLarge"
        case 422: "Invalid"
        case 503: "ServiceUnavailable"
        default: status.code >= 500 ? "InternalError" : "BadRequest"
        }
    }
}

extension Response {
    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
        let data = try JSONEncoder().encode(value)
        return Response(status: status, headers: [.contentType: "application/json"], body: ResponseBody(byteBuffer: ByteBuffer(data: data)))
    }
}
