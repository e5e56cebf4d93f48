import Foundation
import InstallManifests
import KubernetesModel
import SeawayAPI
import Testing

/// The resource's schema and its Swift type say the same.
@Suite("CustomResourceDefinition") struct CustomResourceDefinitionTests {
    private func version() throws -> JSONValue {
        let definition = try #require(try InstallManifests.customResourceDefinition())
        return try #require(definition["spec"]?["versions"]?[0])
    }

    private func schema(_ part: String) throws -> JSONValue {
        try #require(try version()["schema"]?["openAPIV3Schema"]?["properties"]?[part])
    }

    private static let spec: EnvironmentSpec = {
        var spec = EnvironmentSpec(revision: String(repeating: "a", count: 64))
        spec.attempt = 1
        spec.replicas = 1
        spec.vars = EnvironmentSpec.Vars(env: [["name": "A", "value": "b"]], envFrom: [["secretRef": ["name": "a"]]])
        var build = EnvironmentSpec.Build()
        build.builder = "buildah"
        build.dockerfile = "Dockerfile"
        build.context = "app"
        build.cache = EnvironmentSpec.Cache(type: "volume", size: "20Gi", storageClassName: "fast")
        build.env = [["name": "A", "value": "b"]]
        build.envFrom = [["secretRef": ["name": "a"]]]
        build.resources = ["limits": ["memory": "1Gi"]]
        build.securityContext = ["runAsUser": 1]
        build.serviceAccountName = "builder"
        build.deadlineSeconds = 60
        build.retries = 1
        build.nodeSelector = ["a": "b"]
        build.tolerations = [["operator": "Exists"]]
        build.target = "dev"
        build.buildArgs = ["A": "b"]
        build.platform = "linux/amd64"
        build.include = ["a"]
        build.exclude = ["b"]
        build.image = "builder"
        build.command = ["c"]
        build.args = ["d"]
        spec.build = build
        let ports = [EnvironmentSpec.Port(name: "http", port: 80, protocol: "TCP", nodePort: 30080)]
        spec.ports = ports
        var service = EnvironmentSpec.Service()
        service.enabled = true
        service.annotations = ["a": "b"]
        service.externalName = "example.com"
        service.ports = ports
        service.type = "ClusterIP"
        var ingress = EnvironmentSpec.Ingress()
        ingress.enabled = true
        ingress.annotations = ["a": "b"]
        ingress.className = "nginx"
        ingress.host = "example.com"
        ingress.port = 80
        ingress.tls = [["hosts": ["example.com"]]]
        spec.network = EnvironmentSpec.Network(service: service, ingress: ingress)
        spec.resources = ["memory": "2Gi"]
        spec.command = ["a"]
        spec.args = ["b"]
        spec.workingDir = "/app"
        spec.livenessProbe = ["periodSeconds": 1]
        spec.readinessProbe = ["periodSeconds": 1]
        spec.startupProbe = ["periodSeconds": 1]
        spec.lifecycle = ["preStop": ["exec": ["command": ["a"]]]]
        spec.securityContext = ["runAsUser": 1]
        spec.secrets = [EnvironmentSpec.SecretReference(name: "db", version: "1")]
        spec.ttlSeconds = 60
        return spec
    }()

    private static let status: EnvironmentStatus = {
        let now = Timestamp(Date(timeIntervalSince1970: 0))
        var status = EnvironmentStatus()
        status.observedGeneration = 1
        status.stage = "Revision deployed"
        status.reason = "Ready"
        status.message = "runs"
        status.expectedRevision = "a"
        status.deployedRevision = "a"
        status.buildDigest = "b"
        status.image = "i"
        status.urls = ["http://a"]
        status.lastUpdated = now
        status.build = EnvironmentStatus.Span(startedAt: now, finishedAt: now)
        status.rollout = EnvironmentStatus.Span(startedAt: now, finishedAt: now)
        status.conditions = [Condition(.ready, .true, .ready, "runs", observedGeneration: 1, since: now)]
        return status
    }()

