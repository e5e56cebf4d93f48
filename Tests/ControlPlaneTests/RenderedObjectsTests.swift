import Foundation
import KubernetesClient
import KubernetesModel
import SeawayAPI
import Testing

@testable import SeawayPlan

/// What the operator would apply, from the manifest's text to the API server's own validation: each request is made as the operator
/// makes it, but for `dryRun`. The API server drops nothing silently: what it answers has every field that was sent.
@Suite(.enabled(if: ControlPlane.isWanted), .timeLimit(.minutes(10))) struct RenderedObjectsTests {
    private static let settings = OperatorSettings(
        registry: "registry.example:5000", registryPull: "localhost:31555", registryInsecure: true, builderImage: "builder:1",
        seawayImage: "seaway:1", endpoint: "https://seaway.seaway-system.svc:8443", certificateAuthority: "PEM", ingressClass: "traefik",
        ingressDomain: "localhost", ingressPort: 31080)

    /// What the operator renders for the fields of one environment of a manifest.
    private func rendering(_ fields: String, _ namespace: String, _ settings: OperatorSettings = Self.settings) throws -> Rendering {
        let text = "name: shop\nenvironments:\n  - {name: dev, \(fields)}\n"
        var spec = try Manifest.parse(yaml: text).expanding { _ in nil }.environment().spec
        spec.revision = String(repeating: "a", count: 64)
        // The owner is not looked up in a dry run.
        let environment = Environment(metadata: ObjectMeta(name: "shop", namespace: namespace, uid: "5f0c2a9e", generation: 1), spec: spec)
        return Rendering(environment: environment, digest: String(repeating: "b", count: 64), settings: settings)
    }

    /// Applies without storing, and checks that the answer has all that was sent.
    private func answer(to object: JSONValue?, _ client: KubernetesClient, _ comment: Comment) async throws -> JSONValue {
        let object = try #require(object, comment)
        let answer = try await client.apply(object, fieldManager: Names.fieldManager, force: true, dryRun: true)
        #expect(object.missing(in: answer) == [], comment)
        return answer
    }

    // MARK: Builds

    /// A field of `build`, and where it is found in the pod and its build container.
    private static let overrides: [(field: String, isKept: @Sendable (_ job: JSONValue, _ pod: JSONValue, _ build: JSONValue) -> Bool)] = [
        ("", { _, pod, build in pod["volumes"] != nil && build["args"] != nil && pod["automountServiceAccountToken"] == false }),
        ("image: mine:1", { _, _, build in build["image"] == "mine:1" }),
        ("command: [run, it]", { _, _, build in build["command"] == ["run", "it"] }),
        ("args: [--fast, 3]", { _, _, build in build["args"] == ["--fast", "3"] }),
        (
            "env: [{name: TOKEN, valueFrom: {secretKeyRef: {name: build, key: token}}}, {name: SEAWAY_CONTEXT, value: /x}]",
            { _, _, build in
                let names = build["env"]?.arrayValue?.compactMap { $0["name"]?.stringValue } ?? []
                let secret = build["env"]?.arrayValue?.first { $0["name"] == "TOKEN" }
                return secret?["valueFrom"]?["secretKeyRef"]?["key"] == "token" && names.filter { $0 == "SEAWAY_CONTEXT" }.count == 1
            }
        ),
        (
            "envFrom: [{secretRef: {name: proxy}}, {prefix: X_, configMapRef: {name: settings}}]",
            { _, _, build in build["envFrom"]?[1]?["prefix"] == "X_" && build["envFrom"]?[0]?["secretRef"]?["name"] == "proxy" }
        ),
        (
            "resources: {requests: {cpu: 100m}, limits: {memory: 2Gi}}",
            { _, _, build in build["resources"]?["limits"]?["memory"] == "2Gi" && build["resources"]?["requests"]?["cpu"] == "100m" }
        ),
        (
            "securityContext: {runAsUser: 1234, seccompProfile: {type: RuntimeDefault}}",
            { _, _, build in
                build["securityContext"]?["runAsUser"] == 1234 && build["securityContext"]?["seccompProfile"]?["type"] == "RuntimeDefault"
            }
        ),
        ("serviceAccountName: builder", { _, pod, _ in pod["serviceAccountName"] == "builder" }),
        ("deadline: 77s", { job, _, _ in job["spec"]?["activeDeadlineSeconds"] == 77 }),
        ("retries: 2", { job, _, _ in job["spec"]?["backoffLimit"] == 2 }),
        ("nodeSelector: {disk: ssd}", { _, pod, _ in pod["nodeSelector"] == ["disk": "ssd"] }),
        (
            "tolerations: [{key: builds, operator: Equal, value: yes, effect: NoExecute, tolerationSeconds: 30}]",
            { _, pod, _ in pod["tolerations"]?[0]?["tolerationSeconds"] == 30 && pod["tolerations"]?[0]?["value"] == "yes" }
        ),
        (
            "dockerfile: docker/Dockerfile, context: app, target: dev, platform: linux/arm64, buildArgs: {BASE: \"debian:12\"}",
            { _, _, build in build["args"]?.arrayValue?.contains { $0.stringValue?.contains("BASE=debian:12") == true } == true }
        ),
    ]

    @Test(arguments: Builder.allCases) func `the API server takes each builder's Job with each override`(builder: Builder) async throws {
        try await ControlPlane.withNamespace { client, namespace in
            for (field, isKept) in Self.overrides {
                let fields = field.isEmpty ? "" : ", \(field)"
                let rendering = try rendering("build: {builder: \(builder.rawValue)\(fields)}", namespace)
                for cache in [LayerCache.volume, .registry, .none] {
                    let job = try await answer(to: rendering.buildJob(cache: cache), client, "\(field), cache \(cache)")
                    let pod = try #require(job["spec"]?["template"]?["spec"])
                    let build = try #require(pod["containers"]?.arrayValue?.first { $0["name"]?.stringValue == Names.buildContainer })
                    #expect(isKept(job, pod, build), "\(field), cache \(cache): \(job)")
                    // Only one of the three mounts the claim.
                    let claims = pod["volumes"]?.arrayValue?.compactMap { $0["persistentVolumeClaim"]?["claimName"]?.stringValue } ?? []
                    #expect(claims == (cache == .volume ? [Names.buildCache(of: "shop")] : []))
                }
            }
            // The same with a registry that wants a login.
            var settings = Self.settings
            settings.registryGateway = true
            settings.pullSecret = true
            let rendering = try rendering("build: {builder: \(builder.rawValue)}", namespace, settings)
            for cache in [LayerCache.volume, .registry, .none] {
                let pod = try await answer(to: rendering.buildJob(cache: cache), client, "gateway, cache \(cache)")["spec"]?["template"]?["spec"]
                #expect(pod?["containers"]?[0]?["name"]?.stringValue == Names.registryContainer)
                #expect(pod?["imagePullSecrets"]?[0]?["name"]?.stringValue == Names.pullSecret)
            }
            let claim = try self.rendering("build: {cache: {type: volume, size: 20Gi, storageClassName: fast}}", namespace).cacheClaim
            let answered = try await answer(to: claim, client, "cache")
            #expect(answered["spec"]?["resources"]?["requests"]?["storage"] == "20Gi")
            #expect(answered["spec"]?["storageClassName"] == "fast")
        }
    }

    // MARK: The application

    @Test func `the API server takes a Deployment with every field`() async throws {
        try await ControlPlane.withNamespace { client, namespace in
            let fields = """
                replicas: 3, resources: {memory: 256Mi, cpu: 0.5, ephemeral-storage: 1Gi, example.com/gpu: 1},
                    command: [python3], args: [-m, shop], workingDir: /app,
                    vars: {env: [{name: MODE, value: 1.10}, {name: KEY, valueFrom: {secretKeyRef: {name: db, key: password}}}],
                           envFrom: [{prefix: DB_, secretRef: {name: db}}, {configMapRef: {name: settings}}]},
                    livenessProbe: {httpGet: {path: /live, port: 8080, httpHeaders: [{name: A, value: b}]}, initialDelaySeconds: 3},
                    readinessProbe: {tcpSocket: {port: http}, periodSeconds: 7}, startupProbe: {exec: {command: [true]}},
                    lifecycle: {postStart: {exec: {command: [start]}}}, securityContext: {runAsUser: 1000, capabilities: {add: [NET_ADMIN]}},
                    ports: [{name: http, port: 8080}, {name: dns, port: 53, protocol: UDP}]
                """
            let deployment = try await answer(to: rendering(fields, namespace).deployment, client, "all fields")
            let template = try #require(deployment["spec"]?["template"])
            let app = try #require(template["spec"]?["containers"]?[0])
            #expect(deployment["spec"]?["replicas"] == 3)
            #expect(deployment["spec"]?["strategy"]?["rollingUpdate"]?["maxUnavailable"] == 0)
            let quantities: JSONValue = ["memory": "256Mi", "cpu": "500m", "ephemeral-storage": "1Gi", "example.com/gpu": "1"]
            #expect(app["resources"]?["limits"] == quantities)
            #expect(app["resources"]?["requests"] == quantities)
            #expect(app["command"] == ["python3"] && app["args"] == ["-m", "shop"] && app["workingDir"] == "/app")
            #expect(app["env"]?[0] == ["name": "MODE", "value": "1.10"])
            #expect(app["env"]?[1]?["valueFrom"]?["secretKeyRef"]?["key"] == "password")
            #expect(app["envFrom"]?[0]?["prefix"] == "DB_" && app["envFrom"]?[1]?["configMapRef"]?["name"] == "settings")
            #expect(app["livenessProbe"]?["httpGet"]?["path"] == "/live" && app["livenessProbe"]?["initialDelaySeconds"] == 3)
            #expect(app["readinessProbe"]?["tcpSocket"]?["port"] == "http" && app["readinessProbe"]?["periodSeconds"] == 7)
            #expect(app["startupProbe"]?["exec"]?["command"] == ["true"])
            #expect(app["lifecycle"]?["postStart"]?["exec"]?["command"] == ["start"])
            #expect(app["securityContext"]?["runAsUser"] == 1000 && app["securityContext"]?["capabilities"]?["add"] == ["NET_ADMIN"])
            #expect(app["ports"]?[1]?["containerPort"] == 53 && app["ports"]?[1]?["protocol"] == "UDP")

            var draining = Self.settings
            draining.drain = .init(seconds: 4, method: .request(host: "10.96.0.9", port: 8081))
            let drained = try await answer(to: rendering("ports: [{port: 80}]", namespace, draining).deployment, client, "drain")
            let hook = drained["spec"]?["template"]?["spec"]?["containers"]?[0]?["lifecycle"]?["preStop"]?["httpGet"]
            #expect(hook?["path"] == "drain/4" && hook?["host"] == "10.96.0.9" && hook?["port"] == 8081)

            var withSecrets = try rendering("ports: [{port: 80}]", namespace).environment
            withSecrets.spec.secrets = [.init(name: "tls", version: "12"), .init(name: "db", version: "7")]
            let restarted = Rendering(environment: withSecrets, digest: String(repeating: "b", count: 64), settings: Self.settings)
            let secrets = try await answer(to: restarted.deployment, client, "secrets")
            #expect(secrets["spec"]?["template"]?["metadata"]?["annotations"]?[Names.secretsAnnotation] == "db=7,tls=12")
        }
    }

    @Test(arguments: ["ClusterIP", "NodePort", "LoadBalancer"])
    func `the API server takes a Service of each type`(type: String) async throws {
        try await ControlPlane.withNamespace { client, namespace in
            // Before 1.24 a load balancer has one protocol.
            let other = type == "LoadBalancer" ? "TCP" : "UDP"
            let nodePort = type == "ClusterIP" ? "" : ", nodePort: 31987"
            let fields = """
                network: {service: {enabled: true, type: \(type), annotations: {example.com/a: 1},
                    ports: [{name: http, port: 8080\(nodePort)}, {name: second, port: 53, protocol: \(other)}]}}
                """
            let service = try await answer(to: rendering(fields, namespace).service, client, "\(type)")
            #expect(service["spec"]?["type"]?.stringValue == type)
            #expect(service["metadata"]?["annotations"]?["example.com/a"] == "1")
            let ports = try #require(service["spec"]?["ports"]?.arrayValue)
            #expect(ports.map { $0["name"] } == ["http", "second"] && ports.map { $0["targetPort"] } == [8080, 53])
            #expect(ports.map { $0["protocol"] } == ["TCP", .string(other)])
            #expect(ports[0]["nodePort"] == (type == "ClusterIP" ? nil : 31987))
        }
    }

    @Test func `the API server takes a Service that is a name of another host`() async throws {
        try await ControlPlane.withNamespace { client, namespace in
            let fields = "network: {service: {enabled: true, type: ExternalName, externalName: db.example.com, ports: [{port: 5432}]}}"
            let service = try await answer(to: rendering(fields, namespace).service, client, "ExternalName")
            #expect(service["spec"]?["type"] == "ExternalName" && service["spec"]?["externalName"] == "db.example.com")
            #expect(service["spec"]?["selector"] == nil)
        }
    }

    @Test func `the API server takes an Ingress with class, host, TLS and annotations`() async throws {
        try await ControlPlane.withNamespace { client, namespace in
            let fields = """
                ports: [{name: http, port: 8080}, {name: admin, port: 9090}],
                    network: {ingress: {enabled: true, className: nginx, host: shop.example.com, port: 9090, annotations: {example.com/size: 8m},
                              tls: [{hosts: [shop.example.com], secretName: shop-tls}]}}
                """
            let ingress = try await answer(to: rendering(fields, namespace).ingress, client, "all fields")
            #expect(ingress["spec"]?["ingressClassName"] == "nginx")
            #expect(ingress["spec"]?["rules"]?[0]?["host"] == "shop.example.com")
            let path = ingress["spec"]?["rules"]?[0]?["http"]?["paths"]?[0]
            #expect(path?["backend"]?["service"] == ["name": "shop", "port": ["number": 9090]])
            #expect(ingress["spec"]?["tls"] == [["hosts": ["shop.example.com"], "secretName": "shop-tls"]])
            #expect(ingress["metadata"]?["annotations"]?["example.com/size"] == "8m")

            let plain = try await answer(
                to: rendering("ports: [{port: 80}], network: {ingress: {enabled: true}}", namespace).ingress, client, "defaults")
            #expect(plain["spec"]?["ingressClassName"] == "traefik")
            #expect(plain["spec"]?["rules"]?[0]?["host"]?.stringValue == "shop.\(namespace).localhost")
        }
    }

    @Test func `a wrong object is refused here, so that the others show something`() async throws {
        try await ControlPlane.withNamespace { client, namespace in
            let wrong = try rendering("build: {securityContext: {runAsUser: -5}}", namespace).buildJob(cache: .none)
            let error = await #expect(throws: KubernetesError.self) {
                _ = try await client.apply(wrong, fieldManager: Names.fieldManager, force: true, dryRun: true)
            }
            #expect(error?.status?.isInvalid == true)
        }
    }
}

extension JSONValue {
    /// Paths of what is here and not, or not the same, in `other`. Objects may have more members there.
    fileprivate func missing(in other: JSONValue?, at path: String = "") -> [String] {
        switch (self, other) {
        case (.object(let members), .object):
            members.sorted { $0.key < $1.key }.flatMap { $0.value.missing(in: other?[$0.key], at: "\(path).\($0.key)") }
        case (.array(let elements), .array(let others)) where elements.count == others.count:
            zip(elements, others).enumerated().flatMap { $0.element.0.missing(in: $0.element.1, at: "\(path)[\($0.offset)]") }
        default:
            // What is empty may be left out, and quantities are written in their shortest form.
            self == other || self == [:] || self == 0 || path.contains(".resources.")
                ? [] : ["\(path): \(self) is \(other.map { "\($0)" } ?? "not there")"]
        }
    }
}
