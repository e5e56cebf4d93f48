import HTTPTypes
import Hummingbird
import Logging
import SourceTransfer

/// Checks a token.
/// - Returns: The namespace of the ServiceAccount that the token belongs to; `nil` when the token is not valid.
/// - Throws: When the token cannot be checked now.
public typealias SourceAuthenticator = @Sendable (_ token: String) async throws -> String?

/// The one rule of authentication: a request carries a token, and may touch the namespace of its ServiceAccount alone.
public struct RequestAuthorizer: Sendable {
    private let authenticate: SourceAuthenticator
    private let tokens = TokenCache()

    /// - Parameter authenticate: Tells whose token it is.
    public init(authenticate: @escaping SourceAuthenticator) { self.authenticate = authenticate }

    /// Checks the token against the namespace in the path.
    /// - Returns: the Environment in the path's `{namespace}` and `{environment}`.
    /// - Throws: what becomes an answer that says what is wrong with the token.
    public func authorize(_ request: Request, _ context: BasicRequestContext) async throws -> ObjectName {
        let environment = try ObjectName(
            namespace: try context.parameters.require("namespace"), name: try context.parameters.require("environment"))
        try await authorize(request, for: environment.namespace, context)
        return environment
    }

    /// Checks the token against a namespace.
    /// - Throws: what becomes an answer that says what is wrong with the token.
    func authorize(_ request: Request, for wanted: String, _ context: BasicRequestContext) async throws {
        guard let token = Self.token(of: request) else {
            throw RequestRefusal(.unauthorized, "The request has no token; send one of audience 'seaway' as \(SourceAPI.tokenHeader).")
        }
        let namespace: String?
        do {
            namespace = try await tokens.namespace(of: token, authenticate)
        } catch let error as CancellationError {
            throw error
        } catch {
            context.logger.warning("A token cannot be checked", metadata: ["error": "\(error)"])
            throw RequestRefusal(.serviceUnavailable, "The token cannot be checked now; repeat in a moment.")
        }
        guard let namespace else {
            throw RequestRefusal(.unauthorized, "The token is not valid; it must be a ServiceAccount's, of audience 'seaway', and not expired.")
        }
        guard namespace == wanted else {
            throw RequestRefusal(.forbidden, "The token belongs to another namespace than '\(wanted)'.")
        }
    }

    private static func token(of request: Request) -> String? {
        if let token = request.headers[HTTPField.Name.seawayToken], !token.isEmpty { return token }
        guard let value = request.headers[.authorization] else { return nil }
        let parts = value.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        return String(parts[1])
    }
}
