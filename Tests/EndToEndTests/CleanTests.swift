import AsyncHTTPClient
import ContainerRegistry
import Foundation
import KubernetesClient
import KubernetesModel
import ObjectStore
import SeawayAPI
import Testing

/// `seactl env clean` leaves nothing behind.
@Suite(.enabled(if: !TestCluster.isSkipped), .timeLimit(.minutes(40)))
struct CleanTests {
    @Test func cleanLeavesNoObjectSourceOrImage() async throws {
        try await TestCluster.with { cluster in
            try await Application.with(cluster) { application in
                let synced = try await application.sync()
                try #require(synced.ended.exitCode == 0, "\(synced.ended)")
                let registry = RegistryClient(address: cluster.registry, insecure: true, http: .shared)
                let repository = Names.repository(namespace: application.namespace, environment: application.name)
                try #require(try await registry.tags(repository: repository).count == 1)
                try #require(try await !cluster.store.list(cluster.prefix(application)).isEmpty)

                let cleaned = try await application.seactl("env", "clean")
                #expect(cleaned.exitCode == 0, "\(cleaned)")

                // When clean says it is done, it is: nothing is waited for here.
                let labels = "\(Names.managedByLabel)=\(Names.managedByValue)"
                let space = application.namespace
                #expect(try await cluster.client.list(Environment.self, namespace: space).items.isEmpty)
                #expect(try await cluster.client.list(Deployment.self, namespace: space, labelSelector: labels).items.isEmpty)
                #expect(try await cluster.client.list(Service.self, namespace: space, labelSelector: labels).items.isEmpty)
                #expect(try await cluster.client.list(Ingress.self, namespace: space, labelSelector: labels).items.isEmpty)
                #expect(try await cluster.client.list(Job.self, namespace: space, labelSelector: labels).items.isEmpty)
                #expect(try await cluster.client.list(Pod.self, namespace: space, labelSelector: labels).items.isEmpty)
                #expect(try await cluster.client.list(PersistentVolumeClaim.self, namespace: space, labelSelector: labels).items.isEmpty)
                #expect(try await cluster.store.list(cluster.prefix(application)).isEmpty)
                #expect(try await registry.tags(repository: repository).isEmpty)
            }
        }
    }

    @Test func whatSeawayDidNotMakeIsLeftAlone() async throws {
        try await TestCluster.with { cluster in
            try await Application.with(cluster) { application in
                _ = try await cluster.client.create([
                    "apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(application.namespace)],
                ])
                // Somebody's Service that happens to have the application's name.
                let service: JSONValue = [
                    "apiVersion": "v1", "kind": "Service",
                    "metadata": ["name": .string(application.name), "namespace": .string(application.namespace)],
                    "spec": ["ports": [["port": 5432]]],
                ]
                _ = try await cluster.client.create(service)
                let synced = try await application.sync()
                #expect(synced.ended.exitCode == 5, "\(synced.ended)")
                #expect(synced.ended.errors.contains("NameTaken"))
                try #require(try await application.seactl("env", "clean").exitCode == 0)
                let left = try await cluster.client.get(Service.self, application.name, namespace: application.namespace)
                #expect(left.spec?.ports?.map(\.port) == [5432])
            }
        }
    }
}
