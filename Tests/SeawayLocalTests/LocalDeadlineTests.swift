import Foundation
import KubernetesModel
import PodmanStorage
import SeawayAPI
import SeawayLocal
import Synchronization
import Testing

extension PodmanTests {
    /// What happens after a while, with less time than users give it.
    struct LocalDeadlineTests {
        @Test func aProbeThatNeverPassesFailsTheRolloutAndTheEarlierOneServes() async throws {
            let storage = try await Storage.shared.value
            let project = try LocalProject("unready", storage: storage)
            try #require(try await project.seactl("env", "sync").exitCode == 0)
            try project.writeManifest(probe: "/nothere")
            let late = try await project.seactl("env", "sync", "--timeout", "4s")
            #expect(late.exitCode == 6, "\(late)")

            // The same state, by an engine that waits for 15 s.
            let engine = LocalEngine(podman: try await podman(project), directory: project.engineDirectory, progressDeadline: 15)
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

        @Test func aTemporaryOneGoesWithTheFirstLookAfterItsTime() async throws {
            let storage = try await Storage.shared.value
            let project = try LocalProject("brief", storage: storage)
            let manifest = try String(contentsOfFile: project.directory + "/manifest.yaml", encoding: .utf8)
            try project.write("manifest.yaml", manifest.replacing("replicas: 1", with: "temporary: true\n    ttl: 2h"))
            try #require(try await project.seactl("env", "sync").exitCode == 0)
            let podman = try await podman(project)
            func list(in hours: Double) async throws -> [String] {
                let engine = LocalEngine(podman: podman, directory: project.engineDirectory, now: { Date(timeIntervalSinceNow: hours * 3600) })
                return try await engine.environments(namespace: nil).map(\.name)
            }
            #expect(try await list(in: 1.9) == ["brief"])
            #expect(try await project.page() == "one dev")
            #expect(try await list(in: 2.1) == [])
            #expect(try await storage.contents() == [])
            #expect(project.stateFiles == [])
        }

        /// As `seactl` runs it for a project.
        private func podman(_ project: LocalProject) async throws -> Podman {
            var podman = try await PodmanSetup.prepare(
                stateDirectory: project.engineDirectory, variables: ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? ""])
            podman.variables.merge(project.storage.variables) { $1 }
            return podman
        }
    }
}
