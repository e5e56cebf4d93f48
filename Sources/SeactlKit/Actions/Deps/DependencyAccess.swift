import KubernetesClient
import KubernetesModel
import SeawayDependencies

/// What the commands about dependencies do to a cluster: requests about objects of any kind. Tests give their own closures.
struct DependencyAccess: Sendable {
    var send: @Sendable (APIRequest) async throws -> JSONValue
    /// Where a kind is served.
    var resourceType: @Sendable (_ apiVersion: String, _ kind: String) async throws -> ResourceType
    /// Hands over events until `handle` returns false or the server ends the watch.
    var watch: @Sendable (APIRequest, _ handle: @escaping @Sendable (WatchEvent<UntypedObject>) -> Bool) async throws -> Void
    /// The last lines of a container's log.
    var logTail: @Sendable (WaitVerdict.PodLog, _ lines: Int) async throws -> [String]
    var serverVersion: @Sendable () async throws -> String
    /// What of a dependency's objects this engine runs, and why it leaves the others out.
    var select: @Sendable ([WantedObject]) -> (kept: [WantedObject], skipped: [(object: WantedObject, reason: String)]) = { ($0, []) }
    /// Why nothing of a kind is here to wait for; `nil` where it may be.
    var reasonToSkip: @Sendable (_ apiVersion: String?, _ kind: String) -> String? = { _, _ in nil }
    /// Images that stay on this machine when these objects are removed.
    var imagesLeft: @Sendable ([ObjectIdentity]) async throws -> [String] = { _ in [] }

    /// Of a connection that no command about dependencies uses.
    static var unavailable: DependencyAccess {
        let failure = CommandFailure(.clusterFailed, "this connection does not reach the dependencies")
        return DependencyAccess(
            send: { _ in throw failure }, resourceType: { _, _ in throw failure }, watch: { _, _ in throw failure },
            logTail: { _, _ in throw failure }, serverVersion: { throw failure })
    }

    static func live(_ client: KubernetesClient) -> DependencyAccess {
        DependencyAccess(
            send: { try await client.send($0, as: JSONValue.self) },
            resourceType: { try await client.resourceType(apiVersion: $0, kind: $1) },
            watch: { request, handle in
                try await client.withWatch(request) { events in
                    for try await event in events where !handle(event) { return }
                }
            },
            logTail: { log, lines in
                try await client.logTail(
                    pod: log.pod, namespace: log.namespace, container: log.container, previous: log.previous, lines: lines)
            },
            serverVersion: { try await client.serverVersion() })
    }
}

extension DependencyAccess {
    /// Requests that are under way at once.
    static let width = 16
    /// Asks for an answer that has the object's metadata alone.
    static let onlyMetadata = QueryItem("Accept", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json")

    /// `nil` when there is no such object.
    func get(_ type: ResourceType, name: String, namespace: String?) async throws -> JSONValue? {
        do {
            return try await send(.get(type, name: name, namespace: namespace))
        } catch let error as KubernetesError where error.isNotFound {
            return nil
        }
    }

    /// The metadata alone, which for Secrets and large objects is all that is wanted.
    func metadata(_ type: ResourceType, name: String, namespace: String?) async throws -> JSONValue? {
        var request = APIRequest.get(type, name: name, namespace: namespace)
        request.headers.append(Self.onlyMetadata)
        do {
            return try await send(request)["metadata"]
        } catch let error as KubernetesError where error.isNotFound {
            return nil
        }
    }

    /// The metadata of all objects of a kind; none where the kind or the namespace is not there.
    func listMetadata(_ type: ResourceType, namespace: String?, labelSelector: String? = nil) async throws -> [JSONValue] {
        var found: [JSONValue] = []
        var token: String?
        repeat {
            var request = APIRequest.list(type, namespace: namespace, labelSelector: labelSelector, limit: 500, continue: token)
            request.headers.append(QueryItem("Accept", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"))
            do {
                let page = try await send(request)
                found += (page["items"]?.arrayValue ?? []).compactMap { $0["metadata"] }
                token = page["metadata"]?["continue"]?.stringValue.flatMap { $0.isEmpty ? nil : $0 }
            } catch let error as KubernetesError where error.isNotFound {
                return found
            }
        } while token != nil
        return found
    }

    /// Follows the objects that a selector matches: hands over all of them at first and after each change, until `handle` returns false.
    func follow(
        _ type: ResourceType, namespace: String?, name: String? = nil, labelSelector: String? = nil,
        handle: @escaping @Sendable ([JSONValue]) -> Bool
    ) async throws {
        let fields = name.map { "metadata.name=\($0)" }
        var failures = 0
        while true {
            do {
                let list = try await send(.list(type, namespace: namespace, labelSelector: labelSelector, fieldSelector: fields))
                let view = ObjectView(list["items"]?.arrayValue ?? [], handle)
                failures = 0
                guard view.show() else { return }
                let request = APIRequest.watch(
                    type, namespace: namespace, labelSelector: labelSelector, fieldSelector: fields,
                    resourceVersion: list["metadata"]?["resourceVersion"]?.stringValue, timeoutSeconds: KubernetesClient.longestWatch)
                try await watch(request) { view.note($0) }
                if view.isOver { return }
                // The server ended the watch, perhaps at once: the next look must not become a loop without a pause.
                try await Task.sleep(for: .milliseconds(100))
            } catch let error as KubernetesError where error.isTransient || error.isGone {
                failures += 1
                guard failures < 12 else { throw error }
                try await Task.sleep(for: .milliseconds(min(100 << failures, 10_000)))
            }
        }
    }
}

/// Does `work` for each element, a bounded number at once; results in the order of the elements.
func concurrently<Element: Sendable, Result: Sendable>(
    _ elements: [Element], limit: Int = DependencyAccess.width, _ work: @escaping @Sendable (Element) async throws -> Result
) async throws -> [Result] {
    try await withThrowingTaskGroup(of: (Int, Result).self) { group in
        var results: [Result?] = Array(repeating: nil, count: elements.count)
        for (index, element) in elements.enumerated() {
            if index >= limit, let (done, result) = try await group.next() { results[done] = result }
            group.addTask { (index, try await work(element)) }
        }
        for try await (done, result) in group { results[done] = result }
        return results.compactMap(\.self)
    }
}
