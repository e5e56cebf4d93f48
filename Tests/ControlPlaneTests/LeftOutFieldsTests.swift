import InstallManifests
import KubernetesClient
import KubernetesModel
import SeawayAPI
import Testing

/// What a manifest no longer says is gone from the Environment after the next sync.
///
/// Kubernetes 1.20 turns an optional object that an apply leaves out into a `null`, and validates that; so the schema lets all of them be.
@Suite(.enabled(if: ControlPlane.isWanted), .timeLimit(.minutes(10))) struct LeftOutFieldsTests {
    private static let fields = [
        (
            "network: {service: {enabled: true, annotations: {a: b}}, ingress: {enabled: true, annotations: {a: b}}}",
            "network: {service: {enabled: true}}"
        ),
        ("network: {ingress: {enabled: true}}", "replicas: 2"),
        (
            "build: {target: x, buildArgs: {A: b}, cache: none, resources: {cpu: 1}, securityContext: {runAsUser: 1}, nodeSelector: {a: b}}",
            "build: {target: x}"
        ),
        ("build: {target: x, include: [a], env: [{name: A, value: b}], tolerations: [{operator: Exists}]}", "build: {target: x}"),
        ("build: {target: x}", "replicas: 2"),
        ("vars: {env: [{name: A, value: b}], envFrom: [{secretRef: {name: a}}]}", "replicas: 2"),
        ("ports: [{port: 80}], resources: {cpu: 1}, command: [a], args: [b], workingDir: /c", "replicas: 2"),
        ("livenessProbe: {httpGet: {port: 80}}, startupProbe: {exec: {command: [a]}}", "livenessProbe: {tcpSocket: {port: 80}}"),
        ("readinessProbe: {tcpSocket: {port: 80}}, lifecycle: {preStop: {exec: {command: [a]}}}, securityContext: {runAsUser: 1}", "replicas: 2"),
        ("temporary: true", "replicas: 2"),
    ]

    @Test func `a field that is left out is gone`() async throws {
        try await ControlPlane.withNamespace { client, namespace in
            try await ControlPlane.installEnvironments(client, try #require(try InstallManifests.customResourceDefinition()))
            for (number, (before, after)) in Self.fields.enumerated() {
                func apply(_ fields: String) async throws -> EnvironmentSpec {
                    let text = "name: shop\nenvironments:\n  - {name: dev, \(fields)}\n"
                    var spec = try Manifest.parse(yaml: text).expanding { _ in nil }.environment().spec
                    spec.revision = String(repeating: "a", count: 64)
                    let wanted = Environment(metadata: ObjectMeta(name: "shop-\(number)", namespace: namespace), spec: spec)
                    let answer: Environment = try await client.apply(
                        try JSONValue(encoding: wanted).droppingNulls, fieldManager: Names.clientFieldManager, force: true
                    ).decode()
                    #expect(try JSONValue(encoding: answer.spec).said == JSONValue(encoding: spec).said, "\(fields)")
                    return answer.spec
                }
                #expect(try await apply(before) != apply(after))
            }
        }
    }
}

extension JSONValue {
    /// Without what says nothing: `null`, and objects of nothing else.
    fileprivate var said: JSONValue? {
        guard case .object(let members) = self else { return self == .null ? nil : self }
        let rest = members.compactMapValues(\.said)
        return rest.isEmpty ? nil : .object(rest)
    }
}
