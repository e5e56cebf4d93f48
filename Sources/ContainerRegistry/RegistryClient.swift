import AsyncHTTPClient
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1

/// Looks up and removes images in an OCI registry.
///
/// See <https://github.com/opencontainers/distribution-spec/blob/main/spec.md>.
public struct RegistryClient: Sendable {
    /// `host:port` of the registry.
    public let address: String
    private let baseURL: String
    private let http: HTTPClient

    /// - Parameters:
    ///   - insecure: plain HTTP instead of HTTPS.
    ///   - http: shared; the caller shuts it down.
    public init(address: String, insecure: Bool, http: HTTPClient) {
        self.address = address
        self.baseURL = "\(insecure ? "http" : "https")://\(address)/v2"
        self.http = http
    }

    /// Whether the repository holds a manifest with this tag.
    /// - Throws: `RegistryError` when the registry does not answer or refuses.
    public func contains(repository: String, tag: String) async throws -> Bool {
        try await digest(repository: repository, tag: tag) != nil
    }

    /// The digest of the manifest that a tag names; `nil` when there is none.
    /// - Throws: `RegistryError`.
    public func digest(repository: String, tag: String) async throws -> String? {
        let response = try await send(.HEAD, "\(repository)/manifests/\(tag)", accept: Self.manifestTypes)
        switch response.status.code {
        case 200: return response.headers.first(name: "Docker-Content-Digest") ?? ""
        case 404: return nil
        default: throw RegistryError(address: address, doing: "look up \(repository):\(tag)", got: response.status)
        }
    }

    /// All tags of a repository; empty when there is no such repository.
    /// - Throws: `RegistryError`.
    public func tags(repository: String) async throws -> [String] {
        struct TagList: Decodable { var tags: [String]? }
        let response = try await send(.GET, "\(repository)/tags/list")
        switch response.status.code {
        case 200: return try JSONDecoder().decode(TagList.self, from: response.body).tags ?? []
        case 404: return []
        default: throw RegistryError(address: address, doing: "list the tags of \(repository)", got: response.status)
        }
    }

    /// Removes every image of a repository; the registry's own garbage collection frees the layers.
    /// - Throws: `RegistryError`.
    public func removeAll(repository: String) async throws {
        for tag in try await tags(repository: repository) {
            guard let digest = try await digest(repository: repository, tag: tag), !digest.isEmpty else { continue }
            let response = try await send(.DELETE, "\(repository)/manifests/\(digest)")
            // 404: two tags named one manifest, and it is gone already.
            guard [200, 202, 404].contains(response.status.code) else {
                throw RegistryError(address: address, doing: "remove \(repository):\(tag)", got: response.status)
            }
        }
    }

    // Both generations: the registry answers 404 for a manifest whose type the client does not accept.
    private static let manifestTypes = [
        "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.distribution.manifest.list.v2+json",
    ]

    private struct Response {
        var status: HTTPResponseStatus
        var headers: HTTPHeaders
        var body: Data
    }

    private func send(_ method: HTTPMethod, _ path: String, accept: [String] = []) async throws -> Response {
        var request = HTTPClientRequest(url: "\(baseURL)/\(path)")
        request.method = method
        for type in accept { request.headers.add(name: "Accept", value: type) }
        do {
            let response = try await http.execute(request, timeout: .seconds(10))
            let body = try await response.body.collect(upTo: 4 << 20)
            return Response(status: response.status, headers: response.headers, body: Data(buffer: body))
        } catch let error as CancellationError {
            throw error
        } catch {
            throw RegistryError(address: address, message: "the registry at \(address) cannot be reached: \(Self.words(for: error))")
        }
    }

    private static func words(for error: any Error) -> String {
        (error as? HTTPClientError)?.shortDescription ?? String(describing: type(of: error))
    }
}

/// A registry that does not do what it was asked; the description is fit for a status.
public struct RegistryError: Error, CustomStringConvertible {
    public var address: String
    public var message: String
    public var description: String { message }

    init(address: String, message: String) {
        self.address = address
        self.message = message
    }

    init(address: String, doing what: String, got status: HTTPResponseStatus) {
        self.init(address: address, message: "the registry at \(address) answered \(status.code) to: \(what)")
    }
}
