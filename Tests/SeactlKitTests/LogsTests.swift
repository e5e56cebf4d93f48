import KubernetesModel
import SeawayAPI
import Synchronization
import Testing

@testable import SeactlKit

@Suite struct LogsTests {
    private final class Lines: Sendable {
        private let all = Mutex<[String]>([])
        func add(_ line: String) { all.withLock { $0.append(line) } }
        var value: [String] { all.withLock(\.self) }
    }

    private func action(_ script: ScriptedCluster.Script, _ lines: Lines, previous: Bool = false) throws -> LogsAction {
        LogsAction(
            cluster: ScriptedCluster(script).access, system: try TestSystem().system(), key: Fixture.key, previous: previous,
            write: lines.add)
    }

    private let running = ContainerStatus.State(running: .init())

    @Test func severalPodsOfTheNewestRolloutArePrefixed() async throws {
        var script = ScriptedCluster.Script()
        script.pods = [
            Fixture.pod("old", labels: ["pod-template-hash": "1"], created: 1, "app", state: running),
            Fixture.pod("b", labels: ["pod-template-hash": "2"], created: 9, "app", state: running),
            Fixture.pod("a", labels: ["pod-template-hash": "2"], created: 8, "app", state: running),
        ]
        script.logs = ["old/app": ["no"], "a/app": ["one"], "b/app": ["two"]]
        let lines = Lines()
        try await action(script, lines).application()
        #expect(lines.value == ["[a] one", "[b] two"])
    }

    @Test func followingTakesUpWhatStartsLaterFromItsBeginning() async throws {
        var script = ScriptedCluster.Script()
        script.environment = Fixture.environment(Fixture.ready())
        script.pods = [Fixture.pod("a", "app", state: running)]
        script.logs = ["a/app": ["one"], "b/app": ["two"]]
        let cluster = ScriptedCluster(script)
        var system = try TestSystem().system()
        let looks = Mutex(0)
        let second = Fixture.pod("b", "app", state: running)
        system.sleep = { _ in
            switch looks.withLock({ number in
                number += 1
                return number
            }) {
            case 1: cluster.edit { $0.pods.append(second) }
            case 2:
                cluster.edit { script in
                    script.pods = []
                    script.environment = nil
                }
            default: break
            }
        }
        let lines = Lines()
        await #expect(throws: CommandFailure.self) {
            try await LogsAction(cluster: cluster.access, system: system, key: Fixture.key, follow: true, tailLines: 5, write: lines.add)
                .application()
        }
        #expect(Set(lines.value) == ["one", "[b] two"])
        #expect(Set(cluster.calls.filter { $0.hasPrefix("log ") }) == ["log a/app last 5", "log b/app"])
    }

    @Test func aPodThatDoesNotStartSaysWhy() async throws {
        var script = ScriptedCluster.Script()
        script.pods = [Fixture.pod("a", "app", state: .init(waiting: .init(reason: "ImagePullBackOff", message: "no such image")))]
        await #expect {
            try await action(script, Lines()).application()
        } throws: { error in
            let failure = error as? CommandFailure
            return failure?.exit == .deployFailed && failure?.detail == "ImagePullBackOff: no such image"
        }
    }

    @Test func previousNeedsAPreviousRun() async throws {
        var script = ScriptedCluster.Script()
        script.pods = [Fixture.pod("a", "app", state: running)]
        await #expect(throws: CommandFailure.self) { try await action(script, Lines(), previous: true).application() }
        script.pods = [Fixture.pod("a", "app", state: running, last: .init(terminated: .init(exitCode: 1)))]
        script.logs = ["a/app": ["boom"]]
        let lines = Lines()
        try await action(script, lines, previous: true).application()
        #expect(lines.value == ["boom"])
    }

    @Test func theBuildsLogIsThatOfTheStepThatFailed() async throws {
        var script = ScriptedCluster.Script()
        script.pods = [Fixture.pod("b", "build", state: .init(terminated: .init(exitCode: 1)))]
        script.logs = ["b/build": ["built"], "b/source": ["fetched"]]
        let built = Lines()
        try await action(script, built).build()
        #expect(built.value == ["built"])

        script.pods[0].status?.initContainerStatuses = [ContainerStatus(name: "source", state: .init(terminated: .init(exitCode: 1)))]
        let fetched = Lines()
        try await action(script, fetched).build()
        #expect(fetched.value == ["fetched"])

        script.pods = []
        await #expect(throws: CommandFailure.self) { try await action(script, Lines()).build() }
    }

    /// A build may wait for its turn longer than any server keeps a watch open.
    @Test func aBuildThatWaitsForItsTurnIsWaitedFor() async throws {
        var script = ScriptedCluster.Script()
        script.environment = Fixture.environment(Fixture.ready())
        script.pods = [Fixture.pod("b", "build", state: .init(waiting: .init(reason: "PodInitializing")))]
        script.logs = ["b/build": ["built"]]
        let cluster = ScriptedCluster(script)
        var system = try TestSystem().system()
        // Between two watches.
        system.sleep = { _ in
            guard cluster.calls.count(where: { $0 == "pods" }) == 3 else { return }
            cluster.edit { $0.pods = [Fixture.pod("b", "build", state: .init(running: .init()))] }
        }
        let lines = Lines()
        try await LogsAction(cluster: cluster.access, system: system, key: Fixture.key, follow: true, write: lines.add).build()
        #expect(lines.value == ["built"])
        #expect(cluster.calls.count { $0 == "pods" } == 4)
    }

    @Test func aBuildThatGoesAwayIsNotWaitedFor() async throws {
        var script = ScriptedCluster.Script()
        script.environment = Fixture.environment(Fixture.ready())
        script.pods = [Fixture.pod("b", "build", state: .init(waiting: .init(reason: "PodInitializing")))]
        let cluster = ScriptedCluster(script)
        var system = try TestSystem().system()
        system.sleep = { _ in cluster.edit { $0.pods = [] } }
        let action = LogsAction(cluster: cluster.access, system: system, key: Fixture.key, follow: true, write: { _ in })
        await #expect(throws: CommandFailure.self) { try await action.build() }
    }
}
