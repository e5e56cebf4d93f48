import Foundation
import KubernetesClient
import KubernetesModel
import SeawayAPI
import Testing

#if canImport(Glibc)
    import Glibc
#endif

/// The operator may die at any time. Its own suite, since the others share the operator: see `scripts/test`.
@Suite(.enabled(if: !TestCluster.isSkipped), .timeLimit(.minutes(40)))
struct OperatorRestartTests {
    @Test func aBuildIsFinishedByTheNextOperatorAndNothingIsDoneTwice() async throws {
        try await TestCluster.with { cluster in
            try await Application.with(cluster) { application in
                // Long enough to be killed in the middle of.
                try application.write("Dockerfile", application.dockerfile("RUN sleep 8"))
                async let synced = application.sync()
                let job = try await cluster.eventually("the builder to run") {
                    let pods = try await cluster.client.list(
                        Pod.self, namespace: application.namespace, labelSelector: "\(Names.buildLabel)=\(application.name)")
                    let builds = pods.items.contains { pod in
                        pod.status?.containerStatuses?.contains { $0.name == Names.buildContainer && $0.state?.running != nil } ?? false
                    }
                    return builds ? try await cluster.buildJob(application) : nil
                }
                let restarts = try await operatorRestarts(cluster)
                let killed = try kill9(command: "/usr/bin/seaway operator")
                #expect(killed == 1)

                let ended = try await synced.ended
                #expect(ended.exitCode == 0, "\(ended)")
                #expect(try await operatorRestarts(cluster) == restarts + 1)
                #expect(try await cluster.buildJob(application) == job)
                let pods = try await cluster.client.list(
                    Pod.self, namespace: application.namespace, labelSelector: "\(Names.buildLabel)=\(application.name)")
                #expect(pods.items.count == 1)
                let status = try #require(try await cluster.environment(application).status)
                #expect(ConditionInvariants.violations(status) == [])
                #expect(status.isTrue(.ready))
            }
        }
    }

    private func operatorRestarts(_ cluster: TestCluster) async throws -> Int {
        try await cluster.operatorPods().compactMap { $0.status?.containerStatuses?.first?.restartCount }.reduce(0, +)
    }

    /// Sends SIGKILL to the processes with this command line; a container's processes are visible on its node.
    /// - Returns: how many there were.
    private func kill9(command: String) throws -> Int {
        var killed = 0
        for name in try FileManager.default.contentsOfDirectory(atPath: "/proc") {
            guard let pid = pid_t(name), let line = FileManager.default.contents(atPath: "/proc/\(name)/cmdline") else { continue }
            let words = String(decoding: line, as: UTF8.self).split(separator: "\0").joined(separator: " ")
            if words.hasPrefix(command), kill(pid, SIGKILL) == 0 { killed += 1 }
        }
        return killed
    }
}
