import Crypto
import Foundation
import ScriptedServer

/// Debian's `docker-registry` as a process of its own, with each way to sign in.
public struct DebianRegistry: Sendable {
    public enum Access: Sendable {
        case open
        /// HTTP Basic, for `DebianRegistry.login`.
        case passwords
        /// Bearer tokens that this server gives for the same login.
        case tokens(TokenServer)
    }

    public static let login = (user: "developer", password: "hidden-password")
    /// That login, as `htpasswd -B` writes it.
    private static let passwords = "developer:$2b$04$XXn4cGuZru6.5fpaKHs3BeIO4461Qcwt9wNoiC.2mOrH9QnNOQMMS"
    public static var basicAuthorization: String { "Basic \(Data("\(login.user):\(login.password)".utf8).base64EncodedString())" }

    public var port: Int
    /// Where the process keeps everything; `images` in it may be given to another one.
    public var directory: String
    public var images: String { "\(directory)/data" }
    public var log: String { (try? String(contentsOfFile: "\(directory)/log", encoding: .utf8)) ?? "" }

    public struct Failure: Error, CustomStringConvertible {
        public var description: String
    }

    /// Starts the registry, and ends it afterwards.
    /// - Parameters:
    ///   - host: the address to listen on.
    ///   - images: a directory with images; default: one of its own, which goes away with the process.
    /// - Throws: `Failure` when the program is missing or does not come up.
    public static func with<R: Sendable>(
        _ access: Access = .open, host: String = "127.0.0.1", tls: TestCertificate? = nil, images: String? = nil,
        _ body: (DebianRegistry) async throws -> R
    ) async throws -> R {
        guard let program = ProcessInfo.processInfo.environment["SEAWAY_DOCKER_REGISTRY"] else {
            throw Failure(
                description: "SEAWAY_DOCKER_REGISTRY is not set: run 'eval $(scripts/cluster env)', or set SEAWAY_SKIP_CLUSTER_TESTS=1")
        }
        let directory = NSTemporaryDirectory() + "seaway-registry-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try passwords.write(toFile: "\(directory)/htpasswd", atomically: true, encoding: .utf8)
        let registry = DebianRegistry(port: try await freePort(), directory: directory)
        try registry.configuration(access, host, tls, images ?? registry.images)
            .write(toFile: "\(directory)/config.yml", atomically: true, encoding: .utf8)

        return try await withServer([program, "serve", "\(directory)/config.yml"], log: "\(directory)/log") {
            // Any answer will do.
            try registry.curl(
                ["--insecure", "--retry", "50", "--retry-connrefused", "--retry-delay", "0", "--retry-max-time", "20", "--output", "/dev/null"], tls,
                "")
            return try await body(registry)
        }
    }

    private func configuration(_ access: Access, _ host: String, _ tls: TestCertificate?, _ images: String) -> String {
        let encryption = tls.map { "\n  tls: {certificate: \($0.chain), key: \($0.key)}" } ?? ""
        let auth =
            switch access {
            case .open: ""
            case .passwords: "auth: {htpasswd: {realm: tests, path: \(directory)/htpasswd}}"
            case .tokens(let server):
                "auth: {token: {realm: \"\(server.realm)\", service: \(TokenServer.service), issuer: \(TokenServer.issuer), "
                    + "rootcertbundle: \(server.certificate.chain)}}"
            }
        return """
            version: 0.1
            log: {level: info, accesslog: {disabled: false}}
            storage: {filesystem: {rootdirectory: \(images)}, delete: {enabled: true}}
            http:
              addr: \(host):\(port)
              secret: of-these-tests\(encryption)
            \(auth)

            """
    }

    /// `sha256:…`
    public static func digest(_ data: Data) -> String {
        "sha256:" + SHA256.hash(data: data).map { String(format: "%02x", $0) }.joined()
    }

    /// Puts a blob into a repository, by another client than ours.
    /// - Parameter signed: curl's arguments that sign in.
    /// - Returns: its digest.
    @discardableResult
    public func put(blob: Data, into repository: String, _ tls: TestCertificate? = nil, signed: [String] = []) throws -> String {
        let file = "\(directory)/\(UUID().uuidString)"
        try blob.write(to: URL(fileURLWithPath: file))
        defer { try? FileManager.default.removeItem(atPath: file) }
        let headers = try curl(
            signed + ["--fail", "--request", "POST", "--dump-header", "-", "--output", "/dev/null"], tls, "\(repository)/blobs/uploads/")
        let line = headers.split(whereSeparator: \.isNewline).first { $0.lowercased().hasPrefix("location:") }
        guard let place = line?.dropFirst("location:".count).trimmingCharacters(in: .whitespaces) else {
            throw Failure(description: "the registry gave no place for an upload")
        }
        try curl(
            signed + ["--fail", "--request", "PUT", "--header", "Content-Type: application/octet-stream", "--data-binary", "@\(file)"], tls,
            place + (place.contains("?") ? "&" : "?") + "digest=\(Self.digest(blob))")
        return Self.digest(blob)
    }

    /// Puts a manifest whose blobs are there.
    public func put(
        manifest: Data, type: String = "application/vnd.oci.image.manifest.v1+json", into repository: String, tag: String,
        _ tls: TestCertificate? = nil, signed: [String] = []
    ) throws {
        try curl(
            signed + ["--fail", "--request", "PUT", "--header", "Content-Type: \(type)", "--data-binary", String(decoding: manifest, as: UTF8.self)],
            tls, "\(repository)/manifests/\(tag)")
    }

    /// Another client than ours.
    /// - Parameter path: below `/v2/`.
    /// - Returns: what it printed.
    @discardableResult
    public func curl(_ arguments: [String], _ tls: TestCertificate?, _ path: String) throws -> String {
        let url = path.hasPrefix("http") ? path : "\(tls == nil ? "http" : "https")://localhost:\(port)/v2/\(path)"
        let trust = tls.map { ["--cacert", $0.chain] } ?? []
        return String(
            decoding: try run(["curl", "--noproxy", "*", "--silent", "--show-error"] + trust + arguments + [url]), as: UTF8.self)
    }
}
