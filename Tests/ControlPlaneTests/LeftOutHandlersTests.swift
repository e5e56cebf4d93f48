import AsyncHTTPClient
import ContainerRegistry
import Foundation
import KubernetesClient
import KubernetesModel
import ObjectStore
import SeawayAPI
import SourceService
import Testing

@testable import SeawayOperator
@testable import SeawayPlan

/// A probe or hook that a manifest no longer has is gone from the Deployment, also the hook that the operator itself adds.
@Suite(.enabled(if: ControlPlane.isWanted), .timeLimit(.minutes(10))) struct LeftOutHandlersTests {
    private func deployment(_ fields: String, _ namespace: String) throws -> JSONValue {
        let text = "name: shop\nenvironments:\n  - {name: dev, \(fields)}\n"
        var spec = try Manifest.parse(yaml: text).expanding { _ in nil }.environment().spec
        spec.revision = String(repeating: "a", count: 64)
        var settings = OperatorSettings(
            registry: "registry.example:5000", registryPull: "localhost:31555", registryInsecure: true, builderImage: "builder:1",
            seawayImage: "seaway:1", endpoint: "https://seaway.seaway-system.svc:8443", certificateAuthority: "PEM")
        settings.drain = .init(seconds: 4, method: .request(host: "10.96.0.9", port: 8081))
        let environment = Environment(metadata: ObjectMeta(name: "shop", namespace: namespace, uid: "5f0c2a9e"), spec: spec)
        var deployment = Rendering(environment: environment, digest: String(repeating: "b", count: 64), settings: settings).deployment
        // No pods, and no owner that could be missed.
        deployment["spec"]?["replicas"] = 0
        deployment["metadata"]?["ownerReferences"] = nil
        return deployment
    }

    @Test(arguments: [
        ("livenessProbe: {httpGet: {port: 80}}, readinessProbe: {exec: {command: [a]}}, startupProbe: {tcpSocket: {port: 80}}", "replicas: 0", []),
        (
            "lifecycle: {preStop: {exec: {command: [a]}}, postStart: {exec: {command: [b]}}}", "lifecycle: {postStart: {exec: {command: [b]}}}",
            ["postStart"]
        ),
        // The pause before the end belongs to a Service, and an own hook takes its place.
        ("ports: [{port: 80}]", "replicas: 0", []),
        ("ports: [{port: 80}]", "lifecycle: {preStop: {exec: {command: [a]}}}", ["preStop"]),
        ("lifecycle: {preStop: {exec: {command: [a]}}}", "ports: [{port: 80}]", ["preStop"]),
    ])
    func `what is left out is gone`(before: String, after: String, hooks: [String]) async throws {
        let http = HTTPClient(eventLoopGroupProvider: .singleton)
        try await ControlPlane.withNamespace { client, namespace in
            let objects = DirectoryObjectStore(root: FileManager.default.temporaryDirectory.appending(path: namespace).path)
            let effects = Effects(
                cluster: client, sources: SourceStore(objects: objects),
                registry: RegistryClient(address: "127.0.0.1:9", insecure: true, http: http), checkLeadership: {})
            let environment = Environment(
                metadata: ObjectMeta(name: "shop", namespace: namespace), spec: EnvironmentSpec(revision: String(repeating: "a", count: 64)))
            for fields in [before, after] {
                let wanted = try deployment(fields, namespace)
                let outcome = await effects.perform(.apply(wanted, type: .deployments, creates: fields == before), on: environment)
                #expect(outcome == .done, "\(fields)")
            }
            let stored = try await client.send(.get(.deployments, name: "shop", namespace: namespace), as: JSONValue.self)
            let app = try #require(stored["spec"]?["template"]?["spec"]?["containers"]?[0])
            let wanted = try #require(try deployment(after, namespace)["spec"]?["template"]?["spec"]?["containers"]?[0])
            for probe in ["livenessProbe", "startupProbe", "readinessProbe"] { #expect((app[probe] == nil) == (wanted[probe] == nil), "\(probe)") }
            #expect(["postStart", "preStop"].filter { app["lifecycle"]?[$0] != nil } == hooks)
            for hook in hooks { #expect(app["lifecycle"]?[hook] == wanted["lifecycle"]?[hook]) }
        }
        try await http.shutdown()
    }
}
