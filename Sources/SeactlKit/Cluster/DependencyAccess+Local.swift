import Foundation
import KubernetesClient
import KubernetesModel
import SeawayDependencies
import SeawayLocal

extension DependencyAccess {
    /// Podman on this machine: the requests that commands about dependencies send, answered as an API server would.
    static func local(_ engine: LocalEngine) -> DependencyAccess {
        let server = LocalObjectServer(engine: engine)
        return DependencyAccess(
            send: { try await server.answer($0) },
            resourceType: { version, kind in
                let group = version.contains("/") ? String(version.prefix { $0 != "/" }) : ""
                guard let type = LocalKinds.type(group: group, kind: kind) else { throw LocalObjectServer.notFound("\(kind) of \(version)") }
                return type
            },
            watch: { try await server.watch($0, $1) },
            logTail: { log, lines in
                try await engine.logTail(pod: log.pod, namespace: log.namespace, container: log.container, lines: lines)
            },
            // Charts ask for the features of a version; there is no cluster whose version it could be.
            serverVersion: { "v1.33.0" },
            select: { LocalKinds.select($0) },
            reasonToSkip: { version, kind in
                LocalKinds.reasonToSkip(group: version.map { $0.contains("/") ? String($0.prefix { $0 != "/" }) : "" }, kind: kind)
            },
            imagesLeft: { identities in
                var found: [String] = []
                for identity in identities {
                    guard let type = LocalKinds.type(group: identity.group, kind: identity.kind) else { continue }
                    let key = ObjectKey(namespace: identity.namespace, name: identity.name)
                    found += try await engine.images(of: type, key).filter { !found.contains($0) }
                }
                return found
            })
    }
}

/// Reads requests about objects as an API server does.
struct LocalObjectServer: Sendable {
    var engine: LocalEngine
    private static let pause: Duration = .milliseconds(200)

    static func notFound(_ what: String) -> KubernetesError {
        KubernetesError(
            .api(Status(code: 404, reason: "NotFound", message: "there is no \(what) on this machine")), "there is no \(what) on this machine")
    }

    private struct Target {
        var type: ResourceType
        var namespace: String?
        var name: String?
    }

    /// `nil` for paths of kinds that are not here.
    private func target(_ path: String) -> Target? {
        var parts = path.split(separator: "/").map { String($0).removingPercentEncoding ?? String($0) }[...]
        let group = parts.first == "apis" ? parts.dropFirst().first ?? "" : ""
        parts = parts.dropFirst(group.isEmpty ? 2 : 3)
        var namespace: String?
        if parts.first == "namespaces", parts.count > 2 {
            namespace = parts.dropFirst().first
            parts = parts.dropFirst(2)
        }
        guard let plural = parts.first, let type = LocalKinds.types.first(where: { $0.plural == plural && $0.group == group }) else { return nil }
        return Target(type: type, namespace: namespace, name: parts.dropFirst().first)
    }

    func answer(_ request: APIRequest) async throws -> JSONValue {
        if request.path == "/apis" { return ["groups": [["name": "apps", "preferredVersion": ["groupVersion": "apps/v1"]]]] }
        if let name = request.path.dropPrefix("/api/v1/namespaces/"), !name.contains("/") { return ["metadata": ["name": .string(name)]] }
        guard let target = target(request.path) else { throw Self.notFound(request.path) }
        switch (request.method, target.name) {
        case ("GET", let name?):
            let isMetadata = request.header("Accept")?.contains("PartialObjectMetadata") == true
            let key = ObjectKey(namespace: target.namespace, name: name)
            guard let object = try await engine.object(target.type, key, withStatus: !isMetadata) else {
                throw Self.notFound("\(target.type.kind) \(key)")
            }
            return object
        case ("GET", nil):
            return ["items": .array(try await list(request, target))]
        case ("PATCH", _?) where request.header("Content-Type") == "application/apply-patch+yaml":
            let object = try JSONValue(parsing: request.body ?? Data())
            return try await engine.applyObject(target.type, object, dryRun: request.queryValue("dryRun") != nil)
        case ("DELETE", let name?):
            let options = try request.body.map { try JSONValue(parsing: $0) }
            let key = ObjectKey(namespace: target.namespace, name: name)
            guard try await engine.deleteObject(target.type, key, uid: options?["preconditions"]?["uid"]?.stringValue) else {
                throw Self.notFound("\(target.type.kind) \(key)")
            }
            return [:]
        default:
            throw KubernetesError(.invalidRequest, "\(request) has no meaning on one machine")
        }
    }

    private func list(_ request: APIRequest, _ target: Target) async throws -> [JSONValue] {
        let isMetadata = request.header("Accept")?.contains("PartialObjectMetadata") == true
        let name = request.queryValue("fieldSelector").flatMap { $0.dropPrefix("metadata.name=") }
        return try await engine.objects(
            target.type, namespace: target.namespace, labelSelector: request.queryValue("labelSelector"), name: name, withStatus: !isMetadata)
    }

    /// Looks again and again, and hands over what is different.
    func watch(_ request: APIRequest, _ handle: @Sendable (WatchEvent<UntypedObject>) -> Bool) async throws {
        guard let target = target(request.path) else { return try await Task.sleep(for: .seconds(60)) }
        var before: [String: JSONValue] = [:]
        while true {
            let objects = try await list(request, target)
            let present = Dictionary(objects.map { ($0["metadata"]?["name"]?.stringValue ?? "", $0) }, uniquingKeysWith: { $1 })
            for (name, object) in present where before[name] != object {
                guard handle(before[name] == nil ? .added(try object.decode()) : .modified(try object.decode())) else { return }
            }
            for (name, object) in before where present[name] == nil {
                guard handle(.deleted(try object.decode())) else { return }
            }
            before = present
            try await Task.sleep(for: Self.pause)
        }
    }
}

extension String {
    fileprivate func dropPrefix(_ prefix: String) -> String? { hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil }
}
