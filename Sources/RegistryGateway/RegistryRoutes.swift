import AsyncHTTPClient
import ContainerRegistry
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import SourceService

/// The operator's side of the way from builds to a registry that wants a login or has a certificate authority of its own: what a
/// build may not do is refused, and the rest is forwarded with the credentials, which no build pod ever sees.
public struct RegistryRoutes: Sendable {
    private typealias Context = BasicRequestContext

    private let registry: RegistryClient
    private let readable: [String]
    private let isBuilding: @Sendable (_ namespace: String, _ pod: String) -> Bool
    private let locations = UploadLocations()

    /// - Parameters:
    ///   - registry: signed in. Its connections should wait long: a registry may take minutes to finish an upload.
    ///   - readable: beginnings of the names of repositories that every build may read.
    ///   - isBuilding: whether the builder in this pod still works, or may yet begin.
    public init(registry: RegistryClient, readable: [String], isBuilding: @escaping @Sendable (_ namespace: String, _ pod: String) -> Bool) {
        self.registry = registry
        self.readable = readable
        self.isBuilding = isBuilding
    }

    /// Adds the routes; each is for the namespace of the caller's token alone.
    public func add(to router: Router<BasicRequestContext>, _ authorizer: RequestAuthorizer) {
        let base = "v1/namespaces/{namespace}/environments/{environment}"
        for method in [HTTPRequest.Method.get, .head, .put, .post, .patch, .delete] {
            for path in ["\(base)/registry/v2", "\(base)/registry/v2/**"] {
                router.on(RouterPath(path), method: method) { request, context in
                    try await forward(request, for: authorizer.authorize(request, context))
                }
            }
        }
        router.get("\(base)/builds/{pod}") { request, context in
            let environment = try await authorizer.authorize(request, context)
            let pod = try context.parameters.require("pod")
            return BuildState(isOver: !isBuilding(environment.namespace, pod))
        }
    }

    private func forward(_ request: Request, for environment: ObjectName) async throws -> Response {
        let path = request.uri.path
        guard let start = path.range(of: "/registry/v2") else { throw HTTPError(.notFound) }
        let rest = path[start.upperBound...].drop { $0 == "/" }
        // "Do you speak this, and do you let me in?"
        if rest.isEmpty { return Response(status: .ok, headers: [.contentType: "application/json"], body: .init(byteBuffer: .init(string: "{}"))) }
        guard let asked = BuildRequest(path: String(rest)) else {
            return Response(refusal: "UNSUPPORTED", "builds have no use for this request", status: .notFound)
        }
        let rights = BuildRights(repository: "\(environment.namespace)/\(environment.name)", readable: readable)
        switch rights.verdict(on: request.method.rawValue, asked) {
        case .refused(let code, let message):
            return Response(refusal: code, message, status: code == "DENIED" ? .forbidden : .methodNotAllowed)
        case .allowed(let scope):
            return try await forward(request, asked, rights, scopes: [scope])
        }
    }

    private func forward(_ request: Request, _ asked: BuildRequest, _ rights: BuildRights, scopes: [String]) async throws -> Response {
        var scopes = scopes
        guard let target = target(of: request, asked, rights, &scopes) else {
            return Response(refusal: "BLOB_UPLOAD_UNKNOWN", "this upload is not known any more; begin it anew", status: .notFound)
        }
        var headers = HTTPHeaders()
        for field in request.headers where Self.sent.contains(field.name.canonicalName) { headers.add(name: field.name.rawName, value: field.value) }
        let method = HTTPMethod(rawValue: request.method.rawValue)
        do {
            let (access, sent) = (scopes, headers)
            let answer = try await withBody(of: request) { body in
                try await registry.forward(method, to: target, headers: sent, body: body, scopes: access)
            }
            return try await passedOn(answer, to: request, asked)
        } catch let error as RegistryError {
            return Response(refusal: "UNAVAILABLE", error.message, status: .badGateway)
        }
    }

    /// Where a request goes, with the parts of its query that mean something there.
    private func target(of request: Request, _ asked: BuildRequest, _ rights: BuildRights, _ scopes: inout [String]) -> String? {
        let given = (request.uri.query ?? "").split(separator: "&").map(String.init)
        func items(_ names: String...) -> [String] { given.filter { item in names.contains { item.hasPrefix("\($0)=") } } }
        let base = "/v2/\(asked.repository)"
        switch asked.resource {
        case .manifest(let reference): return "\(base)/manifests/\(reference)"
        case .blob(let digest): return "\(base)/blobs/\(digest)"
        case .referrers(let digest): return Self.url("\(base)/referrers/\(digest)", items("artifactType"))
        case .tags: return Self.url("\(base)/tags/list", items("n", "last"))
        case .uploads:
            var kept = items("digest")
            // A layer of a base image need not be sent, if the build may read it there.
            if let from = items("from").first?.dropFirst("from=".count).removingPercentEncoding, rights.mayRead(from), let blob = items("mount").first
            {
                scopes.append("repository:\(from):pull")
                kept += [blob, "from=\(from)"]
            }
            return Self.url("\(base)/blobs/uploads/", kept)
        case .upload(let name):
            return locations.url(named: name, repository: asked.repository).map { Self.url($0, items("digest")) }
        }
    }

    private static func url(_ path: String, _ items: [String]) -> String {
        items.isEmpty ? path : path + (path.contains("?") ? "&" : "?") + items.joined(separator: "&")
    }

    private func passedOn(_ answer: HTTPClientResponse, to request: Request, _ asked: BuildRequest) async throws -> Response {
        // The builder has no login that it could try.
        if answer.status == .unauthorized {
            let error = registry.refusal(to: "\(request.method.rawValue) in \(asked.repository)", answer)
            return Response(refusal: "DENIED", error.message, status: .forbidden)
        }
        if (300..<400).contains(answer.status.code), answer.status != .notModified {
            let error = registry.refusal(to: "\(request.method.rawValue) in \(asked.repository)", answer)
            return Response(refusal: "UNAVAILABLE", error.message, status: .badGateway)
        }
        var response = Response(passingOn: answer, to: request.method, keeping: Self.received)
        if let location = answer.headers.first(name: "Location") {
            response.headers[.location] = self.location(location, asked)
        }
        return response
    }

    /// The registry's place in terms of the gateway.
    private func location(_ location: String, _ asked: BuildRequest) -> String {
        let base = "/v2/\(asked.repository)"
        switch asked.resource {
        case .manifest(let reference): return "\(base)/manifests/\(reference)"
        case .uploads, .upload:
            // Of a finished upload as well: nobody has to look at the place of a blob, and its digest finds it.
            return "\(base)/blobs/uploads/\(locations.name(for: registry.absolute(location), repository: asked.repository))"
        case .blob, .tags, .referrers: return base
        }
    }

    private static let sent: Set<String> = [
        "accept", "content-type", "content-range", "range", "if-match", "if-none-match",
    ]
    private static let received: Set<String> = [
        "content-type", "content-length", "content-range", "accept-ranges", "range", "etag", "docker-content-digest",
        "docker-distribution-api-version", "docker-upload-uuid", "oci-subject", "oci-chunk-min-length", "oci-filters-applied", "retry-after",
    ]
}

/// What the operator says of a build, to what serves it.
struct BuildState: ResponseEncodable, Codable {
    var isOver: Bool
}
