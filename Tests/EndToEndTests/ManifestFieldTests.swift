import AsyncHTTPClient
import ContainerRegistry
import Foundation
import KubernetesClient
import KubernetesModel
import SeawayAPI
import Testing

/// What stands in a manifest is what runs: read from the page that the application serves and from the objects of the cluster.
@Suite(.enabled(if: !TestCluster.isSkipped), .timeLimit(.minutes(40)))
struct ManifestFieldTests {
    /// What the application finds out about itself.
    private struct Report: Decodable, Equatable {
        var mode: String?
        var password: String?
        var prefixed: String?
        var directory: String
        var user: Int
        var arguments: [String]
        var word: String
        var stage: String
        var files: [String]
    }

    private static let report = """
        import http.server, json, os, signal, sys
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        class Page(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.dumps({
                    "mode": os.environ.get("MODE"), "password": os.environ.get("KEY"), "prefixed": os.environ.get("DB_PASSWORD"),
                    "directory": os.getcwd(), "user": os.getuid(), "arguments": sys.argv[1:],
                    "word": open("/srv/app/word").read().strip(), "stage": open("/srv/app/stage").read().strip(),
                    "files": sorted(os.listdir("/srv/app")),
                }).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
        http.server.ThreadingHTTPServer(("", 8080), Page).serve_forever()

        """

    /// Its last stage would fail, and is not the one that is wanted.
    private static let dockerfile = """
        ARG BASE
        FROM ${BASE} AS base
        ARG WORD
        COPY . /srv/app
        RUN echo "${WORD}" > /srv/app/word
        FROM base AS dev
        RUN echo dev > /srv/app/stage && mkdir /elsewhere
        FROM base AS release
        RUN false

        """

    #if arch(x86_64)
        private static let platform = "linux/amd64"
    #else
        private static let platform = "linux/arm64"
    #endif

    private func everything(_ application: Application, _ host: String) -> String {
        """
        name: \(application.name)
        environments:
          - name: dev
            namespace: "${E2E_NAMESPACE:-\(application.namespace)}"
            temporary: true
            ttl: 2h
            secrets: [{name: db, fromEnvFile: .env.dev}, {name: "files-of-${USER}", fromFile: {tls.key: "${NAME}.key"}}]
            vars:
              env: [{name: MODE, value: 1.10}, {name: KEY, valueFrom: {secretKeyRef: {name: db, key: PASSWORD}}}]
              envFrom: [{prefix: DB_, secretRef: {name: db}}]
            build:
              dockerfile: docker/app.Dockerfile
              context: app
              target: dev
              platform: \(Self.platform)
              buildArgs: {BASE: "\(application.cluster.baseImage)", WORD: "said by ${USER} in ${NAME}"}
              include: ["^app/", "^docker/"]
              exclude: ["^app/left-out"]
              cache: none
              env: [{name: BUILD_MODE, value: fast}]
              resources: {requests: {cpu: 10m}, limits: {memory: 2Gi}}
              serviceAccountName: default
              deadline: 9m
              retries: 1
              nodeSelector: {kubernetes.io/os: linux}
              tolerations: [{key: builds, operator: Exists, effect: NoSchedule}]
            network:
              service:
                enabled: true
                annotations: {example.com/team: web}
                ports: [{name: main, port: 8080}, {name: admin, port: 9090, protocol: UDP}]
              ingress: {enabled: true, host: \(host), port: 8080, annotations: {example.com/size: 8m}}
            resources: {memory: 96Mi, cpu: 0.4}
            command: [python3, -u]
            args: [/srv/app/report.py, --verbose, 3]
            workingDir: /elsewhere
            startupProbe: {tcpSocket: {port: main}, periodSeconds: 1, failureThreshold: 60}
            readinessProbe: {httpGet: {path: /ready, port: 8080}, periodSeconds: 1}
            livenessProbe: {httpGet: {path: /live, port: main}, periodSeconds: 5, timeoutSeconds: 5}
            lifecycle: {postStart: {exec: {command: [touch, /tmp/started]}}}
            securityContext: {runAsUser: 1234, allowPrivilegeEscalation: false}

        """
    }

