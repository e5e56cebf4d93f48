import Foundation
import KubernetesModel
import PodmanStorage
import SeawayAPI
import SeawayLocal
import Synchronization
import Testing

extension PodmanTests {
    /// A rollout that makes no progress, with less time than users give it: ten minutes.
    struct LocalDeadlineTests {
        @Test func aProbeThatNeverPassesFailsTheRolloutAndTheEarlierOneServes() async throws {
            let storage = try await Storage.shared.value
            let project = try LocalProject("unready", storage: storage)
            try #require(try await project.seactl("env", "sync").exitCode == 0)
            try project.writeManifest(probe: "/nothere")
            let late = try await project.seactl("env", "sync", "--timeout", "4s")
            #expect(late.exitCode == 6, "\(late)")

            // The same state, by an engine that waits for 15 s.
            let directory = project.state + "/seaway/local"
            var podman = try await PodmanSetup.prepare(
                stateDirectory: directory, variables: ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? ""])
            podman.variables.merge(storage.variables) { $1 }
            let engine = LocalEngine(podman: podman, directory: directory, progressDeadline: 15)
            let last = Mutex<Environment?>(nil)
            try await engine.follow(ObjectKey(namespace: project.namespace, name: project.name)) { environment in
                last.withLock { $0 = environment }
                return environment?.status?.isTrue(.stalled) != true
            }
            let status = try #require(last.withLock { $0 }?.status)
            #expect(status.reason == Reason.notReady.rawValue && status.condition(.deployed)?.reason == .notReady, "\(status)")
            #expect(status.message?.contains("no progress for 15 s: GET :8080/nothere answered 404") == true, "\(status)")
            #expect(ConditionInvariants.violations(status) == [])
            #expect(try await project.page() == "one dev")
            #expect(try await project.seactl("env", "clean").exitCode == 0)
            #expect(try await storage.contents() == [])
        }
    }
}
