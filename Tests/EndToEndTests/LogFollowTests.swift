import AsyncHTTPClient
import KubernetesModel
import NIOCore
import Synchronization
import Testing

@testable import KubernetesClient

/// A container's log on a real node, followed over connections that break.
@Suite(.disabled(if: TestCluster.isSkipped, "SEAWAY_SKIP_CLUSTER_TESTS"))
struct LogFollowTests {
    private static let count = 400

    @Test func noLineIsLeftOutOrRepeated() async throws {
        try await TestCluster.with { cluster in
            try await DependencyProject.with(cluster) { project in
                // Some lines come at once, so that a second holds many.
                let counts = "import time; [(print(n), time.sleep(0.1 if n % 20 == 0 else 0)) for n in range(\(Self.count))]"
                try project.manifest(waiting: "{kind: Pod, name: talks, for: \"jsonpath={.status.containerStatuses[*].containerID}\", timeout: 5m}")
                try project.write("k8s/pod.yaml", project.workload("Pod", "talks", counts))
                let applied = try await project.deps("apply")
                #expect(applied.exitCode == 0, "\(applied)")

                let configuration = try ClusterConfiguration.load(kubeconfig: cluster.kubeconfig)
                let live = try HTTPTransport.live(configuration)
                let cuts = Mutex(0)
                let client = KubernetesClient(
                    configuration: configuration,
                    transport: HTTPTransport(
                        execute: { request, lane in
                            var response = try await live.execute(request, lane)
                            // The first connections hold for a few pieces each, the last for the rest.
                            let cut = cuts.withLock { cuts in
                                cuts += 1
                                return cuts
                            }
                            if lane == .log, cut < 6 { response.body = .stream(CutBody(base: response.body, limit: 2)) }
                            return response
                        }, shutdown: { try await live.shutdown() }))
                let lines = Mutex<[String]>([])
                try await client.followLog(pod: "talks", namespace: project.namespace, container: "main") { line in
                    lines.withLock { $0.append(line) }
                }
                try await client.shutdown()
                #expect(lines.withLock { $0 } == (0..<Self.count).map(String.init))
                #expect(cuts.withLock { $0 } >= 6)
            }
        }
    }
}

/// The first pieces of a body, then a broken connection.
private struct CutBody: AsyncSequence, Sendable {
    typealias Element = ByteBuffer
    let base: HTTPClientResponse.Body
    let limit: Int

    func makeAsyncIterator() -> Iterator { Iterator(base: base.makeAsyncIterator(), left: limit) }

    struct Iterator: AsyncIteratorProtocol {
        var base: HTTPClientResponse.Body.AsyncIterator
        var left: Int

        mutating func next() async throws -> ByteBuffer? {
            guard left > 0 else { throw HTTPClientError.remoteConnectionClosed }
            left -= 1
            return try await base.next()
        }
    }
}