    @Test func `every field of a manifest reaches the build, the application and the network`() async throws {
        try await TestCluster.with { cluster in
            try await Application.with(cluster, files: [:]) { application in
                let host = "\(application.namespace).localhost"
                try application.write("app/report.py", Self.report)
                try application.write("app/left-out.txt", "not sent\n")
                try application.write("docker/app.Dockerfile", Self.dockerfile)
                try application.write("other/file.txt", "not sent either\n")
                try application.write(".env.dev", "PASSWORD=first\n")
                try application.write("\(application.name).key", "a key\n")
                try application.write("manifest.yaml", everything(application, host))
                let synced = try await application.sync()
                try #require(synced.ended.exitCode == 0, "\(synced.ended)")
                let url = try #require(synced.url)
                #expect(url.hasPrefix("http://\(host)"))
                var wanted = Report(
                    mode: "1.10", password: "first", prefixed: "first", directory: "/elsewhere", user: 1234, arguments: ["--verbose", "3"],
                    word: "said by tester in \(application.name)", stage: "dev", files: ["report.py", "stage", "word"])
                #expect(try await report(url) == wanted)

                try await expectBuild(application)
                try await expectDeployment(application)
                try await expectNetwork(application, host)
                let environment = try await cluster.environment(application)
                #expect(environment.spec.ttlSeconds == 7200)

                // Another content of a Secret: no build, new pods.
                let job = try await cluster.buildJob(application)
                try application.write(".env.dev", "PASSWORD=second\n")
                let changed = try await application.sync()
                try #require(changed.ended.exitCode == 0, "\(changed.ended)")
                wanted.password = "second"
                wanted.prefixed = "second"
                #expect(try await report(url) == wanted)
                #expect(try await cluster.buildJob(application) == job)

                try await expire(application)
            }
        }
    }

    private func report(_ url: String) async throws -> Report {
        let page = try await fetch(url)
        try #require(page.status == 200, "\(page)")
        return try JSONDecoder().decode(Report.self, from: Data(page.body.utf8))
    }

    private func object(_ application: Application, _ type: ResourceType, _ name: String? = nil) async throws -> JSONValue {
        try await application.cluster.client.send(.get(type, name: name ?? application.name, namespace: application.namespace), as: JSONValue.self)
    }

