import Foundation
import KubernetesClient
import KubernetesModel
import SeawayAPI
import Synchronization
import Testing

extension OutageTests {
    /// Parts of the cluster that go away in the middle of a sync, for as long as a restart or a hiccup takes: nothing is lost, the sync
    /// ends well by itself, and `seactl` says what it waits for.
    @Suite(
        .enabled(if: !TestCluster.isSkipped), .enabled(if: ClusterProcess.isPossible, "the cluster's processes are not on this machine"),
        .serialized, .timeLimit(.minutes(20))) struct ClusterOutageTests
    {
        @Test func theAPIServerIsKilledAndThenEtcdHangs() async throws {
            try await TestCluster.with { cluster in
                try await Application.with(cluster) { application in
                    // Outlasts the first outage, however long that takes; the test ends it in the second.
                    let step = "sleep 4321"
                    try application.write("Dockerfile", application.dockerfile("RUN \(step) || true"))
                    let printed = Mutex("")
                    async let syncing = application.sync { text in printed.withLock { $0 = text } }
                    try await application.builds()
                    let job = try await cluster.buildJob(application)
                    try await ClusterProcess("kube-apiserver").restart()
                    // What is told of the second outage begins only once the first has been told to be over.
                    _ = try await cluster.eventually("seactl to hear of the API server") {
                        printed.withLock { $0.contains("the API server answers again") } ? true : nil
                    }
                    try await ClusterProcess("etcd").frozen {
                        // The build ends meanwhile, and nobody can write that down.
                        try #require(try ClusterProcess.killAll(command: step) == 1)
                        try await Task.sleep(for: .seconds(30))
                    }

                    let (ended, url) = try await syncing
                    try #require(ended.exitCode == 0, "\(ended)")
                    #expect(ended.output.components(separatedBy: "the API server does not answer").count > 2, "\(ended)")
                    try await application.serves(try #require(url), "hello one")
                    // One build, though nobody could say for a while that there is one.
                    #expect(try await cluster.buildJob(application) == job)
                    let status = try #require(try await cluster.environment(application).status)
                    #expect(status.isTrue(.ready) && ConditionInvariants.violations(status) == [])
                }
            }
        }

        @Test func connectionsToTheAPIServerAreCutAgainAndAgain() async throws {
            try await TestCluster.with { cluster in
                try await Application.with(cluster) { application in
                    try application.write("Dockerfile", application.dockerfile("RUN sleep 5"))
                    async let syncing = application.sync()
                    try await application.builds()
                    let port = try #require(URL(string: cluster.client.configuration.server)?.port)
                    var cut = 0
                    for _ in 0..<3 {
                        // Everybody's: the operator's, the node's, the controllers', those of `seactl` and of this test.
                        let killed = try await run("ss", ["--kill", "--no-header", "--tcp", "state", "established", "sport = :\(port)"])
                        cut += killed.output.split(separator: "\n").count
                        try await Task.sleep(for: .seconds(2))
                    }
                    #expect(cut > 0)
                    let (ended, url) = try await syncing
                    try #require(ended.exitCode == 0, "\(ended)")
                    try await application.serves(try #require(url), "hello one")
                }
            }
        }

        /// A minute, since that is what has to be outlived.
        @Test func theObjectStoreHangsForAMinute() async throws {
            try await TestCluster.with { cluster in
                try await Application.with(cluster) { sending in
                    try await Application.with(cluster) { building in
                        try await sending.works(says: "hello one")
                        try sending.write("page.txt", "hello two\n")
                        async let built = building.sync()
                        // The build's sources are stored, and on their way into its pod.
                        _ = try await cluster.eventually("the build") { try await cluster.buildJob(building) }
                        let store = try ClusterProcess("s3")
                        async let sent = try await store.frozen {
                            try await cluster.isTroubled(sending, "SourceStoreUnavailable")
                            try await Task.sleep(for: .seconds(56))
                        }
                        let (ended, url) = try await sending.sync()
                        try await sent
                        try #require(ended.exitCode == 0, "\(ended)")
                        #expect(ended.output.contains("the object store does not answer; trying again for up to 2 min"), "\(ended)")
                        #expect(ended.output.contains("the operator answers again"), "\(ended)")
                        try await sending.serves(try #require(url), "hello two")
                        let other = try await built
                        try #require(other.ended.exitCode == 0, "\(other.ended)")
                        try await building.serves(try #require(other.url), "hello one")
                    }
                }
            }
        }

        /// A minute, since that is what has to be outlived.
        @Test func theRegistryIsAwayForAMinute() async throws {
            try await TestCluster.with { cluster in
                try await Application.with(cluster) { beginning in
                    try await Application.with(cluster) { pushing in
                        try pushing.write("Dockerfile", pushing.dockerfile("RUN echo the base is there; sleep 10"))
                        async let pushed = pushing.sync()
                        // What it pushes then meets nobody.
                        try await pushing.builds(saying: "the base is there")
                        async let away: Void = cluster.withoutRegistry { try await Task.sleep(for: .seconds(60)) }
                        let (ended, url) = try await beginning.sync()
                        try await away
                        try #require(ended.exitCode == 0, "\(ended)")
                        #expect(ended.output.contains("the registry cannot be asked"), "\(ended)")
                        #expect(ended.output.contains("trying again for up to 120 s"), "\(ended)")
                        try await beginning.serves(try #require(url), "hello one")
                        let other = try await pushed
                        try #require(other.ended.exitCode == 0, "\(other.ended)")
                        #expect(other.ended.output.contains("the registry does not take the image; trying again"), "\(other.ended)")
                        try await pushing.serves(try #require(other.url), "hello one")
                    }
                }
            }
        }
    }
}

extension Application {
    /// Waits until the builder's log has a line.
    fileprivate func builds(saying line: String) async throws {
        try await builds()
        let pod = try #require(try await buildPods().last?.name)
        _ = try await cluster.eventually("'\(line)' in the build's log") {
            let lines = try await cluster.client.logTail(pod: pod, namespace: namespace, container: Names.buildContainer, lines: 50)
            return lines.contains(line) ? true : nil
        }
    }
}

extension TestCluster {
    /// Waits until `env status` says what keeps syncs from going on.
    func isTroubled(_ application: Application, _ reason: String) async throws {
        _ = try await eventually("the trouble \(reason)") {
            let shown = try await application.seactl("env", "status")
            return shown.output.contains("Trouble") && shown.output.contains(reason) ? true : nil
        }
    }

    /// Does something while no pod of the registry runs.
    func withoutRegistry(_ body: () async throws -> Void) async throws {
        func scale(_ replicas: Int) async throws {
            _ = try await client.mergePatch(
                .deployments, ["spec": ["replicas": .int(replicas)]], name: "registry", namespace: "seaway-registry")
            _ = try await eventually("\(replicas) pods of the registry") {
                let deployment = try await client.get(Deployment.self, "registry", namespace: "seaway-registry")
                return (deployment.status?.availableReplicas ?? 0) == replicas && (deployment.status?.replicas ?? 0) == replicas ? true : nil
            }
        }
        do {
            try await scale(0)
            try await body()
        } catch {
            try await scale(1)
            throw error
        }
        try await scale(1)
    }
}
