import Foundation
import KubernetesClient
import KubernetesModel
import Subprocess
import Testing

/// What `seactl doctor` finds in a cluster in which nobody installed Seaway, and for somebody who may do little.
@Suite(.enabled(if: ControlPlane.isWanted), .timeLimit(.minutes(10))) struct DoctorTests {
    /// - Parameter user: acts as this one.
    private func doctor(as user: String? = nil, namespace: String) async throws -> (exitCode: Int, output: String) {
        let path = try #require(ProcessInfo.processInfo.environment["SEAWAY_TEST_KUBECONFIG"])
        let program = ProcessInfo.processInfo.environment["KUBECTL"] ?? "kubectl"
        let view = try await Subprocess.run(
            .name("env"), arguments: [program, "--kubeconfig", path, "config", "view", "--minify", "--raw", "--flatten", "-o", "json"],
            output: .string(limit: 1 << 20))
        var config = try JSONValue(parsing: Data(view.standardOutput.utf8))
        var users = try #require(config["users"]?.arrayValue)
        users[0]["user"]?["as"] = user.map(JSONValue.string)
        config["users"] = .array(users)
        let directory = FileManager.default.temporaryDirectory.appending(path: "seaway-doctor-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try config.encoded().write(to: URL(filePath: directory + "/kubeconfig"))
        // Without any program: a Podman would be enough.
        let ended = try await Subprocess.run(
            .name("env"),
            arguments: [
                "PATH=\(directory)", "XDG_STATE_HOME=\(directory)", FileManager.default.currentDirectoryPath + "/.build/debug/seactl", "doctor",
                "--kubeconfig", directory + "/kubeconfig", "-n", namespace,
            ], output: .string(limit: 1 << 20), error: .discarded)
        guard case .exited(let code) = ended.terminationStatus else { return (-1, ended.standardOutput) }
        return (Int(code), ended.standardOutput)
    }

    @Test func seawayIsNotInstalled() async throws {
        try await ControlPlane.withNamespace { _, namespace in
            let ended = try await doctor(namespace: namespace)
            #expect(ended.exitCode == 3, "\(ended)")
            #expect(ended.output.contains("ok      cluster: context ") && ended.output.contains(", Kubernetes v"), "\(ended)")
            #expect(ended.output.contains("ok      permissions: you may do all that a sync needs in namespace \(namespace)"), "\(ended)")
            #expect(ended.output.contains("missing operator: Seaway is not installed in this cluster"), "\(ended)")
            #expect(ended.output.contains("→ run `seactl install`"), "\(ended)")
            #expect(ended.output.contains("unknown store: ") && ended.output.contains("unknown registry: "), "\(ended)")
        }
    }

    @Test func missingPermissionsAreNamedWithTheRoleThatHasThem() async throws {
        try await ControlPlane.withNamespace { client, namespace in
            let user = "doctor-of-\(namespace)"
            let stranger = try await doctor(as: user, namespace: namespace)
            #expect(stranger.exitCode == 3, "\(stranger)")
            #expect(
                stranger.output.contains("broken  permissions: the verb `get` on environments.seaway.ctx.sh is missing in namespace \(namespace); "),
                "\(stranger)")
            #expect(stranger.output.contains("the verb `create` on serviceaccounts/token is missing"), "\(stranger)")
            #expect(
                stranger.output.contains(
                    "the role `edit`, which holds it: `kubectl create rolebinding NAME -n \(namespace) --clusterrole=edit --user=YOU`"), "\(stranger)"
            )
            // Kubernetes' own part of a role, as far as it goes in a cluster without Seaway.
            _ = try await client.create([
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
                "metadata": ["name": "looks", "namespace": .string(namespace)],
                "roleRef": ["apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"],
                "subjects": [["apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": .string(user)]],
            ])
            func sees() async throws -> String { try await doctor(as: user, namespace: namespace).output }
            var looking = try await sees()
            while looking.contains("the verb `list` on pods") { looking = try await sees() }
            #expect(looking.contains("the verb `create` on serviceaccounts/token is missing"), "\(looking)")
        }
    }
}