    private func expectBuild(_ application: Application) async throws {
        let job = try await object(application, .jobs, Names.buildJob(of: application.name))
        #expect(job["spec"]?["activeDeadlineSeconds"] == 540 && job["spec"]?["backoffLimit"] == 1)
        let pod = try #require(job["spec"]?["template"]?["spec"])
        #expect(pod["nodeSelector"] == ["kubernetes.io/os": "linux"])
        #expect(pod["tolerations"] == [["key": "builds", "operator": "Exists", "effect": "NoSchedule"]])
        #expect(pod["serviceAccountName"] == "default")
        let build = try #require(pod["containers"]?.arrayValue?.first { $0["name"]?.stringValue == Names.buildContainer })
        #expect(build["env"]?.arrayValue?.contains(["name": "BUILD_MODE", "value": "fast"]) == true)
        #expect(
            build["resources"] == ["requests": ["cpu": "10m", "memory": "2Gi"], "limits": ["memory": "2Gi"]]
                || build["resources"] == ["requests": ["cpu": "10m"], "limits": ["memory": "2Gi"]])
        let claims = try await application.cluster.client.list(PersistentVolumeClaim.self, namespace: application.namespace)
        #expect(claims.items.isEmpty, "no cache, no volume")
    }

    private func expectDeployment(_ application: Application) async throws {
        let template = try #require(try await object(application, .deployments)["spec"]?["template"])
        let app = try #require(template["spec"]?["containers"]?[0])
        let quantities: JSONValue = ["memory": "96Mi", "cpu": "400m"]
        #expect(app["resources"] == ["requests": quantities, "limits": quantities])
        #expect(app["startupProbe"]?["failureThreshold"] == 60 && app["startupProbe"]?["tcpSocket"]?["port"] == "main")
        #expect(app["readinessProbe"]?["httpGet"]?["path"] == "/ready" && app["livenessProbe"]?["httpGet"]?["path"] == "/live")
        #expect(app["lifecycle"]?["postStart"]?["exec"]?["command"] == ["touch", "/tmp/started"])
        #expect(app["lifecycle"]?["preStop"] != nil, "the drain stands beside it")
        let secret = try await application.cluster.client.get(Secret.self, "db", namespace: application.namespace)
        #expect(secret.metadata.ownerReferences?.map(\.kind) == ["Environment"])
        let files = try await object(application, .secrets, "files-of-tester")
        #expect(files["data"] == ["tls.key": .string(Data("a key\n".utf8).base64EncodedString())])
        let version = template["metadata"]?["annotations"]?[Names.secretsAnnotation]?.stringValue
        #expect(version?.contains("db=") == true && version?.contains("files-of-tester=") == true)
    }

    private func expectNetwork(_ application: Application, _ host: String) async throws {
        let service = try await object(application, .services)
        #expect(service["metadata"]?["annotations"]?["example.com/team"] == "web")
        let ports = service["spec"]?["ports"]?.arrayValue ?? []
        #expect(ports.map { $0["name"] } == ["main", "admin"] && ports.map { $0["protocol"] } == ["TCP", "UDP"])
        let ingress = try await object(application, .ingresses)
        #expect(ingress["metadata"]?["annotations"]?["example.com/size"] == "8m")
        #expect(ingress["spec"]?["rules"]?[0]?["host"]?.stringValue == host)
    }

    /// Makes the last sync an old one: the Environment and the namespace that it leaves empty go away by themselves.
    private func expire(_ application: Application) async throws {
        let client = application.cluster.client
        _ = try await client.mergePatch(
            Environment.resource, ["metadata": ["annotations": [Names.syncedAtAnnotation: "2001-02-03T04:05:06Z"]]], name: application.name,
            namespace: application.namespace)
        _ = try await application.cluster.eventually("the namespace to go") {
            let namespace = try await client.getIfPresent(Namespace.self, application.namespace)
            return namespace == nil || namespace?.metadata.deletionTimestamp != nil ? true : nil
        }
        _ = try await application.cluster.eventually("the Environment to go") {
            try await client.getIfPresent(Environment.self, application.name, namespace: application.namespace) == nil ? true : nil
        }
    }

    @Test func `a manifest as it was published runs`() async throws {
        try await TestCluster.with { cluster in
            try await Application.with(cluster) { application in
                let manifest = """
                    name: \(application.name)
                    version: 0.1.0
                    description: As it was.
                    environments:
                      - name: dev
                        namespace: \(application.namespace)
                        config: default
                        endpoint: https://localhost:8080
                        build:
                          buildArgs: {BASE: "\(cluster.baseImage)"}
                          include: ["^*.py$", "^page.txt$", "^Dockerfile$"]
                        ports: [{name: http, port: 8080}]

                    """
                try application.write("manifest.yaml", manifest)
                try application.write("Dockerfile", application.dockerfile("RUN ls > page.txt"))
                let synced = try await application.sync()
                try #require(synced.ended.exitCode == 0, "\(synced.ended)")
                let service = try await cluster.client.get(Service.self, application.name, namespace: application.namespace)
                let address = try #require(service.spec?.clusterIP)
                // Without a URL to ask, nodes may hear of a new Service a moment after the sync has ended.
                let page = try await cluster.eventually("the Service to be routed") {
                    let answer = try await fetch("http://\(address):8080/")
                    return answer.status == 0 ? nil : answer
                }
                #expect(page == (200, "Dockerfile\npage.txt\nserver.py\n"), "\(page)")
                #expect(try await cluster.client.list(Ingress.self, namespace: application.namespace).items.isEmpty)
            }
        }
    }

    /// Image, command line and variables of a builder that is not ours; and an Ingress with TLS, of which a test has no certificate.
    @Test func `a builder of one's own builds, and an Ingress has its TLS`() async throws {
        let builder = try #require(ProcessInfo.processInfo.environment["SEAWAY_BUILDER_IMAGE"])
        try await TestCluster.with { cluster in
            try await Application.with(cluster) { application in
                let host = "\(application.namespace).localhost"
                _ = try await cluster.client.create(["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(application.namespace)]])
                _ = try await cluster.client.create([
                    "apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "builder", "namespace": .string(application.namespace)],
                    "data": ["GREETING": "from the ConfigMap"],
                ])
                let script = """
                    cp -r . /tmp/own && cd /tmp/own
                    echo "$GREETING, $*" > page.txt
                    printf '[[registry]]\\nlocation = "%s"\\ninsecure = true\\n' "$SEAWAY_REGISTRY" > /etc/containers/registries.conf.d/test.conf
                    buildah --storage-driver vfs build --isolation chroot --build-arg "BASE=\(cluster.baseImage)" --tag localhost/own .
                    buildah --storage-driver vfs push localhost/own "docker://$SEAWAY_IMAGE"
                    """
                let manifest: [String: Any] = [
                    "name": application.name,
                    "environments": [
                        [
                            "name": "dev", "namespace": application.namespace,
                            "build": [
                                "image": builder, "command": ["sh", "-ec", script, "own"], "args": ["and", "from the arguments"],
                                "envFrom": [["configMapRef": ["name": "builder"]]], "cache": "none",
                            ],
                            "network": [
                                "service": ["ports": [["name": "http", "port": 8080]]],
                                "ingress": ["enabled": true, "host": host, "tls": [["hosts": [host], "secretName": "web-tls"]]],
                            ],
                        ]
                    ],
                ]
                // JSON is YAML.
                let text = String(decoding: try JSONSerialization.data(withJSONObject: manifest, options: .withoutEscapingSlashes), as: UTF8.self)
                try application.write("manifest.yaml", text)
                let synced = try await application.sync()
                try #require(synced.ended.exitCode == 0, "\(synced.ended)")
                let urls = try await cluster.environment(application).status?.urls
                #expect(urls?.first?.hasPrefix("https://\(host)") == true, "\(String(describing: urls))")

                let job = try await object(application, .jobs, Names.buildJob(of: application.name))
                let build = try #require(
                    job["spec"]?["template"]?["spec"]?["containers"]?.arrayValue?.first { $0["name"]?.stringValue == Names.buildContainer })
                #expect(build["image"]?.stringValue == builder && build["command"]?[3] == "own" && build["args"] == ["and", "from the arguments"])
                #expect(build["envFrom"] == [["configMapRef": ["name": "builder"]]])
                let service = try await cluster.client.get(Service.self, application.name, namespace: application.namespace)
                let address = try #require(service.spec?.clusterIP)
                let page = try await cluster.eventually("the Service to be routed") {
                    let answer = try await fetch("http://\(address):8080/")
                    return answer.status == 0 ? nil : answer
                }
                #expect(page == (200, "from the ConfigMap, and from the arguments\n"), "\(page)")
                let ingress = try await object(application, .ingresses)
                #expect(ingress["spec"]?["tls"] == [["hosts": [.string(host)], "secretName": "web-tls"]])
            }
        }
    }

    @Test func `layers are kept where the manifest says`() async throws {
        try await TestCluster.with { cluster in
            try await Application.with(cluster) { application in
                let registry = RegistryClient(address: cluster.registry, insecure: true, http: .shared)
                let repository = Names.repository(namespace: application.namespace, environment: application.name)
                func sync(_ cache: String, _ page: String) async throws {
                    try application.write("page.txt", page)
                    try application.write(
                        "manifest.yaml", application.manifest().replacing("build:\n", with: "build:\n      cache: \(cache)\n"))
                    let synced = try await application.sync()
                    try #require(synced.ended.exitCode == 0, "\(cache): \(synced.ended)")
                    let served = try await fetch(try #require(synced.url))
                    #expect(served == (200, page), "\(cache): \(served)")
                }
                func claim() async throws -> PersistentVolumeClaim? {
                    try await cluster.client.getIfPresent(
                        PersistentVolumeClaim.self, Names.buildCache(of: application.name), namespace: application.namespace)
                }
                try await sync("registry", "one\n")
                #expect(try await !registry.tags(repository: "\(repository)/cache").isEmpty)
                #expect(try await claim() == nil)

                try await sync("{type: volume, size: 1Gi, storageClassName: standard}", "two\n")
                let volume = try await object(application, .persistentVolumeClaims, Names.buildCache(of: application.name))
                #expect(volume["spec"]?["resources"]?["requests"]?["storage"] == "1Gi" && volume["spec"]?["storageClassName"] == "standard")
                #expect(volume["status"]?["phase"] == "Bound")

                try await sync("none", "three\n")
                _ = try await cluster.eventually("the volume to go") { try await claim() == nil ? true : nil }
            }
        }
    }

    @Test func `a failed build is tried again as often as the manifest says, and ended when it takes too long`() async throws {
        try await TestCluster.with { cluster in
            try await Application.with(cluster) { application in
                func sync(_ field: String, _ step: String) async throws -> Ended {
                    try application.write("manifest.yaml", application.manifest().replacing("build:\n", with: "build:\n      \(field)\n"))
                    try application.write("Dockerfile", application.dockerfile(step))
                    return try await application.sync().ended
                }
                let failed = try await sync("retries: 1", "RUN echo no luck && false")
                #expect(failed.exitCode == 4 && failed.errors.contains("no luck"), "\(failed)")
                let job = try await cluster.client.get(Job.self, Names.buildJob(of: application.name), namespace: application.namespace)
                let pods = try await cluster.client.list(Pod.self, namespace: application.namespace).items.filter { pod in
                    pod.metadata.ownerReferences?.contains { $0.uid == job.metadata.uid } ?? false
                }
                #expect(pods.count == 2)

                let slow = try await sync("deadline: 10s", "RUN sleep 600")
                #expect(slow.exitCode == 4 && slow.errors.contains("BuildDeadlineExceeded"), "\(slow)")
            }
        }
    }
}
