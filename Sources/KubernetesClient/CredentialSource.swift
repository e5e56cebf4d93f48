import Foundation
import KubernetesModel

/// Says who sends a request, with a fresh token where tokens change.
final class CredentialSource: Sendable {
    private let fixed: Authorization?
    private let changing: RefreshingValue<Authorization>?

    /// How long a token file is believed; the kubelet replaces it well before the old token expires.
    static let tokenFileLifetime: TimeInterval = 60

    init(_ configuration: ClusterConfiguration, now: @escaping @Sendable () -> Date = { Date() }) {
        let credentials = configuration.credentials
        switch credentials.bearer {
        case .none:
            fixed = Authorization()
            changing = nil
        case .token(let token):
            fixed = Authorization(header: Sensitive("Bearer \(token.exposed)"))
            changing = nil
        case .basic(let username, let password):
            let pair = Data("\(username):\(password.exposed)".utf8).base64EncodedString()
            fixed = Authorization(header: Sensitive("Basic \(pair)"))
            changing = nil
        case .tokenFile(let path):
            fixed = nil
            changing = RefreshingValue(now: now) {
                .init(value: try Self.readToken(path), expires: now().addingTimeInterval(Self.tokenFileLifetime))
            }
        case .exec(let plugin):
            fixed = nil
            changing = RefreshingValue(now: now) { try await plugin.run(for: configuration) }
        }
    }

    /// - Returns: what to send, and what to invalidate when the server does not accept it.
    func authorization() async throws -> (authorization: Authorization, generation: Int?) {
        if let fixed { return (fixed, nil) }
        guard let changing else { return (Authorization(), nil) }
        let (value, generation) = try await changing.get()
        return (value, generation)
    }

    /// Whether asking again may give other credentials.
    var canChange: Bool { changing != nil }

    /// Forgets the credentials of that generation, or whichever there are.
    func invalidate(generation: Int? = nil) {
        changing?.invalidate(generation: generation)
    }

    private static func readToken(_ path: String) throws -> Authorization {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw KubernetesError(.credentials, "the token file \(path) cannot be read")
        }
        let token = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        guard !token.isEmpty else { throw KubernetesError(.credentials, "the token file \(path) is empty") }
        return Authorization(header: Sensitive("Bearer \(token)"))
    }
}
