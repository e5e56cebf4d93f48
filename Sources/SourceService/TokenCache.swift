import Foundation
import Source
import Synchronization

/// Remembers for a short time whose token it is, so that the requests of one sync are not as many questions to the API
/// server. Tokens themselves are not kept, only their SHA-256.
///
/// An answer is used for at most a minute and never after the token's own `exp`; one that says no is not remembered, nor
/// is that of a token whose `exp` cannot be read. So a token that was revoked is good for a minute at most.
final class TokenCache: Sendable {
    private struct Entry {
        var namespace: String
        /// Seconds since 1970.
        var until: Double
    }

    private static let lifetime: Double = 60

    private let most: Int
    private let entries = Mutex<[Digest: Entry]>([:])
    private let now: @Sendable () -> Double

    /// - Parameters:
    ///   - most: How many tokens are remembered.
    ///   - now: Seconds since 1970.
    init(most: Int = 4096, now: @escaping @Sendable () -> Double = { Date().timeIntervalSince1970 }) {
        self.most = most
        self.now = now
    }

    /// The namespace of a token, asked of `authenticate` unless it is remembered.
    /// - Throws: What `authenticate` throws.
    func namespace(of token: String, _ authenticate: SourceAuthenticator) async throws -> String? {
        let key = Digest(hashing: Array(token.utf8))
        let time = now()
        // A clock that was set back must not make an entry live longer.
        if let entry = entries.withLock({ $0[key] }), time < entry.until, time >= entry.until - Self.lifetime { return entry.namespace }
        guard let namespace = try await authenticate(token) else {
            entries.withLock { $0[key] = nil }
            return nil
        }
        // Counted from before the question: the answer is no younger than that.
        guard let expiry = TokenCache.expiry(of: token), expiry > time else { return namespace }
        entries.withLock { entries in
            if entries.count >= most { entries = entries.filter { $0.value.until > time } }
            if entries.count >= most { entries.removeAll() }
            entries[key] = Entry(namespace: namespace, until: min(expiry, time + Self.lifetime))
        }
        return namespace
    }

    var count: Int { entries.withLock(\.count) }

    /// The `exp` of a JSON web token. Nothing is verified here: it only shortens the time for which the answer of the API
    /// server, which has verified the token, is believed.
    static func expiry(of token: String) -> Double? {
        struct Claims: Decodable { var exp: Double }
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3 else { return nil }
        var text = String(parts[1]).replacing("-", with: "+").replacing("_", with: "/")
        text += String(repeating: "=", count: (4 - text.count % 4) % 4)
        return Data(base64Encoded: text).flatMap { try? JSONDecoder().decode(Claims.self, from: $0) }?.exp
    }
}
