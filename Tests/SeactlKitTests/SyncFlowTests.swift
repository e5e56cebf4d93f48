import KubernetesClient
import KubernetesModel
import SeawayAPI
import Source
import Testing

@testable import SeactlKit

/// The whole of `env sync` but for arguments and files: what is asked of the cluster, in which order, and how it ends.
@Suite struct SyncFlowTests {
    private struct Run {
        var calls: [String]
        var stdout: String
        var applied: [JSONValue]
        var urls: [String]?
        var failure: CommandFailure?
    }

    private func sync(
        _ script: ScriptedCluster.Script, takeOver: Bool = false, _ during: (ScriptedCluster, TestSystem) async throws -> Void = { _, _ in }
    ) async throws -> Run {
        let test = try TestSystem()
        let cluster = ScriptedCluster(script)
        let system = test.system(cluster: cluster)
        let output = Output(PlainRenderer(), elapsed: system.elapsed, write: system.standardOutput.write)
        let action = SyncAction(
            cluster: cluster.access, output: output, system: system, wanted: Fixture.wanted, takeOver: takeOver,
            patience: .seconds(120), scan: { SourceScan(root: "/", tree: Fixture.tree) })
        async let result = race(
            system, output: output, timeout: (.seconds(900), { action.progress.timeOut(after: .seconds(900), "hello/dev") }),
            interrupted: { action.progress.interruption }, work: { try await action.run() })
        try await during(cluster, test)
        var run = Run(calls: [], stdout: "", applied: [])
        do {
            run.urls = try await result
        } catch {
            run.failure = CommandFailure(describing: error)
        }
        run.calls = cluster.calls
        run.applied = cluster.applied
        run.stdout = test.stdout
        return run
    }

    private func modified(_ status: EnvironmentStatus, generation: Int = 1) -> ScriptedCluster.WatchStep {
        .event(.modified(Fixture.environment(generation: generation, status)))
    }

    @Test func aFirstSyncMakesTheNamespaceSendsAppliesAndWaits() async throws {
        var script = ScriptedCluster.Script()
        script.watches = [[modified(Fixture.building()), modified(Fixture.rollingOut()), modified(Fixture.ready())]]
        let run = try await sync(script)
        #expect(run.urls == [Fixture.url])
        #expect(run.failure == nil)
        #expect(Array(run.calls.prefix(6)) == ["get", "get namespace", "create namespace", "upload", "get", "apply"])
        #expect(run.applied.first?["metadata"]?["labels"] == ["seaway.ctx.sh/created-by-seaway": "true"])
        #expect(run.stdout.contains("source   1 file, 1 changed, 2 KiB sent  (0.0 s)\n"))
        #expect(run.stdout.hasSuffix("ready    \(Fixture.url)  (0.0 s)\ntimes    source 0.0 s, build 0.0 s, deploy 0.0 s\n"))
    }

    @Test func nothingIsSentWhenItRunsAlready() async throws {
        var script = ScriptedCluster.Script()
        script.environment = Fixture.environment(Fixture.ready())
        let run = try await sync(script)
        #expect(run.calls == ["get"], "one round trip, no upload, no write")
        #expect(run.urls == [Fixture.url])
        #expect(run.stdout.contains("ready    up to date  \(Fixture.url)"))
    }

    @Test func aNamespaceThatIsThereIsLeftAlone() async throws {
        var script = ScriptedCluster.Script()
        script.namespaces = ["hello-dev": Namespace(metadata: ObjectMeta(name: "hello-dev"))]
        script.watches = [[modified(Fixture.ready())]]
        let run = try await sync(script)
        #expect(Array(run.calls.prefix(5)) == ["get", "get namespace", "upload", "get", "apply"])
        #expect(run.applied.count == 1)
    }

    @Test func withoutTheRightToLookAtNamespacesItGoesOn() async throws {
        var script = ScriptedCluster.Script()
        script.namespaceError = KubernetesError(.api(Status(code: 403, reason: "Forbidden", message: "no")), "no")
        script.watches = [[modified(Fixture.ready())]]
        let run = try await sync(script)
        #expect(run.urls == [Fixture.url])
        #expect(!run.calls.contains("create namespace"))
    }

    @Test func aDyingNamespaceIsNotUsed() async throws {
        var script = ScriptedCluster.Script()
        script.namespaces = ["hello-dev": Namespace(metadata: ObjectMeta(name: "hello-dev"), status: .init(phase: "Terminating"))]
        let run = try await sync(script)
        #expect(run.failure?.exit == .clusterFailed)
        #expect(!run.calls.contains("upload"))
    }

