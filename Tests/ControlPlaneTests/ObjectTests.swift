import Foundation
import InstallManifests
import KubernetesClient
import KubernetesModel
import SeawayAPI
import Testing

@Suite(.enabled(if: ControlPlane.isWanted), .timeLimit(.minutes(10))) struct ObjectTests {
    @Test func createGetListPatchDelete() async throws {
        try await ControlPlane.withNamespace { client, namespace in
            let created = try await client.create(.configMap("a", namespace, ["x": "1"]))
            #expect(created["metadata"]?["uid"]?.stringValue?.isEmpty == false)
            let exists = await #expect(throws: KubernetesError.self) { try await client.create(.configMap("a", namespace, [:])) }
            #expect(exists?.isAlreadyExists == true && exists?.isConflict == false)

            let read = try await client.get(ConfigMap.self, "a", namespace: namespace)
            #expect(read.data == ["x": "1"])
            #expect(read.metadata.creationTimestamp != nil)

            _ = try await client.mergePatch(
                .configMaps, ["data": ["x": nil, "y": "2"], "metadata": ["labels": ["k": "v"]]], name: "a", namespace: namespace)
            #expect(try await client.get(ConfigMap.self, "a", namespace: namespace).data == ["y": "2"])

            let dry = try await client.create(.configMap("dry", namespace, [:]), dryRun: true)
            #expect(dry["metadata"]?["name"] == "dry")
            #expect(try await client.getIfPresent(ConfigMap.self, "dry", namespace: namespace) == nil)

            // An old version of the object is refused.
            var stale = try JSONValue(encoding: read)
            stale["apiVersion"] = "v1"
            stale["kind"] = "ConfigMap"
            let conflict = await #expect(throws: KubernetesError.self) {
                try await client.send(.update(.configMaps, object: stale, name: "a", namespace: namespace))
            }
            #expect(conflict?.isConflict == true)

            // Another object than the one that stands there: nothing to delete.
            try await client.delete(.configMaps, name: "a", namespace: namespace, uid: "00000000-0000-0000-0000-000000000000")
            #expect(try await client.getIfPresent(ConfigMap.self, "a", namespace: namespace) != nil)
            try await client.delete(.configMaps, name: "a", namespace: namespace, uid: read.metadata.uid)
            #expect(try await client.getIfPresent(ConfigMap.self, "a", namespace: namespace) == nil)
            try await client.delete(.configMaps, name: "a", namespace: namespace)
            let missing = await #expect(throws: KubernetesError.self) { try await client.get(ConfigMap.self, "a", namespace: namespace) }
            #expect(missing?.isNotFound == true)
        }
    }

    @Test func listsComeInPages() async throws {
        try await ControlPlane.withNamespace { client, namespace in
            for index in 0..<7 {
                _ = try await client.create(.configMap("m\(index)", namespace, [:], labels: ["odd": "\(index % 2 == 1)"]))
            }
            var names: [String] = []
            var pages = 0
            var token: String?
            repeat {
                let page = try await client.send(
                    .list(.configMaps, namespace: namespace, labelSelector: "odd", limit: 3, continue: token), as: List<ConfigMap>.self)
                names += page.items.map(\.name)
                pages += 1
                token = page.metadata.continue.flatMap { $0.isEmpty ? nil : $0 }
            } while token != nil
            #expect(pages == 3)
            #expect(names == (0..<7).map { "m\($0)" })
            let odd = try await client.list(ConfigMap.self, namespace: namespace, labelSelector: "odd=true")
            #expect(odd.items.map(\.name) == ["m1", "m3", "m5"])
            #expect(odd.resourceVersion?.isEmpty == false)
            #expect(try await client.list(ConfigMap.self, namespace: namespace, fieldSelector: "metadata.name=m4").items.count == 1)

            try await client.deleteCollection(.configMaps, namespace: namespace, labelSelector: "odd=true")
            #expect(try await client.list(ConfigMap.self, namespace: namespace, labelSelector: "odd").items.count == 4)
        }
    }

    @Test func applyTellsFieldManagersApart() async throws {
        try await ControlPlane.withNamespace { client, namespace in
            _ = try await client.apply(.configMap("a", namespace, ["x": "1", "y": "1"]), fieldManager: "one")
            let conflict = await #expect(throws: KubernetesError.self) {
                try await client.apply(.configMap("a", namespace, ["x": "2"]), fieldManager: "two")
            }
            #expect(conflict?.isConflict == true && conflict?.isAlreadyExists == false)
            #expect(conflict?.status?.fieldConflicts.map(\.field) == [".data.x"])
            #expect(conflict?.message.hasSuffix("Force the apply to take the fields over") == true)

            _ = try await client.apply(.configMap("a", namespace, ["x": "2"]), fieldManager: "two", force: true)
            #expect(try await client.get(ConfigMap.self, "a", namespace: namespace).data == ["x": "2", "y": "1"])
            // What a manager no longer names goes, when nobody else owns it.
            _ = try await client.apply(.configMap("a", namespace, [:]), fieldManager: "one")
            #expect(try await client.get(ConfigMap.self, "a", namespace: namespace).data == ["x": "2"])
            let dry = try await client.apply(.configMap("a", namespace, ["x": "3"]), fieldManager: "two", dryRun: true)
            #expect(dry["data"]?["x"] == "3")
            #expect(try await client.get(ConfigMap.self, "a", namespace: namespace).data == ["x": "2"])
        }
    }

    @Test func environmentsAreServedAndHaveAStatusOfTheirOwn() async throws {
        try await ControlPlane.withNamespace { client, namespace in
            try await ControlPlane.installEnvironments(client, try #require(try InstallManifests.customResourceDefinition()))
            // Twice: an installation over an installation.
            try await ControlPlane.installEnvironments(client, try #require(try InstallManifests.customResourceDefinition()))
            #expect(try await client.resourceType(apiVersion: "seaway.ctx.sh/v1beta1", kind: "Environment") == Environment.resource)

            var spec = EnvironmentSpec(revision: String(repeating: "ab", count: 32))
            spec.replicas = 2
            spec.build = EnvironmentSpec.Build()
            var environment = Environment(metadata: ObjectMeta(name: "web", namespace: namespace), spec: spec)
            environment.status = EnvironmentStatus()
            environment.status?.stage = "ignored"
            let applied: Environment = try await client.apply(try JSONValue(encoding: environment), fieldManager: "seactl").decode()
            #expect(applied.metadata.generation == 1)
            #expect(applied.spec == spec)
            #expect(applied.status == nil)

            _ = try await client.mergePatch(
                Environment.resource, ["status": ["stage": "Building", "observedGeneration": 1], "spec": ["replicas": 9]], name: "web",
                namespace: namespace, subresource: "status")
            let status = try await client.get(Environment.self, "web", namespace: namespace)
            #expect(status.status?.stage == "Building")
            #expect(status.status?.observedGeneration == 1)
            #expect(status.spec.replicas == 2)
            #expect(status.metadata.generation == 1)

            let object: JSONValue = [
                "apiVersion": "seaway.ctx.sh/v1beta1", "kind": "Environment", "metadata": ["name": "web", "namespace": .string(namespace)],
                "status": ["stage": "Ready"],
            ]
            _ = try await client.apply(object, fieldManager: "seaway", force: true, subresource: "status")
            #expect(try await client.get(Environment.self, "web", namespace: namespace).status?.stage == "Ready")

            let invalid = await #expect(throws: KubernetesError.self) {
                try await client.mergePatch(Environment.resource, ["spec": ["replicas": "many"]], name: "web", namespace: namespace)
            }
            #expect(invalid?.isInvalid == true)
        }
    }

    @Test func deletionReachesWhatIsOwned() async throws {
        try await ControlPlane.withNamespace { client, namespace in
            for (index, propagation) in Propagation.allCases.enumerated() {
                let owner = try await client.create(.configMap("owner\(index)", namespace, [:]))
                var child = JSONValue.configMap("child\(index)", namespace, [:])
                child["metadata"]?["ownerReferences"] = [
                    [
                        "apiVersion": "v1", "kind": "ConfigMap", "name": .string("owner\(index)"), "uid": owner["metadata"]?["uid"] ?? .null,
                        "blockOwnerDeletion": true,
                    ]
                ]
                _ = try await client.create(child)
                try await client.delete(.configMaps, name: "owner\(index)", namespace: namespace, propagation: propagation)
                try await ControlPlane.wait(client, ConfigMap.self, "owner\(index)", namespace: namespace) { $0 == nil }
                if propagation == .orphan {
                    #expect(try await client.get(ConfigMap.self, "child\(index)", namespace: namespace).metadata.ownerReferences == nil)
                } else {
                    try await ControlPlane.wait(client, ConfigMap.self, "child\(index)", namespace: namespace) { $0 == nil }
                }
            }
        }
    }
}
