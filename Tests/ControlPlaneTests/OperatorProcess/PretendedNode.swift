import AsyncHTTPClient
import Crypto
import Foundation
import KubernetesClient
import KubernetesModel
import KubernetesRuntime
import NIOCore
import NIOHTTP1
import SeawayAPI
import Synchronization

/// Plays the node, which a control plane does not have: it says of each pod what a kubelet would say, and what a builder pushes is pushed.
final class PretendedNode: Sendable {
    enum Builds: Sendable { case succeed, fail, hang }

    private let client: KubernetesClient
    private let namespace: String?
    private let registry: String
    private let buildTime: Duration
    private let how = Mutex(Builds.succeed)
    private let applicationsAreReady = Mutex(true)
    private let seen = Mutex<[String: Set<String>]>([:])

    /// - Parameters:
    ///   - namespace: of the pods; `nil` is all.
    ///   - registry: `host:port` of a registry that takes images from anybody.
    ///   - buildTime: how long a build that succeeds takes.
    init(_ client: KubernetesClient, namespace: String?, registry: String, buildTime: Duration = .zero) {
        self.client = client
        self.namespace = namespace
        self.registry = registry
        self.buildTime = buildTime
    }

    /// What becomes of builds that begin from now on.
    func builds(_ how: Builds) { self.how.withLock { $0 = how } }

    /// Whether pods of applications that begin from now on get ready.
    func applications(areReady: Bool) { applicationsAreReady.withLock { $0 = areReady } }

    /// uids of the build pods that there were, by their Jobs' uids.
    var buildPods: [String: Set<String>] { seen.withLock { $0 } }

    func run() async throws {
        let pods = Informer<Pod>(client: client, namespace: namespace, labelSelector: "\(Names.managedByLabel)=\(Names.managedByValue)")
        let (changes, change) = AsyncStream<Pod>.makeStream()
        pods.onChange { _, old, new in
            if old == nil, let new { change.yield(new) }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await pods.run() }
            for await pod in changes where pod.metadata.deletionTimestamp == nil {
                group.addTask {
                    // One that is deleted meanwhile needs nobody.
                    do { try await self.start(pod) } catch let error as KubernetesError where error.isNotFound {}
                }
            }
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    private func start(_ pod: Pod) async throws {
        guard pod.metadata.labels?[Names.buildLabel] != nil else {
            return try await tell(
                pod, phase: "Running", container: Names.applicationContainer, ["running": ["startedAt": now]],
                isReady: applicationsAreReady.withLock { $0 })
        }
        if let job = pod.metadata.ownerReferences?.first?.uid, let uid = pod.metadata.uid {
            _ = seen.withLock { $0[job, default: []].insert(uid) }
        }
        switch how.withLock({ $0 }) {
        case .hang: try await tell(pod, phase: "Running", container: Names.buildContainer, ["running": ["startedAt": now]], isReady: true)
        case .fail: try await tell(pod, phase: "Failed", container: Names.buildContainer, ended(with: 1), isReady: false)
        case .succeed:
            if buildTime > .zero {
                try await tell(pod, phase: "Running", container: Names.buildContainer, ["running": ["startedAt": now]], isReady: true)
                try await Task.sleep(for: buildTime)
            }
            let job = try await client.get(Job.self, pod.metadata.ownerReferences?.first?.name ?? "", namespace: pod.namespace ?? "")
            try await push(
                Names.repository(namespace: pod.namespace ?? "", environment: pod.metadata.labels?[Names.buildLabel] ?? ""),
                job.metadata.annotations?[Names.buildDigestAnnotation] ?? "")
            try await tell(pod, phase: "Succeeded", container: Names.buildContainer, ended(with: 0), isReady: false)
        }
    }

    private var now: JSONValue { .string("\(Timestamp(Date()))") }

    private func ended(with code: Int) -> JSONValue {
        ["terminated": ["exitCode": .int(code), "reason": code == 0 ? "Completed" : "Error", "startedAt": now, "finishedAt": now]]
    }

    private func tell(_ pod: Pod, phase: String, container: String, _ state: JSONValue, isReady: Bool) async throws {
        let conditions = ["Initialized", "PodScheduled", "ContainersReady", "Ready"].map { type -> JSONValue in
            [
                "type": .string(type), "status": isReady || type == "Initialized" || type == "PodScheduled" ? "True" : "False",
                "lastTransitionTime": now,
            ]
        }
        let status: JSONValue = [
            "phase": .string(phase), "startTime": now, "conditions": .array(conditions),
            "containerStatuses": [
                [
                    "name": .string(container), "state": state, "ready": .bool(isReady), "restartCount": 0, "image": "image", "imageID": "",
                    "lastState": [:],
                ]
            ],
        ]
        _ = try await client.mergePatch(
            .pods, ["metadata": ["uid": .string(pod.metadata.uid ?? "")], "status": status], name: pod.name, namespace: pod.namespace,
            subresource: "status")
    }

    // MARK: The registry

    private func push(_ repository: String, _ tag: String) async throws {
        let digest = "sha256:" + SHA256.hash(data: Data("{}".utf8)).map { String(format: "%02x", $0) }.joined()
        let place = try await send(.POST, "/v2/\(repository)/blobs/uploads/").headers.first(name: "Location") ?? ""
        let path = place.firstRange(of: "/v2/").map { String(place[$0.lowerBound...]) } ?? place
        _ = try await send(.PUT, path + (path.contains("?") ? "&" : "?") + "digest=\(digest)", "{}", type: "application/octet-stream")
        let type = "application/vnd.oci.image.manifest.v1+json"
        let manifest = """
            {"schemaVersion": 2, "mediaType": "\(type)", "layers": [], "annotations": {"tag": "\(tag)"},
             "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "\(digest)", "size": 2}}
            """
        _ = try await send(.PUT, "/v2/\(repository)/manifests/\(tag)", manifest, type: type)
    }

    private struct PushFailed: Error { var status: UInt }

    private func send(_ method: HTTPMethod, _ path: String, _ body: String = "", type: String? = nil) async throws -> HTTPClientResponse {
        var request = HTTPClientRequest(url: "http://\(registry)\(path)")
        request.method = method
        if let type { request.headers.add(name: "Content-Type", value: type) }
        request.body = .bytes(ByteBuffer(string: body))
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        guard (200..<300).contains(response.status.code) else { throw PushFailed(status: response.status.code) }
        _ = try await response.body.collect(upTo: 1 << 20)
        return response
    }
}
