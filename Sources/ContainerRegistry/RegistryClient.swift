import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOSSL

/// Looks up and removes images in an OCI registry.
///
/// See <https://github.com/opencontainers/distribution-spec/blob/main/spec.md>.
public struct RegistryClient: Sendable {
    /// `host:port` of the registry.
    public var address: String { transport.address }
    private let transport: RegistryTransport

    /// - Parameters:
    ///   - insecure: plain HTTP instead of HTTPS.
    ///   - credentials: used when they have a login for this address and the registry asks for one; read anew at each sign-in.
    ///   - http: shared; the caller shuts it down. It must not follow redirections, which would carry the credentials along:
    ///     see `httpConfiguration`.
    public init(
        address: String, insecure: Bool, credentials: @autoclosure @escaping @Sendable () throws -> RegistryCredentials = RegistryCredentials(),
        http: HTTPClient
    ) {
        transport = RegistryTransport(address: address, insecure: insecure, credentials: credentials, http: http)
    }

    /// Settings of a client for registries.
    /// - Parameter certificateAuthority: PEM certificates that are trusted instead of the system's.
    /// - Throws: `RegistryError` when they are none.
    public static func httpConfiguration(certificateAuthority: [UInt8]? = nil) throws(RegistryError) -> HTTPClient.Configuration {
        var settings = HTTPClient.Configuration()
        if let certificateAuthority {
            guard let roots = try? NIOSSLCertificate.fromPEMBytes(certificateAuthority), !roots.isEmpty else {
                throw RegistryError(message: "the certificate authority of the registry is no certificate in PEM form")
            }
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.trustRoots = .certificates(roots)
            settings.tlsConfiguration = tls
        }
        settings.redirectConfiguration = .disallow
        // A registry may refuse an upload before it has read it, and async-http-client crashes when one does so with HTTP/2
        // (swift-server/async-http-client#922).
        settings.httpVersion = .http1Only
        settings.timeout = .init(connect: .seconds(5), read: .seconds(10))
        settings.connectionPool.retryConnectionEstablishment = false
        return settings
    }

    /// Asks whether the registry answers, and takes the credentials if it wants any: what they allow is for repositories to tell.
    /// - Throws: `RegistryError`.
    public func check() async throws {
        let response = try await transport.send(.GET, "", scope: nil)
        guard response.status < 500, response.status != 401 else { throw failure("let seaway in", response) }
    }

    /// Whether the repository holds a manifest with this tag.
    /// - Throws: `RegistryError` when the registry does not answer or refuses.
    public func contains(repository: String, tag: String) async throws -> Bool {
        try await digest(repository: repository, tag: tag) != nil
    }

    /// The digest of the manifest that a tag names; `nil` when there is none.
    /// - Throws: `RegistryError`.
    public func digest(repository: String, tag: String) async throws -> String? {
        let response = try await send(.HEAD, repository, "manifests/\(tag)", accept: Self.manifestTypes)
        switch response.status {
        case 200: return response.headers.first(name: "Docker-Content-Digest") ?? ""
        case 404: return nil
        default: throw failure("look up \(repository):\(tag)", response)
        }
    }

    /// All tags of a repository; empty when there is no such repository.
    /// - Throws: `RegistryError`.
    public func tags(repository: String) async throws -> [String] {
        struct TagList: Decodable { var tags: [String]? }
        let response = try await send(.GET, repository, "tags/list")
        switch response.status {
        case 200:
            guard let list = try? JSONDecoder().decode(TagList.self, from: response.body) else {
                throw RegistryError(message: "the registry at \(address) answered something else than a list to: list the tags of \(repository)")
            }
            return list.tags ?? []
        case 404: return []
        default: throw failure("list the tags of \(repository)", response)
        }
    }

    /// Removes every image of a repository; the registry's own garbage collection frees the layers.
    /// - Throws: `RegistryError`.
    public func removeAll(repository: String) async throws {
        for tag in try await tags(repository: repository) {
            guard let digest = try await digest(repository: repository, tag: tag), !digest.isEmpty else { continue }
            let response = try await send(.DELETE, repository, "manifests/\(digest)")
            // 404: two tags named one manifest, and it is gone already.
            guard [200, 202, 404].contains(response.status) else {
                throw failure("remove \(repository):\(tag)", response)
            }
        }
    }

    // MARK: Forwarding

    /// Sends a request of somebody else's, signed in, and hands back the answer while its body still arrives.
    /// - Parameters:
    ///   - target: a path that begins with `/v2/`, or a URL that the registry gave; only the registry itself sees credentials.
    ///   - body: sent once, so that a 401 is handed back. Without one, a refused request is tried again with a new signature.
    ///   - scopes: what a token has to allow: `repository:NAME:pull,push`.
    /// - Throws: `RegistryError` when nothing answers.
    public func forward(
        _ method: HTTPMethod, to target: String, headers: HTTPHeaders, body: HTTPClientRequest.Body?, scopes: [String]
    ) async throws -> HTTPClientResponse {
        var request = HTTPClientRequest(method, absolute(target), headers)
        request.body = body
        guard request.url.hasPrefix("https:") || transport.baseURL.hasPrefix("http:") else {
            throw RegistryError(message: "the registry at \(address) sends to plain HTTP, where images are not sent: \(method) \(scopes.first ?? "")")
        }
        // The answer to an upload comes when all of it is sent and stored.
        return try await transport.open(request, scopes: scopes, limit: body == nil ? .minutes(5) : .hours(1))
    }

    /// A place that the registry gave, as a whole URL.
    public func absolute(_ location: String) -> String {
        // A registry behind a proxy that ends TLS may not know that its clients speak it.
        let plain = "http://\(address)/"
        if location.hasPrefix(plain) { return "\(transport.baseURL)/\(location.dropFirst(plain.count))" }
        if location.hasPrefix("http://") || location.hasPrefix("https://") { return location }
        return transport.baseURL + (location.hasPrefix("/") ? location : "/v2/\(location)")
    }

    /// What to tell of an answer that is no success.
    /// - Parameter what: what was asked.
    public func refusal(to what: String, _ response: HTTPClientResponse) -> RegistryError {
        RegistryError(address: address, doing: what, status: response.status.code, code: nil, signedIn: transport.signsIn)
    }

    // MARK: Requests

    // Both generations: the registry answers 404 for a manifest whose type the client does not accept.
    private static let manifestTypes = [
        "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.distribution.manifest.list.v2+json",
    ]

    private func send(_ method: HTTPMethod, _ repository: String, _ path: String, accept: [String] = []) async throws -> RegistryTransport.Response {
        let actions = method == .DELETE ? "delete,pull" : "pull"
        return try await transport.send(method, "\(repository)/\(path)", accept: accept, scope: "repository:\(repository):\(actions)")
    }

    private func failure(_ what: String, _ response: RegistryTransport.Response) -> RegistryError {
        RegistryError(address: address, doing: what, status: response.status, code: response.code, signedIn: transport.signsIn)
    }
}
