import AsyncHTTPClient
import Foundation
import NIOHTTP1
import Synchronization

@testable import KubernetesClient

/// A right, as a rule of RBAC gives it and as a request to the API server needs it.
struct Right: Hashable, Comparable, CustomStringConvertible {
    var verb: String
    var group: String
    /// With its subresource: `pods/log`.
    var resource: String

    var description: String { "\(verb) \(resource)\(group.isEmpty ? "" : ".\(group)")" }
    static func < (left: Right, right: Right) -> Bool { left.description < right.description }
}

/// The real way to the server, which remembers what was asked of it.
final class RecordingTransport: Sendable {
    private let live: HTTPTransport
    private let used = Mutex<Set<Right>>([])
    private let types = Mutex<Set<String>>([])

    init(_ configuration: ClusterConfiguration) throws { live = try .live(configuration) }

    var rights: Set<Right> { used.withLock { $0 } }
    /// `apps/v1 deployments`
    var resources: Set<String> { types.withLock { $0 } }

    func client(_ configuration: ClusterConfiguration) -> KubernetesClient {
        KubernetesClient(
            configuration: configuration,
            transport: HTTPTransport(
                execute: { [self] request, lane in
                    let response = try await live.execute(request, lane)
                    note(request, status: response.status)
                    return response
                }, shutdown: { [live] in try await live.shutdown() }))
    }

    private func note(_ request: HTTPClientRequest, status: HTTPResponseStatus) {
        guard let url = URLComponents(string: request.url) else { return }
        var segments = url.path.split(separator: "/").map(String.init)
        // `/version` and discovery need no rule: everybody who is logged in may ask them.
        guard let root = segments.first, root == "api" || root == "apis", segments.count > (root == "api" ? 2 : 3) else { return }
        let group = root == "api" ? "" : segments[1]
        let version = root == "api" ? segments[1] : segments[2]
        segments.removeFirst(root == "api" ? 2 : 3)
        if segments[0] == "namespaces", segments.count > 2 { segments.removeFirst(2) }
        let resource = segments[0] + (segments.count > 2 ? "/\(segments[2])" : "")
        let isNamed = segments.count > 1
        let isWatch = url.queryItems?.contains { $0.name == "watch" && $0.value == "true" } ?? false
        var verbs: [String] =
            switch request.method {
            case .GET: [isWatch ? "watch" : isNamed ? "get" : "list"]
            case .POST: ["create"]
            case .PUT: ["update"]
            case .PATCH: ["patch"]
            case .DELETE: [isNamed ? "delete" : "deletecollection"]
            default: ["\(request.method)"]
            }
        // An apply that makes the object asks for both.
        if request.method == .PATCH, status == .created { verbs.append("create") }
        used.withLock { used in
            for verb in verbs { used.insert(Right(verb: verb, group: group, resource: resource)) }
        }
        _ = types.withLock { $0.insert("\(group.isEmpty ? "" : "\(group)/")\(version) \(segments[0])") }
    }
}
