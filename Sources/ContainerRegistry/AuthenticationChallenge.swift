/// What a registry wants to see, from the header `WWW-Authenticate` (RFC 9110, section 11.6.1).
enum AuthenticationChallenge: Equatable {
    case basic
    /// See <https://distribution.github.io/distribution/spec/auth/token/>.
    case bearer(realm: String, service: String?)

    /// The first of the values that is understood, tokens before passwords.
    static func best(of values: [String]) -> AuthenticationChallenge? {
        let challenges = values.compactMap(AuthenticationChallenge.init)
        return challenges.first { $0 != .basic } ?? challenges.first
    }

    init?(_ text: String) {
        let scheme = text.prefix { $0 != " " }
        switch scheme.lowercased() {
        case "basic": self = .basic
        case "bearer":
            let parameters = AuthenticationChallenge.parameters(text.dropFirst(scheme.count))
            guard let realm = parameters["realm"] else { return nil }
            self = .bearer(realm: realm, service: parameters["service"])
        default: return nil
        }
    }

    /// `name="quoted, \"text\"", other=word`
    private static func parameters(_ text: Substring) -> [String: String] {
        var result: [String: String] = [:]
        var rest = text
        while let equals = rest.firstIndex(of: "=") {
            let name = rest[..<equals].filter { $0 != " " && $0 != "," }.lowercased()
            rest = rest[rest.index(after: equals)...]
            var value = ""
            if rest.first == "\"" {
                rest.removeFirst()
                while let character = rest.popFirst(), character != "\"" {
                    if character == "\\", let next = rest.popFirst() { value.append(next) } else { value.append(character) }
                }
            } else {
                value = String(rest.prefix { $0 != "," && $0 != " " })
                rest = rest.dropFirst(value.count)
            }
            result[name] = value
        }
        return result
    }
}
