import Foundation
import KubernetesClient
import KubernetesModel
import SeawayAPI
import Testing

/// The operator may die at any time. Its own suite, since the others share the operator: see `scripts/test`.
@Suite(.enabled(if: !TestCluster.isSkipped), .timeLimit(.minutes(40)))
struct OperatorRestartTests {
    @Test func aBuildIsFinishedByTheNextOperatorAndNothingIsDoneTwice() async throws {
        try await TestCluster.with { cluster in
            try await Application.with(cluster) { application in
                // Long enough to be killed in the middle of.
                try application.write("Dockerfile", application.dockerfile("RUN sleep 8"))
                async let synced = application.sync()
                try await application.builds()
                let job = try #require(try await cluster.buildJob(application))
                let restarts = try await operatorRestarts(cluster)
                let killed = try ClusterProcess.killAll(command: "/usr/bin/seaway operator")
                #expect(killed == 1)

                let ended = try await synced.ended
                #expect(ended.exitCode == 0, "\(ended)")
                #expect(try await operatorRestarts(cluster) == restarts + 1)
                #expect(try await cluster.buildJob(application) == job)
                #expect(try await application.buildPods().count == 1)
                let status = try #require(try await cluster.environment(application).status)
                #expect(ConditionInvariants.violations(status) == [])
                #expect(status.isTrue(.ready))
            }
        }
    }

    private func operatorRestarts(_ cluster: TestCluster) async throws -> Int {
        try await cluster.operatorPods().compactMap { $0.status?.containerStatuses?.first?.restartCount }.reduce(0, +)
    }
}
