import Foundation
import InstallManifests
import KubernetesModel
import Testing

@testable import SeawayAPI

/// The manifest's fields are the same in the decoder, the JSON Schema, the documentation, the Swift types and the cluster's schema.
@Suite("Manifest schema") struct ManifestSchemaTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "../..").standardizedFileURL

    /// A manifest in which every field is used.
    static let everything = """
        name: shop
        version: 1.0
        description: A shop.
        defaultEnvironment: dev
        x-common: {any: [thing]}
        environments:
          - name: dev
            namespace: shop-${USER}
            temporary: yes
            ttl: 1h30m
            secrets:
              - {name: db, fromEnvFile: .env.dev}
              - {name: tls, fromFile: {tls.key: certs/tls.key}}
            dependencies:
              - {name: db, type: kustomize, path: k8s/db, substitute: true, wait: [{kind: Deployment, apiVersion: apps/v1, namespace: shop, name: db, for: ready, timeout: 60s}]}
              - {name: mail, type: helm, chart: mail, repo: "https://charts.example.com", version: 1.2.3, values: [k8s/mail.yaml], release: post}
            replicas: 2
            vars:
              env: [{name: MODE, value: 1.10}, {name: KEY, valueFrom: {secretKeyRef: {name: db, key: password}}}]
              envFrom: [{prefix: DB_, secretRef: {name: db}}, {configMapRef: {name: settings}}]
            build:
              dockerfile: docker/Dockerfile
              context: app
              target: dev
              buildArgs: {BASE: debian, EMPTY: }
              platform: linux/arm64
              include: ["^app/"]
              exclude: ["^app/tests/"]
              builder: kaniko
              cache: {type: volume, size: 20Gi, storageClassName: fast}
              image: example.com/kaniko:1
              command: [run]
              args: [--fast, 3]
              env: [{name: HTTP_PROXY, value: "http://proxy:3128"}, {name: TOKEN, valueFrom: {secretKeyRef: {name: build, key: token}}}]
              envFrom: [{secretRef: {name: build}}, {prefix: X_, configMapRef: {name: settings}}]
              resources: {requests: {cpu: 100m}, limits: {memory: 2Gi}}
              securityContext: {runAsUser: 1000}
              serviceAccountName: builder
              deadline: 30m
              retries: 2
              nodeSelector: {disk: ssd, spot: true}
              tolerations: [{key: builds, operator: Equal, value: yes, effect: NoExecute, tolerationSeconds: 30}]
            ports: [{name: http, port: 8080, protocol: TCP, nodePort: 30080}]
            network:
              service:
                enabled: true
                annotations: {a: 1}
                type: NodePort
                externalName: example.com
                ports: [{name: http, port: 8080, protocol: TCP, nodePort: 30080}]
              ingress:
                enabled: on
                annotations: {a: b}
                className: nginx
                host: ${BRANCH}.example.com
                port: 8080
                tls: [{hosts: [example.com], secretName: shop-tls}]
            resources: {memory: 256Mi, cpu: 0.5, ephemeral-storage: 1Gi, hugepages-2Mi: 4Mi, example.com/gpu: 1}
            command: [python3]
            args: [-m, shop]
            workingDir: /app
            livenessProbe: {httpGet: {path: /, port: 8080}}
            readinessProbe: {httpGet: {path: /, port: 8080}}
            startupProbe: {httpGet: {path: /, port: 8080}}
            lifecycle: {preStop: {exec: {command: [stop]}}}
            securityContext: {runAsUser: 1000}
            endpoint: https://localhost:8080
            config: default
        """

    private func environment() throws -> ManifestEnvironment {
        try Manifest.parse(yaml: Self.everything).expanding { ["USER": "ada", "BRANCH": "main"][$0] }.environment()
    }

    @Test func `every new field becomes what the cluster is told`() throws {
        let environment = try environment()
        #expect(environment.isTemporary)
        #expect(environment.spec.ttlSeconds == 5400)
        #expect(
            environment.secrets == [
                ManifestSecret(name: "db", fromEnvFile: ".env.dev"), ManifestSecret(name: "tls", fromFile: ["tls.key": "certs/tls.key"]),
            ])
        #expect(environment.spec.secrets == nil, "seactl adds them when it has written them")
        #expect(
            try JSONValue(encoding: environment.spec.build) == [
                "dockerfile": "docker/Dockerfile", "context": "app", "target": "dev", "buildArgs": ["BASE": "debian", "EMPTY": ""],
                "platform": "linux/arm64", "include": ["^app/"], "exclude": ["^app/tests/"], "builder": "kaniko",
                "cache": ["type": "volume", "size": "20Gi", "storageClassName": "fast"], "image": "example.com/kaniko:1", "command": ["run"],
                "args": ["--fast", "3"],
                "env": [
                    ["name": "HTTP_PROXY", "value": "http://proxy:3128"],
                    ["name": "TOKEN", "valueFrom": ["secretKeyRef": ["name": "build", "key": "token"]]],
                ],
                "envFrom": [["secretRef": ["name": "build"]], ["prefix": "X_", "configMapRef": ["name": "settings"]]],
                "resources": ["requests": ["cpu": "100m"], "limits": ["memory": "2Gi"]],
                "securityContext": ["runAsUser": 1000], "serviceAccountName": "builder", "deadlineSeconds": 1800, "retries": 2,
                "nodeSelector": ["disk": "ssd", "spot": "true"],
                "tolerations": [["key": "builds", "operator": "Equal", "value": "yes", "effect": "NoExecute", "tolerationSeconds": 30]],
            ])
    }

    @Test func `short forms`() throws {
        let text = """
            name: shop
            environments:
              - {name: dev, temporary: true, build: {cache: registry, resources: {memory: 2Gi, cpu: 1}, tolerations: [{operator: Exists}]}}
              - {name: ci, temporary: false, build: {cache: {type: none}, resources: {limits: {memory: 1e9}}}}
            """
        let manifest = try Manifest.parse(yaml: text).expanding { _ in nil }
        let dev = try manifest.environment(named: "dev").spec
        #expect(dev.ttlSeconds == 8 * 3600, "the default life")
        #expect(dev.build?.cache == EnvironmentSpec.Cache(type: "registry"))
        let both: JSONValue = ["memory": "2Gi", "cpu": "1"]
        #expect(dev.build?.resources == ["requests": both, "limits": both])
        #expect(dev.build?.tolerations == [["operator": "Exists"]])
        let ci = try manifest.environment(named: "ci").spec
        #expect(ci.ttlSeconds == nil)
        #expect(ci.build?.cache == EnvironmentSpec.Cache(type: "none"))
        #expect(ci.build?.resources == ["limits": ["memory": "1e9"]])
    }

    // MARK: The same fields everywhere

    /// The fields that a schema knows, as `parent.field`; what stands in lists counts as part of the list.
    private func fields(_ schema: JSONValue, _ path: String = "") -> Set<String> {
        var found: Set<String> = []
        for (name, property) in schema["properties"]?.objectValue ?? [:] {
            let field = path.isEmpty ? name : "\(path).\(name)"
            found.insert(field)
            found.formUnion(fields(property, field))
        }
        if let items = schema["items"] { found.formUnion(fields(items, path)) }
        return found
    }

    @Test func `the example of every field uses every field`() throws {
        let written = try #require(try JSONValue.documents(yaml: Self.everything).first)
        func used(_ value: JSONValue, _ schema: JSONValue, _ path: String) -> Set<String> {
            switch value {
            case .array(let elements): return elements.reduce(into: []) { $0.formUnion(used($1, schema["items"] ?? [:], path)) }
            case .object(let members):
                return members.reduce(into: []) { found, member in
                    guard let property = schema["properties"]?[member.key] else { return }
                    let field = path.isEmpty ? member.key : "\(path).\(member.key)"
                    found.insert(field)
                    found.formUnion(used(member.value, property, field))
                }
            default: return []
            }
        }
        var all = fields(Manifest.jsonSchema)
        // The short form of resources stands beside the long one in the schema; the example has the long one.
        all = all.filter { !$0.hasPrefix("environments.build.resources.") }
        #expect(all.subtracting(used(written, Manifest.jsonSchema, "")) == [])
    }

    @Test func `the cluster's schema has each field of the manifest, and no other`() throws {
        let definition = try #require(try InstallManifests.customResourceDefinition())
        let spec = try #require(definition["spec"]?["versions"]?[0]?["schema"]?["openAPIV3Schema"]?["properties"]?["spec"])
        func top(_ schema: JSONValue?) -> Set<String> { Set((schema?["properties"]?.objectValue ?? [:]).keys) }
        let environment = try #require(Manifest.jsonSchema["properties"]?["environments"]?["items"])
        // Set by `seactl`, or made of other fields.
        let ofSeactl: Set<String> = ["revision", "attempt", "ttlSeconds"]
        // Not the operator's business.
        let ofManifest: Set<String> = ["name", "namespace", "temporary", "ttl", "dependencies", "endpoint", "config"]
        #expect(top(spec).subtracting(ofSeactl) == top(environment).subtracting(ofManifest))
        let build = try #require(spec["properties"]?["build"])
        let ownBuild = try #require(environment["properties"]?["build"])
        #expect(Set(top(build).map { $0 == "deadlineSeconds" ? "deadline" : $0 }) == top(ownBuild))
        for path in [["ports"], ["network", "service"], ["network", "ingress"], ["vars"]] {
            func at(_ schema: JSONValue) -> JSONValue? {
                let found = path.reduce(schema as JSONValue?) { $0?["properties"]?[$1] }
                return found?["items"] ?? found
            }
            #expect(top(at(spec)) == top(at(environment)), "\(path)")
        }
        #expect(top(build["properties"]?["cache"]) == top(ownBuild["properties"]?["cache"]))
    }

    @Test func `the documentation has a row for every field, and for no other`() throws {
        let text = try String(contentsOf: Self.root.appending(path: "docs/manifest.md"), encoding: .utf8)
        // Sections whose rows are fields, with the field that they are about.
        let parents = [
            "The file": "", "environments[]": "environments", "secrets": "environments.secrets", "vars": "environments.vars",
            "build": "environments.build", "network": "environments.network", "ports": "environments.ports",
            "dependencies": "environments.dependencies",
        ]
        var documented: Set<String> = []
        var section: String?
        for line in text.split(separator: "\n") {
            if line.hasPrefix("#") { section = parents[line.drop { $0 == "#" || $0 == " " }.description] }
            guard let section, line.hasPrefix("| `"), let cell = line.split(separator: "|").first else { continue }
            for (index, name) in cell.split(separator: "`").enumerated() where index % 2 == 1 && !name.hasPrefix("x-") {
                let field = name.replacingOccurrences(of: "[]", with: "")
                documented.insert(section.isEmpty ? field : "\(section).\(field)")
            }
        }
        // Described in the text of their parent's row: forms that Kubernetes gave them, and the ports of the Service, which are `ports`.
        let elsewhere = [
            "environments.resources.", "environments.build.resources.", "environments.build.tolerations.", "environments.build.env.",
            "environments.build.envFrom.", "environments.vars.env.", "environments.vars.envFrom.", "environments.network.service.ports.",
            "environments.network.ingress.tls.",
        ]
        let groups: Set<String> = ["environments.network.service", "environments.network.ingress", "environments.dependencies.wait"]
        let all = fields(Manifest.jsonSchema).filter { field in !elsewhere.contains { field.hasPrefix($0) } && !groups.contains(field) }
        #expect(documented.subtracting(all) == [], "documented and not there")
        #expect(Set(all).subtracting(documented) == [], "there and not documented")
    }

    @Test func `the schema file is the one that the decoder's tables make`() throws {
        let file = try Data(contentsOf: Self.root.appending(path: "docs/manifest.schema.json"))
        #expect(
            try JSONValue(parsing: file) == Manifest.jsonSchema,
            "stale: run `swift run seactl manifest schema > docs/manifest.schema.json`")
    }

    // MARK: Decoder and schema agree

    @Test func `what is read without errors, the schema takes`() throws {
        var good = [Self.everything, ManifestTests.published, ManifestVariableTests.text]
        for folder in try FileManager.default.contentsOfDirectory(atPath: Self.root.appending(path: "examples").path).sorted() {
            let file = Self.root.appending(path: "examples/\(folder)/manifest.yaml")
            guard FileManager.default.fileExists(atPath: file.path) else { continue }
            good.append(try String(contentsOf: file, encoding: .utf8))
        }
        #expect(good.count >= 4)
        good += HostileManifestTests.corpus.filter { $0.message == nil }.map(\.yaml)
        for text in good {
            #expect(messages { () throws(ManifestErrors) in _ = try Manifest.parse(yaml: text) } == [])
            let value = try #require(try JSONValue.documents(yaml: text).first)
            #expect(JSONSchemaCheck.problems(value, Manifest.jsonSchema) == [], "\(text.prefix(200))")
        }
    }

    @Test func `what the schema refuses, reading refuses, and most that reading refuses, the schema does`() throws {
        var agreed = 0
        var cases = 0
        for wrong in ManifestErrorTests.document + ManifestErrorTests.environment {
            guard let value = try? JSONValue.documents(yaml: wrong.yaml).first else { continue }
            cases += 1
            if !JSONSchemaCheck.problems(value, Manifest.jsonSchema).isEmpty { agreed += 1 }
        }
        #expect(cases > 25)
        // The others depend on two fields at once: a name used twice, a port that is no port of the Service.
        #expect(agreed >= cases - 6, "\(agreed) of \(cases)")
        // And each single field with a value of a wrong kind, found in the schema, is refused by both.
        for (yaml, field) in try wrongKinds() {
            let value = try #require(try JSONValue.documents(yaml: yaml).first)
            #expect(!JSONSchemaCheck.problems(value, Manifest.jsonSchema).isEmpty, "\(field)")
            let errors = messages { () throws(ManifestErrors) in _ = try Manifest.parse(yaml: yaml) }
            #expect(errors.contains { $0.contains(": environments[0].\(field): expected ") }, "\(field): \(errors)")
        }
    }

    /// Manifests in which one field of the environment has a list where none is wanted, or a word where a mapping or list is.
    private func wrongKinds() throws -> [(yaml: String, field: String)] {
        func each(_ schema: JSONValue, _ path: [String]) -> [(yaml: String, field: String)] {
            (schema["properties"]?.objectValue ?? [:]).sorted { $0.key < $1.key }.flatMap { name, property -> [(yaml: String, field: String)] in
                let path = path + [name]
                // Anything is taken.
                guard property["type"] != nil || property["enum"] != nil else { return [] }
                let types = (property["type"]?.arrayValue ?? [property["type"] ?? .null]).compactMap(\.stringValue)
                let wrong = types.contains("array") || (types.contains("object") && !types.contains("string")) ? "word" : "[[]]"
                let yaml = path.reversed().reduce(wrong) { "{\($1): \($0)}" }.dropFirst().dropLast()
                let nested = types.contains("object") ? each(property, path) : []
                return [("name: shop\nenvironments: [{name: dev, \(yaml)}]\n", path.joined(separator: "."))] + nested
            }
        }
        let environment = try #require(Manifest.jsonSchema["properties"]?["environments"]?["items"])
        let found = each(environment, []).filter { $0.field != "name" }
        #expect(found.count > 60)
        return found
    }
}
