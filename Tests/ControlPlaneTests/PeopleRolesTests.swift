import Foundation
import InstallManifests
import KubernetesClient
import KubernetesModel
import SeawayAPI
import Testing

/// What people may do who have nothing but `edit` or `view` in one namespace: everything that `seactl` does there, and nothing elsewhere.
@Suite(.enabled(if: ControlPlane.isWanted), .timeLimit(.minutes(10))) struct PeopleRolesTests {
    /// Installs the roles as `seactl install` does, and waits until the cluster has added them to its own.
    private func installRoles(_ client: KubernetesClient) async throws {
        let objects = try InstallManifests.objects()
        try await ControlPlane.installEnvironments(client, try #require(try InstallManifests.customResourceDefinition()))
        for object in objects {
            let name = object["metadata"]?["name"]?.stringValue ?? ""
            guard object["kind"] == "Namespace" || ["seaway-developer", "seaway-viewer", "seaway-source"].contains(name) else { continue }
            _ = try await client.apply(object, fieldManager: "seactl", force: true)
        }
        for role in ["view", "edit", "admin"] {
            let request = APIRequest(method: "GET", path: "/apis/rbac.authorization.k8s.io/v1/clusterroles/\(role)")
            func knowsEnvironments() async throws -> Bool {
                let rules = try await client.send(request, as: JSONValue.self)["rules"]?.arrayValue ?? []
                return rules.contains { $0["apiGroups"]?.arrayValue?.contains("seaway.ctx.sh") == true }
            }
            while !(try await knowsEnvironments()) { try await Task.sleep(for: .milliseconds(100)) }
        }
    }

    /// A user with one role in one namespace.
    private func configuration(_ role: String, _ client: KubernetesClient, _ namespace: String) async throws -> ClusterConfiguration {
        let user = "\(role)-of-\(namespace)"
        _ = try await client.create([
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": ["name": .string(role), "namespace": .string(namespace)],
            "roleRef": ["apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": .string(role)],
            "subjects": [["apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": .string(user)]],
        ])
        var configuration = try ControlPlane.configuration()
        configuration.credentials.impersonation = Credentials.Impersonation(user: user, groups: ["system:authenticated"])
        return configuration
    }

    private struct Right: CustomStringConvertible {
        var verb: String
        var type: ResourceType
        var subresource: String?
        var name: String?
        var description: String { "\(verb) \(type.plural)\(subresource.map { "/\($0)" } ?? "")" }
    }

    private static let looking =
        ["get", "list", "watch"].map { Right(verb: $0, type: Environment.resource) }
        + ["list", "watch"].map { Right(verb: $0, type: .pods) } + [Right(verb: "get", type: .pods, subresource: "log")]
        + ["get", "list", "watch"].map { Right(verb: $0, type: .events) }
        // One's own namespace: whether it is there.
        + [Right(verb: "get", type: .namespaces, name: "own")]
    private static let changing =
        ["create", "patch", "delete"].map { Right(verb: $0, type: Environment.resource) }
        + ["get", "create", "patch", "delete"].map { Right(verb: $0, type: .secrets) }
        + [Right(verb: "create", type: .serviceAccounts, subresource: "token")]

    private func refused(_ rights: [Right], _ client: KubernetesClient, _ namespace: String) async throws -> [String] {
        var refused: [String] = []
        for right in rights {
            let review = try await client.send(
                .selfSubjectAccessReview(
                    verb: right.verb, right.type, subresource: right.subresource, namespace: namespace,
                    name: right.name == "own" ? namespace : right.name), as: AccessReview.self)
            if !review.isAllowed { refused.append("\(right)") }
        }
        return refused
    }

    /// The request that every upload makes. Whether somebody answers is not the question here.
    private func isSourceAPIOpen(_ client: KubernetesClient, service: String = "https:seaway:api") async throws -> Bool {
        for method in ["GET", "POST", "PUT"] {
            do {
                let answer = try await client.proxy(
                    .serviceProxy(method: method, namespace: "seaway-system", service: service, path: "/v1/nothing", headers: [], body: nil))
                if answer.status == 403 { return false }
            } catch let error as KubernetesError {
                if error.isForbidden { return false }
            }
        }
        return true
    }

    @Test func editHoldsAllThatSyncNeedsInOneNamespace() async throws {
        try await ControlPlane.withNamespace { client, namespace in
            try await installRoles(client)
            try await ControlPlane.withNamespace(client) { other in
                let configuration = try await configuration("edit", client, namespace)
                try await ControlPlane.withClient(configuration) { ada in
                    #expect(try await refused(Self.looking + Self.changing, ada, namespace) == [])
                    #expect(try await isSourceAPIOpen(ada))
                    #expect(try await !isSourceAPIOpen(ada, service: "https:kubernetes:api"), "no other service of that namespace")
                    try await syncs(ada, namespace)

                    let all = Self.looking + Self.changing
                    #expect(try await refused(all, ada, other) == all.map(\.description), "another namespace is closed")
                    let error = await #expect(throws: KubernetesError.self) { try await syncs(ada, other) }
                    #expect(error?.isForbidden == true)
                    let missing = await #expect(throws: KubernetesError.self) {
                        try await ada.create(["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": "seaway-test-of-ada"]])
                    }
                    #expect(missing?.isForbidden == true)
                }
            }
        }
    }

    /// What `seactl env sync`, `status` and `clean` write, for real.
    private func syncs(_ client: KubernetesClient, _ namespace: String) async throws {
        let key = (name: "shop", namespace: namespace)
        let environment = Environment(
            metadata: ObjectMeta(name: key.name, namespace: key.namespace), spec: EnvironmentSpec(revision: String(repeating: "a", count: 64)))
        let applied: Environment = try await client.apply(
            try JSONValue(encoding: environment).droppingNulls, fieldManager: Names.clientFieldManager, force: true
        ).decode()
        _ = try await client.apply(
            [
                "apiVersion": "v1", "kind": "Secret", "data": ["A": "Yg=="],
                "metadata": [
                    "name": "db", "namespace": .string(namespace),
                    "ownerReferences": [
                        [
                            "apiVersion": .string(Environment.resource.apiVersion), "kind": "Environment", "name": "shop",
                            "uid": .string(applied.metadata.uid ?? ""),
                        ]
                    ],
                ],
            ], fieldManager: Names.clientFieldManager, force: true)
        _ = try await client.get(Secret.self, "db", namespace: namespace)
        try await ControlPlane.wait(client, ServiceAccount.self, "default", namespace: namespace) { $0 != nil }
        _ = try await client.token(serviceAccount: "default", namespace: namespace, audience: Names.audience, expiration: .seconds(600))
        try await client.delete(Environment.resource, name: key.name, namespace: key.namespace)
        // The garbage collector knows the owner.
        try await ControlPlane.wait(client, Secret.self, "db", namespace: namespace) { $0 == nil }
    }

    @Test func viewLooksAndChangesNothing() async throws {
        try await ControlPlane.withNamespace { client, namespace in
            try await installRoles(client)
            let configuration = try await configuration("view", client, namespace)
            try await ControlPlane.withClient(configuration) { bob in
                #expect(try await refused(Self.looking, bob, namespace) == [])
                #expect(try await refused(Self.changing, bob, namespace) == Self.changing.map(\.description))
                _ = try await bob.list(Environment.self, namespace: namespace)
                let error = await #expect(throws: KubernetesError.self) { try await bob.list(Environment.self) }
                #expect(error?.isForbidden == true, "not of all namespaces")
            }
        }
    }

    @Test func theRolesCanBeBoundByThemselves() async throws {
        try await ControlPlane.withNamespace { client, namespace in
            try await installRoles(client)
            let developer = try await configuration("seaway-developer", client, namespace)
            // But for looking at the namespace itself: then its absence shows in the next request.
            let namespaceLess = Self.looking.filter { $0.type.plural != "namespaces" }
            try await ControlPlane.withClient(developer) { ada in
                let denied = try await refused(namespaceLess + Self.changing, ada, namespace)
                #expect(denied == [])
            }
            let viewer = try await configuration("seaway-viewer", client, namespace)
            try await ControlPlane.withClient(viewer) { bob in
                let denied = try await refused(namespaceLess + Self.changing, bob, namespace)
                #expect(denied == Self.changing.map(\.description))
            }
        }
    }
}
