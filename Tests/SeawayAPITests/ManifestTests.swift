import KubernetesModel
import Testing

@testable import SeawayAPI

@Suite("Manifest") struct ManifestTests {
    /// In the form of the published example: fields that this version takes over unchanged.
    static let published = """
        name: seaway-example
        version: 0.1.0
        description:

        defaultEnvironment: local
        environments:
          - name: local
            replicas: 3
            namespace: seaway-example
            config: default
            endpoint: https://localhost:8080
            vars:
              env:
                - name: ENV
                  value: local
            build:
              dockerfile: Dockerfile
              include:
              - ^app/
              - ^*.py$
              - ^entrypoint.sh
              - ^requirements.txt
            network:
              service:
                enabled: true
                ports:
                  - name: http
                    port: 8081
              ingress:
                enabled: true
                tls:
                  - hosts:
                    - seaway-sandbox
            resources:
              memory: 2Gi
              cpu: 100m
            dependencies:
              - name: crds
                path: k8s/crds
              - name: pgo
                path: k8s/pgo
                wait:
                  - kind: Deployment
                    name: pgo
                    for: ready
                    timeout: 30s
              - name: base
                path: k8s/base

        """

    @Test func `the published example`() throws {
        let manifest = try Manifest.parse(yaml: Self.published).expanding { _ in nil }
        #expect(manifest.name == "seaway-example")
        #expect(manifest.version == "0.1.0")
        #expect(manifest.description == nil)
        let environment = try manifest.environment()
        #expect(environment.namespace == "seaway-example")
        #expect(environment.endpoint == "https://localhost:8080")
        #expect(
            environment.dependencies == [
                ManifestDependency(name: "crds", path: "k8s/crds"),
                ManifestDependency(
                    name: "pgo", path: "k8s/pgo", wait: [ManifestWait(kind: "Deployment", name: "pgo", for: "ready", timeout: .seconds(30))]),
                ManifestDependency(name: "base", path: "k8s/base"),
            ])
        #expect(
            try JSONValue(encoding: environment.spec) == [
                "revision": "",
                "replicas": 3,
                "vars": ["env": [["name": "ENV", "value": "local"]]],
                "build": ["dockerfile": "Dockerfile", "include": ["^app/", "^*.py$", "^entrypoint.sh", "^requirements.txt"]],
                "network": [
                    "service": ["enabled": true, "ports": [["name": "http", "port": 8081]]],
                    "ingress": ["enabled": true, "tls": [["hosts": ["seaway-sandbox"]]]],
                ],
                "resources": ["memory": "2Gi", "cpu": "100m"],
            ])
    }

    @Test func `the example of the design`() throws {
        let text = """
            name: shop
            defaultEnvironment: dev
            environments:
              - name: dev
                namespace: shop-${USER}
                replicas: 1
                vars: {env: [{name: MODE, value: dev}]}
                build: {dockerfile: Dockerfile, target: dev, buildArgs: {BASE: debian}, include: ["^app/", "\\\\.py$"]}
                ports: [{name: http, port: 8080}]
                network: {ingress: {enabled: true}}
                resources: {memory: 256Mi, cpu: 100m}
                dependencies:
                  - {name: db, path: k8s/db, wait: [{kind: Deployment, name: db, for: ready, timeout: 60s}]}
            """
        let environment = try Manifest.parse(yaml: text).expanding { $0 == "USER" ? "Ada.L" : nil }.environment()
        #expect(environment.namespace == "shop-ada-l")
        #expect(environment.spec.build?.include == ["^app/", "\\.py$"])
        #expect(environment.spec.ports == [EnvironmentSpec.Port(name: "http", port: 8080)])
        #expect(environment.dependencies.first?.wait.first?.timeout == .seconds(60))
    }

    @Test func `scalars keep their meaning`() throws {
        let text = """
            name: shop
            environments:
              - name: dev
                replicas: 0x10
                args: [1.10, true, null-ish, 0755]
                vars:
                  env: [{name: A, value: 1.10}, {name: B, value: yes}, {name: C, value: }, {name: D, value: ''}]
                build: {buildArgs: {VERSION: 3.10, EMPTY: }}
                resources: {cpu: 0.5, memory: 1073741824}
                network: {service: {enabled: yes, annotations: {a: 1}}}
                livenessProbe:
                  exec: {command: [sleep, 5]}
                  httpGet: {port: 8080, path: /, httpHeaders: [{name: X, value: 1}]}
                  periodSeconds: 5
                securityContext: {runAsNonRoot: true, seLinuxOptions: {level: 's0:c1'}, procMount: no, runAsUser: !!str 5}
            """
        let spec = try Manifest.parse(yaml: text).expanding { _ in nil }.environment().spec
        #expect(spec.replicas == 16)
        #expect(spec.args == ["1.10", "true", "null-ish", "0755"])
        #expect(spec.vars?.env == [["name": "A", "value": "1.10"], ["name": "B", "value": "yes"], ["name": "C"], ["name": "D", "value": ""]])
        #expect(spec.build?.buildArgs == ["VERSION": "3.10", "EMPTY": ""])
        #expect(spec.resources == ["cpu": "0.5", "memory": "1073741824"])
        #expect(spec.network?.service?.enabled == true)
        #expect(spec.network?.service?.annotations == ["a": "1"])
        #expect(
            spec.livenessProbe == [
                "exec": ["command": ["sleep", "5"]],
                "httpGet": ["port": 8080, "path": "/", "httpHeaders": [["name": "X", "value": "1"]]],
                "periodSeconds": 5,
            ])
        #expect(
            spec.securityContext == ["runAsNonRoot": true, "seLinuxOptions": ["level": "s0:c1"], "procMount": "no", "runAsUser": "5"])
    }

    @Test(arguments: [
        ("5", JSONValue.int(5)), ("-5", .int(-5)), ("+5", .int(5)), ("0o17", .int(15)), ("0x1F", .int(31)), ("0755", .int(755)),
        ("0x", .string("0x")), ("0x-5", .string("0x-5")), ("1_000", .string("1_000")), ("1.5", .double(1.5)), ("1.", .double(1)),
        (".5", .double(0.5)), ("1e3", .double(1000)), ("1e", .string("1e")), (".inf", .string(".inf")), ("1:30", .string("1:30")),
        ("true", .bool(true)), ("yes", .string("yes")), ("on", .string("on")), ("~", .null), ("null", .null), ("NaN", .string("NaN")),
        ("2024-01-01", .string("2024-01-01")), ("-", .string("-")), (".", .string(".")), ("99999999999999999999", .double(1e20)),
    ]) func `plain scalars follow YAML 1.2`(_ text: String, _ value: JSONValue) {
        #expect(YAMLScalar.resolve(text) == value)
    }

    @Test func `anchors, merge keys and extensions`() throws {
        let text = """
            name: shop
            x-common: &common
              replicas: 2
              workingDir: /app
            environments:
              - <<: *common
                name: dev
              - name: ci
                <<: [{replicas: 3}, *common]
            """
        let manifest = try Manifest.parse(yaml: text).expanding { _ in nil }
        #expect(manifest.environments.map(\.spec.replicas) == [2, 3])
        #expect(manifest.environments.map(\.spec.workingDir) == ["/app", "/app"])
    }

    @Test func `an environment is chosen by name, default, or because it is alone`() throws {
        let several = "name: shop\nenvironments: [{name: dev}, {name: ci}]\n"
        let manifest = try Manifest.parse(yaml: several, file: "m.yaml").expanding { _ in nil }
        #expect(try manifest.environment(named: "ci").name == "ci")
        #expect(try manifest.environment(named: "ci").namespace == "shop-ci")
        #expect(
            messages { () throws(ManifestErrors) in _ = try manifest.environment() }
                == ["m.yaml: there are several environments and no defaultEnvironment, name one of: dev, ci"])
        #expect(
            messages { () throws(ManifestErrors) in _ = try manifest.environment(named: "dve") }
                == ["m.yaml: no environment is called 'dve', there is: dev, ci; did you mean 'dev'?"])
        let withDefault = try Manifest.parse(yaml: several + "defaultEnvironment: ci\n").expanding { _ in nil }
        #expect(try withDefault.environment().name == "ci")
        let alone = try Manifest.parse(yaml: "name: shop\nenvironments: [{name: dev}]\n").expanding { _ in nil }
        #expect(try alone.environment().name == "dev")
    }

    @Test func `every duration`() {
        let durations: [(String, Duration?)] = [
            ("30s", .seconds(30)), ("1h30m", .seconds(5400)), ("1.5s", .milliseconds(1500)), ("250ms", .milliseconds(250)), ("", nil), ("30", nil),
            ("s", nil), ("5 s", nil), ("-5s", nil), ("1d", nil), ("999999999h", nil),
        ]
        for (text, duration) in durations { #expect(ManifestNames.duration(text) == duration, "\(text)") }
    }

    @Test func `every quantity`() {
        for text in ["0", "1", "+1", "0.5", ".5", "1.", "100m", "256Mi", "2Gi", "1e3", "1e400", "1E-3", "5E", "1k"] {
            #expect(ManifestNames.isQuantity(text), "\(text)")
        }
        for text in ["", "-1", "2GB", "1 Gi", "Gi", "1.2.3", ".", "1K", "1e", "1ee3", "true", "1mi", "1e99999999999"] {
            #expect(!ManifestNames.isQuantity(text), "\(text)")
        }
    }
}
