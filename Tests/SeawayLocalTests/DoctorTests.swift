import Foundation
import PodmanStorage
import Testing

/// What `seactl doctor` finds on this machine. Clusters are looked at by the tests that have one.
@Suite(.enabled(if: usesPodman))
struct DoctorTests {
    /// Runs it with these programs alone, as scripts by their names, or taken from where they are installed.
    private func doctor(_ programs: [String: String?], kubeconfig: String? = nil) async throws -> Ended {
        let directory = FileManager.default.temporaryDirectory.appending(path: "seaway-doctor-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try FileManager.default.createDirectory(atPath: directory + "/bin", withIntermediateDirectories: true)
        for (name, script) in programs {
            let file = "\(directory)/bin/\(name)"
            if let script {
                try "#!/bin/sh\n\(script)\n".write(toFile: file, atomically: true, encoding: .utf8)
                try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file)
            } else {
                let found = try await run("sh", ["-c", "command -v \(name)"]).output.split(separator: "\n").first
                try FileManager.default.createSymbolicLink(atPath: file, withDestinationPath: String(try #require(found)))
            }
        }
        var variables = ["PATH": directory + "/bin", "XDG_STATE_HOME": directory + "/state", "HOME": directory]
        if let kubeconfig {
            try kubeconfig.write(toFile: directory + "/kubeconfig", atomically: true, encoding: .utf8)
            variables["KUBECONFIG"] = directory + "/kubeconfig"
        }
        let words = variables.map { "\($0.key)=\($0.value)" }
        return try await run("env", words + [FileManager.default.currentDirectoryPath + "/.build/debug/seactl", "doctor"])
    }

    @Test func nothingIsInstalled() async throws {
        let ended = try await doctor([:])
        #expect(ended.exitCode == 3 && ended.errors.contains("neither this machine nor a cluster can run applications"), "\(ended)")
        #expect(ended.output.contains("missing podman: Podman is not installed"), "\(ended)")
        #expect(ended.output.contains("→ sudo apt-get install -y podman") || ended.output.contains("→ sudo dnf install -y podman"), "\(ended)")
        #expect(ended.output.contains("missing kustomize: neither kustomize nor kubectl is installed"), "\(ended)")
        #expect(ended.output.contains("→ install kustomize 4.5 or newer"), "\(ended)")
        #expect(ended.output.contains("missing cluster: none is configured"), "\(ended)")
        #expect(ended.output.contains("→ name one with --kubeconfig or KUBECONFIG"), "\(ended)")
    }

    /// Scripts stand for versions that no machine has any more.
    @Test func whatIsInstalledIsTooOldOrBroken() async throws {
        let old = try await doctor(["podman": "echo podman version 4.2.1", "kubectl": "echo 'Client Version: v1.20.2'"])
        #expect(old.exitCode == 3, "\(old)")
        #expect(old.output.contains("broken  podman: Podman 4.2.1 is too old: the local engine needs 4.3 or later"), "\(old)")
        #expect(old.output.contains("install -y podman"), "\(old)")
        #expect(old.output.contains("broken  kustomize: kubectl 1.20.2 is too old, 1.25 or newer is needed"), "\(old)")
        let broken = try await doctor(["podman": "echo 'Error: no storage' >&2; exit 125", "kustomize": "echo v5.8.1"])
        #expect(broken.exitCode == 3 && broken.output.contains("does not run: no storage"), "\(broken)")
        #expect(broken.output.contains("→ `podman info` tells more"), "\(broken)")
        #expect(broken.output.contains("ok      kustomize: kustomize 5.8.1"), "\(broken)")
    }

    @Test func podmanAloneIsEnough() async throws {
        let storage = try await Storage.shared.value
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let state = FileManager.default.temporaryDirectory.appending(path: "seaway-doctor-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: state) }
        let ended = try await run(
            FileManager.default.currentDirectoryPath + "/.build/debug/seactl", ["doctor"],
            environment: storage.variables.merging(["PATH": path, "HOME": state, "XDG_STATE_HOME": state]) { $1 })
        #expect(ended.exitCode == 0, "\(ended)")
        let version = try await storage.podman("--version").output.split(separator: " ").last?.split(separator: "\n").first ?? "?"
        #expect(ended.output.contains("ok      podman: \(version), "), "\(ended)")
    }

    @Test func aClusterThatIsNotThereIsTold() async throws {
        let kubeconfig = """
            apiVersion: v1
            kind: Config
            current-context: gone
            contexts: [{name: gone, context: {cluster: gone, user: me}}]
            clusters: [{name: gone, cluster: {server: "http://127.0.0.1:1"}}]
            users: [{name: me, user: {token: planted-token}}]

            """
        let ended = try await doctor([:], kubeconfig: kubeconfig)
        #expect(ended.exitCode == 3 && ended.output.contains("broken  cluster: ") && ended.output.contains("127.0.0.1:1"), "\(ended)")
        #expect(ended.output.contains("→ check the context with `kubectl cluster-info`, or name another one with --context"), "\(ended)")
        #expect(!ended.all.contains("planted-token"), "\(ended)")
        let damaged = try await doctor([:], kubeconfig: "clusters: 7\n")
        #expect(damaged.exitCode == 3 && damaged.output.contains("broken  cluster: "), "\(damaged)")
        #expect(damaged.output.contains("→ name a kubeconfig with --kubeconfig or KUBECONFIG"), "\(damaged)")
    }
}
