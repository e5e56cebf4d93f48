import Foundation
import KubernetesModel
import Yams

/// What stands in a kubeconfig file. Everything is optional: files are merged, and only what is used must be there.
struct KubeconfigFile: Decodable, Sendable {
    var apiVersion: String?
    var kind: String?
    var currentContext: String?
    var contexts: [NamedContext]?
    var clusters: [NamedCluster]?
    var users: [NamedUser]?

    enum CodingKeys: String, CodingKey {
        case currentContext = "current-context"
        case apiVersion, kind, contexts, clusters, users
    }

    struct NamedContext: Decodable, Sendable {
        var name: String
        var context: Context?
    }

    struct Context: Decodable, Sendable {
        var cluster: String?
        var user: String?
        var namespace: String?
    }

    struct NamedCluster: Decodable, Sendable {
        var name: String
        var cluster: Cluster?
    }

    struct Cluster: Decodable, Sendable {
        var server: String?
        var tlsServerName: String?
        var skipsTLSVerification: Bool?
        var authorityFile: String?
        var authorityData: String?
        var proxyURL: String?
        var extensions: [Extension]?

        enum CodingKeys: String, CodingKey {
            case server, extensions
            case tlsServerName = "tls-server-name"
            case skipsTLSVerification = "insecure-skip-tls-verify"
            case authorityFile = "certificate-authority"
            case authorityData = "certificate-authority-data"
            case proxyURL = "proxy-url"
        }
    }

    struct Extension: Decodable, Sendable {
        var name: String
        var `extension`: JSONValue?
    }

    struct NamedUser: Decodable, Sendable {
        var name: String
        var user: User?
    }

    struct User: Decodable, Sendable {
        var certificateFile: String?
        var certificateData: String?
        var keyFile: String?
        var keyData: String?
        var token: String?
        var tokenFile: String?
        var username: String?
        var password: String?
        var impersonatedUser: String?
        var impersonatedUID: String?
        var impersonatedGroups: [String]?
        var impersonatedExtra: [String: [String]]?
        var exec: Exec?
        var authProvider: AuthProvider?

        enum CodingKeys: String, CodingKey {
            case certificateFile = "client-certificate"
            case certificateData = "client-certificate-data"
            case keyFile = "client-key"
            case keyData = "client-key-data"
            case token, tokenFile, username, password, exec
            case impersonatedUser = "as"
            case impersonatedUID = "as-uid"
            case impersonatedGroups = "as-groups"
            case impersonatedExtra = "as-user-extra"
            case authProvider = "auth-provider"
        }
    }

    struct AuthProvider: Decodable, Sendable {
        var name: String?
    }

    struct Exec: Decodable, Sendable {
        var apiVersion: String?
        var command: String?
        var args: [String]?
        var env: [Variable]?
        var installHint: String?
        var provideClusterInfo: Bool?
        var interactiveMode: ExecPlugin.InteractiveMode?
    }

    struct Variable: Decodable, Sendable {
        var name: String
        var value: String
    }
}

extension KubeconfigFile {
    /// - Throws: `KubernetesError` that names the file and the place, and quotes nothing of it: any line may hold a token.
    static func read(_ path: String) throws -> KubeconfigFile {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw KubernetesError(.configuration, "the kubeconfig \(path) cannot be read: check that it exists and is readable")
        }
        guard let text = String(data: data, encoding: .utf8) else {
            throw KubernetesError(.configuration, "the kubeconfig \(path) is no UTF-8 text")
        }
        return try parse(text, path: path)
    }

    static func parse(_ text: String, path: String) throws -> KubeconfigFile {
        if text.allSatisfy({ $0.isWhitespace }) { return KubeconfigFile() }
        let content: KubeconfigFile
        do {
            try checkDepth(text)
            guard let node = try Yams.compose(yaml: text) else { return KubeconfigFile() }
            var room = mostValues
            guard fits(node, &room) else { throw KubernetesError(.configuration, "it holds too many values, aliases included") }
            content = try YAMLDecoder().decode(KubeconfigFile.self, from: node)
        } catch {
            throw KubernetesError(.configuration, "the kubeconfig \(path) is not valid: \(describe(error))")
        }
        guard (content.apiVersion ?? "v1") == "v1", (content.kind ?? "Config") == "Config" else {
            throw KubernetesError(.configuration, "the kubeconfig \(path) is not valid: it must be of apiVersion v1 and kind Config")
        }
        return content
    }

    /// A few hundred bytes of nested aliases can stand for billions of values.
    private static let mostValues = 100_000
    private static let deepest = 100

    /// The parser recurses: what is nested too deeply would run out of stack.
    private static func checkDepth(_ text: String) throws {
        var depth = 0
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"): depth = max(0, depth - 1)
            default: continue
            }
            guard depth <= deepest else { throw KubernetesError(.configuration, "it is nested more than \(deepest) levels deep") }
        }
    }

    private static func fits(_ node: Node, _ room: inout Int) -> Bool {
        room -= 1
        guard room >= 0 else { return false }
        switch node {
        case .mapping(let mapping):
            for (key, value) in mapping { guard fits(key, &room), fits(value, &room) else { return false } }
        case .sequence(let sequence):
            for value in sequence { guard fits(value, &room) else { return false } }
        case .scalar, .alias: break
        }
        return true
    }

    private static func describe(_ error: any Error) -> String {
        if let error = error as? KubernetesError { return error.message }
        if let yaml = error as? YamlError { return describe(yaml) }
        if case .dataCorrupted(let context) = error as? DecodingError, let yaml = context.underlyingError as? YamlError {
            return describe(yaml)
        }
        return describeDecodingError(error)
    }

    private static func describe(_ error: YamlError) -> String {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _), .composer(_, let problem, let mark, _):
            "line \(mark.line), column \(mark.column): \(problem)"
        case .reader: "it has characters that YAML does not allow"
        case .duplicatedKeysInMapping: "a mapping has the same key twice"
        default: "it is no YAML"
        }
    }
}