    /// Differences between a schema and a value that has every field, as `path: problem`.
    private func differences(_ schema: JSONValue, _ value: JSONValue, _ path: String) -> [String] {
        if schema["x-kubernetes-preserve-unknown-fields"] == true || schema["additionalProperties"] != nil { return [] }
        switch value {
        case .object(let members):
            let properties = schema["properties"]?.objectValue ?? [:]
            let missing = Set(members.keys).subtracting(properties.keys).map { "\(path).\($0): not in the schema" }
            let unknown = Set(properties.keys).subtracting(members.keys).map { "\(path).\($0): not in the Swift type" }
            return missing + unknown + members.flatMap { key, member in properties[key].map { differences($0, member, "\(path).\(key)") } ?? [] }
        case .array(let elements):
            guard let items = schema["items"] else { return ["\(path): no list in the schema"] }
            return elements.first.map { differences(items, $0, "\(path)[]") } ?? ["\(path): the test value is empty"]
        case .string: return schema["type"] == "string" ? [] : ["\(path): a string"]
        case .int: return schema["type"] == "integer" ? [] : ["\(path): an integer"]
        case .bool: return schema["type"] == "boolean" ? [] : ["\(path): a boolean"]
        case .double, .null: return ["\(path): not used in this type"]
        }
    }

    /// Properties that are `nil`: a test value with one of them would hide a difference.
    private func unset(_ value: Any, _ path: String) -> [String] {
        if value is JSONValue || value is Timestamp { return [] }
        let mirror = Mirror(reflecting: value)
        if mirror.displayStyle == .optional {
            return mirror.children.first.map { unset($0.value, path) } ?? [path]
        }
        guard mirror.displayStyle == .struct || mirror.displayStyle == .collection else { return [] }
        return mirror.children.flatMap { unset($0.value, "\(path).\($0.label ?? "")") }
    }

    @Test func `the schema has the fields of the Swift types`() throws {
        #expect(unset(Self.spec, "spec") == [])
        #expect(unset(Self.status, "status") == [])
        #expect(differences(try schema("spec"), try JSONValue(encoding: Self.spec), "spec") == [])
        #expect(differences(try schema("status"), try JSONValue(encoding: Self.status), "status") == [])
    }

    @Test func `every field has a description and is accepted by old clusters`() throws {
        func walk(_ schema: JSONValue, _ path: String) {
            #expect(schema["description"]?.stringValue?.isEmpty == false, "\(path) has no description")
            #expect(schema["default"] == nil, "\(path): defaults are the operator's, and an empty one breaks Kubernetes 1.20")
            #expect(schema["x-kubernetes-validations"] == nil, "\(path): CEL needs Kubernetes 1.25")
            #expect(
                schema["additionalProperties"]?["x-kubernetes-int-or-string"] == nil,
                "\(path): Kubernetes 1.20 then builds no types, and conditions are no list by type any more")
            let properties = schema["properties"]?.objectValue ?? [:]
            if schema["nullable"] == true, !properties.isEmpty {
                // Kubernetes 1.20 does not tell kubectl what is in an object that may be null.
                let named = schema["description"]?.stringValue?.firstMatch(of: /Fields: (.*)\.$/)?.output.1.split(separator: ", ") ?? []
                #expect(Set(named.map(String.init)) == Set(properties.keys), "\(path): `kubectl explain` names other fields")
            }
            for (key, property) in properties { walk(property, "\(path).\(key)") }
            if let items = schema["items"], items["type"] == "object" { walk(items, "\(path)[]") }
        }
        walk(try schema("spec"), "spec")
        walk(try schema("status"), "status")
    }

    @Test func `it is the type that the code names`() throws {
        let definition = try #require(try InstallManifests.customResourceDefinition())
        let type = Environment.resource
        #expect(definition["metadata"]?["name"]?.stringValue == "\(type.plural).\(type.group)")
        #expect(definition["spec"]?["group"]?.stringValue == type.group)
        #expect(definition["spec"]?["names"]?["kind"]?.stringValue == type.kind)
        #expect(definition["spec"]?["names"]?["shortNames"] == ["env"])
        #expect(try version()["name"]?.stringValue == type.version)
        #expect(try version()["subresources"]?["status"] == [:])
        #expect(
            try version()["additionalPrinterColumns"]?.arrayValue?.compactMap { $0["name"]?.stringValue } == [
                "Stage", "Reason", "Revision", "URL", "Age",
            ])
    }

    @Test func `its conditions are those of the code`() throws {
        let types = try schema("status")["properties"]?["conditions"]?["items"]?["properties"]?["type"]?["enum"]
        #expect(types == .array(ConditionType.allCases.map { .string($0.rawValue) }))
    }
}
