import Foundation
import KubernetesModel
import Testing

/// `seactl deps` as people whose rights end at their namespace.
@Suite(.disabled(if: TestCluster.isSkipped, "SEAWAY_SKIP_CLUSTER_TESTS"))
struct DependencyRightsTests {
    private typealias Project = DependencyProject

    @Test func withoutPermissionItSaysSo() async throws {
        try await TestCluster.with { cluster in
            try await Project.with(cluster) { project in
                try project.manifest("- {name: db, path: k8s}")
                try project.write("k8s/a.yaml", Project.configMap("a"))
                #expect(try await project.kubectl("create", "namespace", project.namespace).exitCode == 0)
                let ended = try await project.deps("apply", kubeconfig: try await project.kubeconfig(of: "nobody-at-all"))
                #expect(ended.exitCode == 3 && ended.errors.contains("forbidden"), "\(ended)")
                #expect(ended.errors.contains("nobody-at-all"))
                #expect(try await project.object(.configMaps, "a") == nil)
            }
        }
    }

    /// Whoever may `edit` a namespace can do all of it there, and nothing beyond.
    @Test func editIsEnoughInANamespace() async throws {
        try await TestCluster.with { cluster in
            try await Project.with(cluster) { project in
                try project.manifest(waiting: "{kind: Secret, name: word}, {kind: PersistentVolumeClaim, name: data, for: exists}")
                let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: word}\nstringData: {word: x}\n"
                let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {clusterIP: None, ports: [{port: 80}]}\n"
                let claim = """
                    apiVersion: v1
                    kind: PersistentVolumeClaim
                    metadata: {name: data}
                    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}

                    """
                try project.write("k8s/a.yaml", [Project.configMap("a"), secret, service, claim].joined(separator: "---\n"))
                let kubeconfig = try await user(project, "edit")
                let applied = try await project.deps("apply", kubeconfig: kubeconfig)
                #expect(applied.exitCode == 0 && applied.output.contains("4 created"), "\(applied)")
                #expect(try await project.deps("diff", kubeconfig: kubeconfig).exitCode == 0)
                try project.write("k8s/a.yaml", [Project.configMap("a", "two"), secret, claim].joined(separator: "---\n"))
                let diff = try await project.deps("diff", kubeconfig: kubeconfig)
                #expect(diff.exitCode == 1 && diff.output.contains("Service \(project.namespace)/web would be removed"), "\(diff)")
                let pruned = try await project.deps("apply", "--yes", kubeconfig: kubeconfig)
                #expect(pruned.exitCode == 0 && pruned.output.contains("1 changed, 2 unchanged"), "\(pruned)")

                let role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: \(project.namespace)}\nrules: []\n"
                try project.write("k8s/b.yaml", role + "---\n" + Project.configMap("b"))
                let wide = try await project.deps("apply", "--yes", kubeconfig: kubeconfig)
                #expect(wide.exitCode == 3 && wide.errors.contains("clusterroles") && wide.errors.contains("forbidden"), "\(wide)")
                #expect(try await project.object(.configMaps, "b") == nil)
                try project.delete("k8s/b.yaml")

                let removed = try await project.deps("delete", kubeconfig: kubeconfig)
                #expect(removed.exitCode == 0 && removed.output.contains("removed 3 objects"), "\(removed)")
                #expect(try await project.object(.configMaps, "shop-dev-deps-db") == nil)
            }
        }
    }

    /// The role by itself holds what remembering a set needs; the objects of the set are another matter.
    @Test func theDevelopersRoleRemembersSets() async throws {
        try await TestCluster.with { cluster in
            try await Project.with(cluster) { project in
                try project.manifest("- {name: db, path: k8s}")
                try project.write("k8s/a.yaml", Project.configMap("a") + "---\n" + Project.configMap("b"))
                let kubeconfig = try await user(project, "seaway-developer")
                let applied = try await project.deps("apply", kubeconfig: kubeconfig)
                #expect(applied.exitCode == 0 && applied.output.contains("2 created"), "\(applied)")
                try project.write("k8s/a.yaml", Project.configMap("a", "two"))
                #expect(try await project.deps("diff", kubeconfig: kubeconfig).exitCode == 1)
                #expect(try await project.deps("apply", "--yes", kubeconfig: kubeconfig).exitCode == 0)
                #expect(try await project.object(.configMaps, "b") == nil)

                let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {clusterIP: None, ports: [{port: 80}]}\n"
                try project.write("k8s/b.yaml", service)
                let refused = try await project.deps("apply", kubeconfig: kubeconfig)
                #expect(refused.exitCode == 3 && refused.errors.contains("services"), "\(refused)")
                try project.delete("k8s/b.yaml")
                let removed = try await project.deps("delete", kubeconfig: kubeconfig)
                #expect(removed.exitCode == 0 && removed.output.contains("removed 1 object"), "\(removed)")
            }
        }
    }

    /// A user who has this role in the project's namespace, and no other right.
    private func user(_ project: DependencyProject, _ role: String) async throws -> String {
        let name = "user-of-\(project.namespace)"
        #expect(try await project.kubectl("create", "namespace", project.namespace).exitCode == 0)
        let binding = try await project.kubectl(
            "-n", project.namespace, "create", "rolebinding", "tester", "--clusterrole=\(role)", "--user=\(name)")
        #expect(binding.exitCode == 0, "\(binding)")
        return try await project.kubeconfig(of: name)
    }
}
