import Foundation
import KubernetesClient
import KubernetesModel
import SeawayAPI
import Testing

/// What a developer sees where the cluster says no before anything begins.
@Suite(.enabled(if: !TestCluster.isSkipped), .timeLimit(.minutes(40)))
struct AccessFailureTests {
    @Test func withoutAPermissionTheVerbAndTheRoleAreNamed() async throws {
        try await Application.taken { application, cluster in
            try await cluster.makeNamespace(application)
            let stranger = try await application.kubeconfig(of: "nobody-at-all")
            let ended = try await application.seactl(["env", "sync"], kubeconfig: stranger)
            #expect(ended.exitCode == 3, "\(ended)")
            for text in ["Forbidden", "nobody-at-all", "the verb `get` on environments.seaway.ctx.sh", "the role `view`"] {
                #expect(ended.errors.contains(text), "'\(text)' is not in \(ended)")
            }

            // Who may look may not change.
            _ = try await cluster.client.create([
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
                "metadata": ["name": "looks", "namespace": .string(application.namespace)],
                "roleRef": ["apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"],
                "subjects": [["apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "nobody-at-all"]],
            ])
            let viewer = try await cluster.eventually("the role to count") {
                let ended = try await application.seactl(["env", "sync"], kubeconfig: stranger)
                return ended.errors.contains("the role `edit`") ? ended : nil
            }
            #expect(viewer.exitCode == 3 && viewer.errors.contains("the verb `create`"), "\(viewer)")
        }
    }

    @Test func doctorFindsNothingForSomebodyWhoMayEditOneNamespace() async throws {
        try await Application.taken { application, cluster in
            try await cluster.makeNamespace(application)
            let developer = try await application.kubeconfig(of: "ada-of-\(application.namespace)")
            _ = try await cluster.client.create([
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
                "metadata": ["name": "edits", "namespace": .string(application.namespace)],
                "roleRef": ["apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"],
                "subjects": [["apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": .string("ada-of-\(application.namespace)")]],
            ])
            let healthy = try await cluster.eventually("the role to count") {
                let ended = try await application.seactl(["doctor", "-n", application.namespace], kubeconfig: developer)
                return ended.output.contains("broken  permissions") ? nil : ended
            }
            #expect(healthy.exitCode == 0, "\(healthy)")
            for part in ["cluster", "permissions", "operator", "store", "registry"] {
                #expect(healthy.output.contains("ok      \(part): "), "\(part): \(healthy)")
            }
        }
    }

    @Test func aNamespaceThatIsGoingAwayIsNamed() async throws {
        try await Application.taken { application, cluster in
            try await cluster.makeNamespace(application)
            let held: JSONValue = [
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": ["name": "held", "namespace": .string(application.namespace), "finalizers": ["example.com/held"]],
            ]
            _ = try await cluster.client.create(held)
            try await cluster.client.delete(.namespaces, name: application.namespace, namespace: nil)
            try await application.fails(.init(.namespaceTerminating, exit: 3, at: nil, saying: application.namespace))
            _ = try await cluster.client.mergePatch(
                .configMaps, ["metadata": ["finalizers": .null]], name: "held", namespace: application.namespace)
        }
    }
}

extension TestCluster {
    func makeNamespace(_ application: Application) async throws {
        _ = try await client.create(["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(application.namespace)]])
    }

    /// Sets how many pods may be in the application's namespace, and waits until that counts.
    func limit(_ application: Application, pods: Int) async throws {
        _ = try await client.apply(
            [
                "apiVersion": "v1", "kind": "ResourceQuota",
                "metadata": ["name": "limit", "namespace": .string(application.namespace)], "spec": ["hard": ["pods": .string(String(pods))]],
            ], fieldManager: "test", force: true)
        let quotas = ResourceType(group: "", version: "v1", plural: "resourcequotas", kind: "ResourceQuota")
        _ = try await eventually("the quota to count") {
            let quota = try await client.send(.get(quotas, name: "limit", namespace: application.namespace), as: JSONValue.self)
            return quota["status"]?["hard"]?["pods"]?.stringValue == String(pods) ? true : nil
        }
    }

    /// Sets how much memory a container may have at most.
    func limitMemory(_ application: Application, _ most: String) async throws {
        _ = try await client.create([
            "apiVersion": "v1", "kind": "LimitRange", "metadata": ["name": "limit", "namespace": .string(application.namespace)],
            "spec": ["limits": [["type": "Container", "max": ["memory": .string(most)]]]],
        ])
    }
}
