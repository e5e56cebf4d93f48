import Foundation

/// Who signs in at which registry, from the `config.json` that `docker login` writes and that Kubernetes keeps in Secrets
/// of type `kubernetes.io/dockerconfigjson`. Descriptions never show passwords.
public struct RegistryCredentials: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    struct Login: Sendable, Equatable {
        var user: String
        var password: String
        /// An identity token; it stands for the password where tokens are asked for.
        var identityToken: String?
    }

    private var logins: [String: Login]

    public init() { logins = [:] }

    /// - Parameter configuration: the bytes of a `config.json`.
    /// - Throws: `RegistryError` when it is none, or when it leaves passwords to programs, which an operator has none of.
    public init(configuration: [UInt8]) throws(RegistryError) {
        guard let file = try? JSONDecoder().decode(File.self, from: Data(configuration)) else {
            throw RegistryError(message: "the registry's credentials are no config.json as 'docker login' writes it")
        }
        logins = [:]
        for (name, entry) in file.auths ?? [:] {
            guard let login = try RegistryCredentials.login(entry, name) else { continue }
            logins[RegistryCredentials.host(name)] = login
        }
        let helpers = (file.credHelpers ?? [:]).keys.sorted()
        guard file.credsStore?.isEmpty ?? true, helpers.isEmpty else {
            let what = helpers.isEmpty ? "credsStore" : "credHelpers (\(helpers.joined(separator: ", ")))"
            throw RegistryError(
                message: "the registry's credentials name helper programs, \(what), which are not run here; "
                    + "write user and password into auths, as 'kubectl create secret docker-registry' does")
        }
    }

    /// - Parameter file: path of a `config.json`, such as the mounted key `.dockerconfigjson` of a Secret.
    /// - Throws: `RegistryError`.
    public init(file: String) throws(RegistryError) {
        guard let bytes = FileManager.default.contents(atPath: file) else {
            throw RegistryError(message: "the registry's credentials cannot be read from \(file)")
        }
        try self.init(configuration: Array(bytes))
    }

    /// - Parameter address: `host:port` of a registry.
    func login(for address: String) -> Login? { logins[RegistryCredentials.host(address)] }

    public var description: String { "RegistryCredentials(\(logins.keys.sorted().joined(separator: ", ")))" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["registries": logins.keys.sorted()]) }

    private struct File: Decodable {
        struct Entry: Decodable {
            var auth: String?
            var username: String?
            var password: String?
            var identitytoken: String?
        }

        var auths: [String: Entry]?
        var credsStore: String?
        var credHelpers: [String: String]?
    }

    private static func login(_ entry: File.Entry, _ name: String) throws(RegistryError) -> Login? {
        if let user = entry.username, !user.isEmpty {
            return Login(user: user, password: entry.password ?? "", identityToken: entry.identitytoken)
        }
        guard let auth = entry.auth, !auth.isEmpty else {
            return entry.identitytoken.map { Login(user: "", password: "", identityToken: $0) }
        }
        guard let bytes = Data(base64Encoded: auth), let pair = String(data: bytes, encoding: .utf8), let colon = pair.firstIndex(of: ":") else {
            throw RegistryError(message: "the registry's credentials for \(name) are not valid: auth is base64 of USER:PASSWORD")
        }
        // Docker pads old passwords with zero bytes.
        let password = pair[pair.index(after: colon)...].filter { $0 != "\0" }
        return Login(user: String(pair[..<colon]), password: String(password), identityToken: entry.identitytoken)
    }

    /// Keys may be URLs, as `https://index.docker.io/v1/`.
    private static func host(_ name: String) -> String {
        var rest = name[...]
        for scheme in ["https://", "http://"] where rest.hasPrefix(scheme) { rest = rest.dropFirst(scheme.count) }
        return rest.prefix { $0 != "/" }.lowercased()
    }
}
