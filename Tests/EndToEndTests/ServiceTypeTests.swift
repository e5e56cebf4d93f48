import Foundation
import KubernetesClient
import KubernetesModel
import SeawayAPI
import Testing

/// Service and Ingress become what the manifest says, from whatever they were, and go when they are disabled. Nothing is built for it.
@Suite(.enabled(if: !TestCluster.isSkipped), .timeLimit(.minutes(40)))
struct ServiceTypeTests {
    private func service(_ application: Application) async throws -> JSONValue? {
        do {
            return try await application.cluster.client.send(
                .get(.services, name: application.name, namespace: application.namespace), as: JSONValue.self)["spec"]
        } catch let error as KubernetesError where error.isNotFound {
            return nil
        }
    }

    private func ingress(_ application: Application) async throws -> Ingress? {
        try await application.cluster.client.getIfPresent(Ingress.self, application.name, namespace: application.namespace)
    }

    /// Syncs with another `network`.
    /// - Returns: the URL that was printed.
    private func sync(_ application: Application, _ network: String) async throws -> String? {
        try application.write(
            "manifest.yaml",
            """
            name: \(application.name)
            environments:
              - name: dev
                namespace: \(application.namespace)
                build: {cache: none, buildArgs: {BASE: "\(application.cluster.baseImage)"}}
                network: \(network)

            """)
        let synced = try await application.sync()
        try #require(synced.ended.exitCode == 0, "\(network): \(synced.ended)")
        let status = try #require(try await application.cluster.environment(application).status)
        #expect(ConditionInvariants.violations(status) == [])
        return synced.url
    }

    @Test func `a Service goes through all types, and Service and Ingress go and come back`() async throws {
        try await TestCluster.with { cluster in
            try await Application.with(cluster) { application in
                let ports = "ports: [{name: http, port: 8080}]"
                let url = try #require(try await sync(application, "{service: {\(ports)}, ingress: {enabled: true}}"))
                #expect(try await fetch(url).body == "hello one\n")
                let first = try #require(try await service(application))
                #expect(first["type"] == "ClusterIP" && first["ports"]?[0]?["nodePort"] == nil)
                let job = try await cluster.buildJob(application)

                // A named port more, and a port on every node.
                let node = "{type: NodePort, ports: [{name: http, port: 8080}, {name: admin, port: 9090}]}"
                #expect(try await sync(application, "{service: \(node), ingress: {enabled: true}}") == url)
                let second = try #require(try await service(application))
                #expect(second["type"] == "NodePort" && second["clusterIP"] == first["clusterIP"])
                #expect(second["ports"]?.arrayValue?.map { $0["name"] } == ["http", "admin"])
                guard case .int(let nodePort)? = second["ports"]?[0]?["nodePort"] else {
                    Issue.record("no node port: \(second)")
                    return
                }
                #expect(try await fetch("http://127.0.0.1:\(nodePort)/").body == "hello one\n")

                #expect(try await sync(application, "{service: {type: LoadBalancer, \(ports)}, ingress: {enabled: true}}") == url)
                let third = try #require(try await service(application))
                #expect(third["type"] == "LoadBalancer" && third["ports"]?.arrayValue?.count == 1)
                #expect(try await fetch(url).body == "hello one\n")

                // A name of another host has no address, no selector and no Ingress.
                let other = "{type: ExternalName, externalName: example.com, \(ports)}"
                #expect(try await sync(application, "{service: {enabled: true, \(other.dropFirst().dropLast())}}") == nil)
                let fourth = try #require(try await service(application))
                #expect(fourth["type"] == "ExternalName" && fourth["externalName"] == "example.com")
                #expect(fourth["selector"] == nil && (fourth["clusterIP"] == nil || fourth["clusterIP"] == ""))
                #expect(try await ingress(application) == nil)

                #expect(try await sync(application, "{service: {enabled: true, \(ports)}}") == nil)
                let fifth = try #require(try await service(application))
                #expect(fifth["type"] == "ClusterIP" && fifth["externalName"] == nil && fifth["selector"] != nil)
                let address = try #require(fifth["clusterIP"]?.stringValue)
                // Without a URL to ask, nodes may hear of a new Service a moment after the sync has ended.
                _ = try await cluster.eventually("the Service to be routed") {
                    try await fetch("http://\(address):8080/").body == "hello one\n" ? true : nil
                }

                #expect(try await sync(application, "{service: {enabled: false}, ingress: {enabled: false}}") == nil)
                #expect(try await service(application) == nil)
                #expect(try await ingress(application) == nil)
                let deployment = try await cluster.client.get(Deployment.self, application.name, namespace: application.namespace)
                #expect(deployment.status?.availableReplicas == 1)

                #expect(try await sync(application, "{service: {\(ports)}, ingress: {enabled: true}}") == url)
                _ = try await cluster.eventually("the page to be served again") {
                    try await fetch(url).body == "hello one\n" ? true : nil
                }
                #expect(try await ingress(application) != nil)
                #expect(try await cluster.buildJob(application) == job)
            }
        }
    }
}