    @Test func aFailedBuildEndsWithFourAndItsLog() async throws {
        var script = ScriptedCluster.Script()
        script.pods = [Fixture.pod("b", labels: [Names.buildLabel: "hello"], "build", state: .init(running: .init()))]
        script.logs = ["b/build": ["STEP 1/2: FROM base", "STEP 2/2: RUN false"]]
        script.watches = [
            [
                modified(Fixture.building()),
                modified(Fixture.stalled(.imageBuilt, .buildFailed, "the build ended with exit code 1; its last lines:\n  STEP 2/2: RUN false")),
            ]
        ]
        let run = try await sync(script)
        #expect(run.failure?.exit == .buildFailed)
        #expect(run.failure?.reason == "BuildFailed")
        #expect(
            run.failure?.lines == [
                "error: the build failed in hello/dev (namespace hello-dev)", "  reason: BuildFailed",
                "  the build ended with exit code 1; its last lines:", "    STEP 2/2: RUN false",
                "next:  fix the Dockerfile or the sources and run `seactl env sync` again",
                "       the whole log: `seactl env logs --build`",
            ])
    }

    @Test func theBuildLogIsShownWhileItRuns() async throws {
        var script = ScriptedCluster.Script()
        script.pods = [Fixture.pod("b", labels: [Names.buildLabel: "hello"], "build", state: .init(running: .init()))]
        script.logs = ["b/build": ["STEP 1/2: FROM base", "\u{1B}[31mred\u{1B}[0m"]]
        script.watches = [[modified(Fixture.building()), .hang]]
        let run = try await sync(script) { cluster, test in
            while !cluster.calls.contains("log b/build") { await Task.yield() }
            while !test.stdout.contains("red") { await Task.yield() }
            test.interrupted.open()
        }
        #expect(run.stdout.contains("build    | STEP 1/2: FROM base\nbuild    | red\n"))
    }

    @Test func aCrashEndsWithFive() async throws {
        var script = ScriptedCluster.Script()
        script.environment = Fixture.environment(generation: 3, revision: "older", Fixture.ready(3, deployed: "older"))
        script.watches = [[modified(Fixture.stalled(.deployed, .crashLoop, "exit code 1", generation: 4), generation: 4)]]
        let run = try await sync(script)
        #expect(run.failure?.exit == .deployFailed)
        #expect(run.failure?.reason == "CrashLoop")
        #expect(!run.calls.contains("get namespace"), "an environment that is there has a namespace")
    }

    @Test func aDroppedWatchIsTakenUpAgain() async throws {
        var script = ScriptedCluster.Script()
        let broken = KubernetesError(.unreachable, "connection reset")
        // The last one goes on: whether another would be begun before the end is seen is chance.
        script.watches = [[modified(Fixture.building()), .fail(broken)], [modified(Fixture.rollingOut())], [modified(Fixture.ready()), .hang]]
        let run = try await sync(script)
        #expect(run.urls == [Fixture.url])
        #expect(run.calls.filter { $0.hasPrefix("watch") }.count == 3)
        #expect(
            run.stdout.contains("note     the API server does not answer (no connection); waiting for it for up to 2 min 0 s\n")
                && run.stdout.contains("note     the API server answers again\n"), "\(run.stdout)")
    }

    @Test func aRefusedWatchFails() async throws {
        var script = ScriptedCluster.Script()
        script.watches = [[.fail(KubernetesError(.api(Status(code: 403, reason: "Forbidden", message: "no watch")), "no watch"))]]
        let run = try await sync(script)
        #expect(run.failure?.exit == .clusterFailed)
    }

    @Test func deletionWhileWaitingIsAFailure() async throws {
        var script = ScriptedCluster.Script()
        script.watches = [[modified(Fixture.building()), .event(.deleted(Fixture.environment(nil)))]]
        let run = try await sync(script)
        #expect(run.failure == .deletedWhileWaiting)
    }

    @Test func timeOutAndInterruptionSayWhatGoesOn() async throws {
        var script = ScriptedCluster.Script()
        script.watches = [[modified(Fixture.rollingOut()), .hang]]
        let late = try await sync(script) { cluster, test in
            try await cluster.isWaiting.wait()
            while !test.stdout.contains("rolling out") { await Task.yield() }
            test.timeIsUp.open()
        }
        #expect(late.failure?.exit == .timedOut)
        #expect(late.failure?.detail == "deploy: rolling out 1/2")

        let stopped = try await sync(script) { cluster, test in
            try await cluster.isWaiting.wait()
            test.interrupted.open()
        }
        #expect(stopped.failure?.exit == .interrupted)
        #expect(stopped.failure?.headline.contains("go on in the cluster") == true)
    }

    @Test func errorsOfTheClusterHaveTheirCodes() async throws {
        var script = ScriptedCluster.Script()
        script.getErrors = [KubernetesError(.unreachable, "no route")]
        #expect(try await sync(script).failure?.exit == .clusterFailed)

        script = ScriptedCluster.Script()
        script.uploadError = CommandFailure.notInstalled
        let missing = try await sync(script)
        #expect(missing.failure == .notInstalled)
        #expect(!missing.calls.contains("apply"), "nothing is applied whose sources are not there")

        script = ScriptedCluster.Script()
        script.applyError = KubernetesError(.api(Status(code: 422, reason: "Invalid", message: "spec.replicas: too many")), "spec.replicas: too many")
        #expect(try await sync(script).failure?.exit == .badInput)
    }
}
