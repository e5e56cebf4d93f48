import Crypto
import Foundation
import NIOHTTP1
import ScriptedServer

/// A server that signs tokens which Debian's registry checks, for `DebianRegistry.login`.
///
/// See <https://distribution.github.io/distribution/spec/auth/jwt/>.
public final class TokenServer: Sendable {
    static let service = "the-registry"
    static let issuer = "tests"

    public let certificate: TestCertificate
    private let server: ScriptedServer
    private let host: String
    private let signer: Signer

    /// - Parameters:
    ///   - host: the address at which everybody reaches it.
    ///   - certificate: its key signs, and TLS is spoken with it.
    public init(host: String = "127.0.0.1", certificate: TestCertificate) async throws {
        let signer = try Signer(certificate: certificate)
        (self.certificate, self.host, self.signer) = (certificate, host, signer)
        server = try await ScriptedServer(host: host, certificate: (certificate.chain, certificate.key)) { request, _ in
            guard request.headers["Authorization"] == [DebianRegistry.basicAuthorization] else { return .init(401) }
            let items = URLComponents(string: request.target)?.queryItems ?? []
            return .init(200, [], #"{"token": "\#(signer.token(items.filter { $0.name == "scope" }.compactMap(\.value)))", "expires_in": 300}"#)
        }
    }

    var realm: String { "https://\(host):\(server.port)/token" }
    /// What was asked so far, as path and query.
    public var asked: [String] { server.requests.map(\.target) }

    /// A token for `repository:NAME:ACTIONS`.
    public func token(_ scope: String) -> String { signer.token([scope]) }

    public func shutdown() async throws { try await server.shutdown() }

    private struct Signer: Sendable {
        var key: P256.Signing.PrivateKey
        var chain: String

        init(certificate: TestCertificate) throws {
            key = try P256.Signing.PrivateKey(pemRepresentation: String(contentsOfFile: certificate.key, encoding: .utf8))
            chain = try String(contentsOfFile: certificate.chain, encoding: .utf8)
                .split(separator: "\n").filter { !$0.hasPrefix("-----") }.joined()
        }

        func token(_ scopes: [String]) -> String {
            let access = scopes.map { scope in
                let parts = scope.split(separator: ":").map(String.init)
                return parts.count < 3
                    ? [:] : ["type": parts[0], "name": parts[1], "actions": parts[2].split(separator: ",").map(String.init)] as [String: Any]
            }
            let now = Int(Date().timeIntervalSince1970)
            let header: [String: Any] = ["typ": "JWT", "alg": "ES256", "x5c": [chain]]
            let claims: [String: Any] = [
                "iss": TokenServer.issuer, "sub": DebianRegistry.login.user, "aud": TokenServer.service, "exp": now + 300, "nbf": now - 10,
                "iat": now, "jti": UUID().uuidString, "access": access.filter { !$0.isEmpty },
            ]
            func encoded(_ data: Data) -> String {
                data.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
            }
            let text = [header, claims].map { encoded((try? JSONSerialization.data(withJSONObject: $0)) ?? Data()) }.joined(separator: ".")
            let signature = try? key.signature(for: Data(text.utf8))
            return "\(text).\(encoded(signature?.rawRepresentation ?? Data()))"
        }
    }
}
