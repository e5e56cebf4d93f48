import Foundation
import KubernetesClient
import KubernetesModel
import SeawayAPI
import Testing

/// What a developer sees when the image is there and does not run.
@Suite(.enabled(if: !TestCluster.isSkipped), .timeLimit(.minutes(40)))
struct DeployFailureTests {
    @Test func aCrashingApplicationTellsItsLastLinesAndTheOldPageStays() async throws {
        try await Application.taken { application, cluster in
            let server = try #require(application.webServer(says: "")["server.py"])
            let url = try await application.works(says: "hello one")
            try application.write("server.py", "raise SystemExit('the database is on fire')\n")
            try await application.fails(
                .init(.crashLoop, exit: 5, at: .deployed, saying: "exited with code 1", "the database is on fire"))
            try await application.serves(url, "hello one")
            let status = try #require(try await cluster.environment(application).status)
            #expect(status.deployedRevision != nil && status.deployedRevision != status.expectedRevision)
            let logs = try await application.seactl("env", "logs", "--previous")
            #expect(logs.exitCode == 0 && logs.output.contains("the database is on fire"), "\(logs)")

            try application.write("server.py", server)
            try application.write("page.txt", "mended\n")
            try await application.works(says: "mended")
        }
    }

    @Test func anApplicationThatIsNotReadyTellsWhatItsProbeGot() async throws {
        try await Application.taken { application, _ in
            let url = try await application.works(says: "hello one")
            try application.configure("readinessProbe: {tcpSocket: {port: 9}, periodSeconds: 1}")
            let ended = try await application.fails(
                .init(.notReady, exit: 6, at: .deployed, saying: "Readiness probe failed", "connection refused"), "--timeout", "60s")
            // Too long is no reason: all that the cluster says is told.
            for text in ["Deployed=Unknown (NotReady)", "LAST SEEN", "Pod/web-", "Unhealthy"] {
                #expect(ended.errors.contains(text), "'\(text)' is not in \(ended)")
            }
            // Both: what runs, and what is not ready.
            let shown = try await application.seactl("env", "status")
            #expect(shown.output.contains("Unhealthy"), "\(shown)")
            try await application.serves(url, "hello one")
            try application.configure()
            try await application.works(says: "hello one")
        }
    }

    @Test func anImageThatNoNodeCanPullIsTold() async throws {
        try await Application.taken { application, _ in
            // It is there, for machines that the cluster has not.
            let store = "buildah --storage-driver overlay"
            try application.configure(build: [
                #"command: ["/bin/sh", "-ec"]"#,
                "args:",
                "  - |",
                "    \(store) commit $(\(store) from scratch) localhost/other",
                "    \(store) manifest create localhost/list",
                "    \(store) manifest add --arch=s390x localhost/list localhost/other",
                "    \(store) manifest push --all --tls-verify=false localhost/list docker://$SEAWAY_IMAGE",
            ])
            try await application.fails(.init(.imagePullFailed, exit: 5, at: .deployed, saying: "the node cannot pull the image"))
            try application.configure()
            try await application.works(says: "hello one")
        }
    }

    @Test func podsThatTheClusterRefusesOrHasNoRoomForAreTold() async throws {
        try await Application.taken { application, cluster in
            let url = try await application.works(says: "hello one")
            try await cluster.limit(application, pods: 1)
            try application.configure(replicas: 2)
            try await application.fails(.init(.refused, exit: 5, at: .deployed, saying: "exceeded quota"))
            try await application.serves(url, "hello one")
            try await cluster.limit(application, pods: 9)
            try await application.works(says: "hello one")

            // A limit range says no in other words, at another place of the API server.
            try await cluster.limitMemory(application, "64Mi")
            try application.configure("resources: {memory: 128Mi}")
            try await application.fails(.init(.refused, exit: 5, at: .deployed, saying: "maximum memory usage per Container is 64Mi"))
            try await application.serves(url, "hello one")

            try application.configure("resources: {cpu: 1000}")
            try await application.fails(.init(.unschedulable, exit: 5, at: .deployed, saying: "Insufficient cpu"))
            try await application.serves(url, "hello one")
            try application.configure()
            try await application.works(says: "hello one")
        }
    }

    @Test func podsThatAnAdmissionWebhookRefusesAreTold() async throws {
        try await Application.taken { application, cluster in
            let url = try await application.works(says: "hello one")
            try application.write("page.txt", "hello two\n")
            try await AdmissionServer.refusing(podsWith: Names.environmentLabel, of: application) {
                try await application.fails(.init(.refused, exit: 5, at: .deployed, saying: "denied the request", AdmissionServer.words))
                try await application.serves(url, "hello one")
            }
            try await application.works(says: "hello two")

            try application.write("page.txt", "hello three\n")
            try await AdmissionServer.refusing(podsWith: Names.buildLabel, of: application) {
                try await application.fails(.init(.refused, exit: 5, at: .imageBuilt, saying: "denied the request", AdmissionServer.words))
                try await application.serves(url, "hello two")
            }
            try await application.works(says: "hello three")
        }
    }

    @Test func aVolumeThatIsMissingIsNotAMystery() async throws {
        try await Application.taken { application, _ in
            // No reason of its own: what Kubernetes says of the pod is shown.
            try application.configure("vars: {envFrom: [{configMapRef: {name: no-such-map}}]}")
            try await application.fails(.init(.refused, exit: 5, at: .deployed, saying: "no-such-map"))
        }
    }
}
