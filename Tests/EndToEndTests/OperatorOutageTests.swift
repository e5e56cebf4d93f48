import Foundation
import KubernetesClient
import KubernetesModel
import SeawayAPI
import Testing

extension OutageTests {
    /// What a developer sees when a part that all share is away. Each case is made by starting the operator otherwise, and takes it from
    /// everybody else.
    @Suite(.enabled(if: !TestCluster.isSkipped), .serialized, .timeLimit(.minutes(40)))
    struct OperatorOutageTests {
        @Test func anObjectStoreThatIsAwayIsTold() async throws {
            try await TestCluster.with { cluster in
                try await Application.with(cluster) { application in
                    let url = try await application.works(says: "hello one")
                    let store = try await cluster.operatorArguments().first { $0.hasPrefix("--store=") } ?? ""
                    let cases = [
                        // Nobody listens; the keys are wrong.
                        (store.replacing(/endpoint=[^&]*/, with: "endpoint=http://127.0.0.1:1"), [:], "nobody listens there"),
                        (store, ["SEAWAY_S3_SECRET_KEY": "wrong"], "SEAWAY_S3_SECRET_KEY"),
                    ]
                    for (number, (url, variables, words)) in cases.enumerated() {
                        try application.write("page.txt", "without a store \(number)\n")
                        try await cluster.withOperator([url, "--patience=3"], variables: variables) {
                            let ended = try await application.seactl("env", "sync", "--patience", "6s")
                            #expect(ended.exitCode == 3 && ended.errors.contains("SourceStoreUnavailable"), "\(ended)")
                            #expect(ended.errors.contains(words), "\(ended)")
                            try await application.doctor(
                                "ok      operator: answers", "broken  store: the operator does not reach the object store", words)
                            // Before anything was applied, so that the Environment knows nothing of it.
                            let shown = try await application.seactl("env", "status")
                            #expect(shown.output.contains("SourceStoreUnavailable") && shown.output.contains(words), "\(shown)")
                            // Keys do not become right by waiting.
                            #expect(ended.output.contains("the object store does not answer; trying again") == (number == 0), "\(ended)")
                            guard number == 0 else { return }
                            // The store may also go when the sources are sent already.
                            let other: JSONValue = ["spec": ["revision": .string(String(repeating: "a", count: 64))]]
                            _ = try await cluster.client.mergePatch(
                                Environment.resource, other, name: application.name, namespace: application.namespace)
                            try await cluster.untilStalled(application)
                            try await application.isTold(
                                .init(.sourceStoreUnavailable, exit: 3, at: .sourceReady, saying: "nobody listens there", "3 s"), at: .sourceReady)
                        }
                    }
                    try await application.serves(url, "hello one")
                    try await application.works(says: "without a store 1")
                }
            }
        }

        @Test func aRegistryThatIsAwayIsTriedAgainAndTold() async throws {
            try await TestCluster.with { cluster in
                try await Application.with(cluster) { application in
                    try await cluster.withOperator(["--registry=127.0.0.1:1", "--patience=4"]) {
                        let ended = try await application.fails(
                            .init(.registryUnavailable, exit: 4, at: .imageBuilt, saying: "the registry cannot be asked", "127.0.0.1:1"))
                        #expect(ended.output.contains("trying again for up to 4 s"), "\(ended)")
                        try await application.doctor(
                            "ok      store: the operator reaches it", "broken  registry: the operator does not reach the registry", "127.0.0.1:1",
                            "→ see to the registry, or name another one with `seactl install --registry`")
                    }
                    try await application.works(says: "hello one")
                }
            }
        }

        /// The operator makes the bucket anew, and the next sync sends what was in it.
        @Test func aBucketThatIsGoneIsFilledAgain() async throws {
            try await TestCluster.with { cluster in
                try await Application.with(cluster) { application in
                    try await application.works(says: "hello one")
                    try await cluster.removeBucket()
                    // Most of it has not changed, and is gone all the same.
                    try application.write("page.txt", "hello two\n")
                    try await application.works(says: "hello two")

                    // In the middle of a sync: the build's pod waits for a node while its sources vanish.
                    try application.write("page.txt", "hello three\n")
                    try application.configure(build: ["nodeSelector: {seaway-test: \(application.namespace)}"])
                    async let syncing = application.seactl("env", "sync")
                    _ = try await cluster.eventually("a build pod that no node takes") { () -> Bool? in
                        let waits = try await application.buildPods().contains {
                            $0.status?.conditions?[type: "PodScheduled"]?.status == "False"
                        }
                        return waits ? true : nil
                    }
                    try await cluster.removeBucket()
                    try await cluster.labelNodes("seaway-test", .string(application.namespace))
                    let waited = try? await syncing
                    try await cluster.labelNodes("seaway-test", .null)
                    let ended = try #require(waited)
                    #expect(ended.exitCode == 3 && ended.errors.contains("SourceMissing"), "\(ended)")
                    try await application.isTold(
                        .init(.sourceMissing, exit: 3, at: .sourceReady, saying: "run seactl env sync again"), at: .sourceReady)
                    try application.configure()
                    try await application.works(says: "hello three")
                }
            }
        }

        @Test func anApplicationThatIsNotReadyInTimeIsGivenUp() async throws {
            try await TestCluster.with { cluster in
                try await Application.with(cluster) { application in
                    let url = try await application.works(says: "hello one")
                    // With the operator's own 300 s this would take five minutes.
                    try await cluster.withOperator(["--progress-deadline=20"]) {
                        try application.configure("readinessProbe: {tcpSocket: {port: 9}, periodSeconds: 1}")
                        try await application.fails(
                            .init(.notReady, exit: 5, at: .deployed, saying: "20 s", "Readiness probe failed", "connection refused"))
                        try await application.serves(url, "hello one")
                    }
                    try application.configure()
                    try await application.works(says: "hello one")
                }
            }
        }

        @Test func anOperatorThatDoesNotRunIsTold() async throws {
            try await TestCluster.with { cluster in
                try await Application.with(cluster) { application in
                    let url = try await application.works(says: "hello one")
                    try application.write("page.txt", "hello two\n")
                    try await cluster.withOperator(replicas: 0) {
                        let ended = try await application.fails(.init(.operatorUnavailable, exit: 3, at: nil, saying: "seaway-system"))
                        #expect(ended.output.contains("the operator does not answer; trying again for up to 20.0 s"), "\(ended)")
                        try await application.serves(url, "hello one")
                        try await application.doctor(
                            "broken  operator: the operator does not answer", "→ `kubectl -n seaway-system get pods` tells whether it runs",
                            "unknown store: only the operator can tell")
                        // It says what it last knew, and works without the operator.
                        let status = try await application.seactl("env", "status")
                        #expect(status.exitCode == 0 && status.output.contains("Ready"), "\(status)")
                        #expect(status.output.contains("OperatorUnavailable"), "\(status)")
                    }
                    try await application.works(says: "hello two")
                }
            }
        }

        @Test(arguments: [("v0", "the operator is too old"), ("v2", "seactl is too old")])
        func anOperatorOfAnotherVersionIsTold(version: String, words: String) async throws {
            try await TestCluster.with { cluster in
                try await Application.with(cluster) { application in
                    try await cluster.makeNamespace(application)
                    try await cluster.withOperator(replicas: 0) {
                        try await cluster.withPretender(version, application) {
                            let ended = try await application.fails(.init(.versionSkew, exit: 3, at: nil, saying: version, words))
                            #expect(ended.errors.contains("next:"), "\(ended)")
                            try await application.doctor("broken  operator: ", words, "→ ")
                        }
                    }
                }
            }
        }
    }
}

extension Application {
    /// Checks that `seactl doctor` finds this, and nothing else that is wrong with the cluster.
    fileprivate func doctor(_ words: String..., sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let ended = try await seactl("doctor")
        #expect(
            ended.output.contains("ok      cluster: ") && ended.output.contains("ok      permissions: "), "\(ended)", sourceLocation: sourceLocation)
        for word in words { #expect(ended.output.contains(word), "'\(word)' is not in \(ended)", sourceLocation: sourceLocation) }
    }
}

extension TestCluster {
    private static let deployment = ObjectKey(namespace: Names.systemNamespace, name: "seaway")

    private func operatorDeployment() async throws -> JSONValue {
        try await client.send(.get(.deployments, name: Self.deployment.name, namespace: Self.deployment.namespace), as: JSONValue.self)
    }

    func operatorArguments() async throws -> [String] {
        let container = try await operatorDeployment()["spec"]?["template"]?["spec"]?["containers"]?[0]
        return container?["args"]?.arrayValue?.compactMap(\.stringValue) ?? []
    }

    /// Does something while the operator runs with other arguments and variables, and brings back what was there in every case.
    func withOperator(
        _ arguments: [String] = [], variables: [String: String] = [:], replicas: Int = 1, _ body: () async throws -> Void
    ) async throws {
        let before = try await operatorDeployment()
        let container = try #require(before["spec"]?["template"]?["spec"]?["containers"]?[0])
        let replaced = Set(arguments.compactMap { $0.split(separator: "=").first })
        let kept = try await operatorArguments().filter { !replaced.contains($0.split(separator: "=")[0]) }
        var environment = (container["env"]?.arrayValue ?? []).filter { variables[$0["name"]?.stringValue ?? ""] == nil }
        environment += variables.map { ["name": .string($0.key), "value": .string($0.value)] }
        do {
            try await setOperator(kept + arguments, environment, replicas)
            try await body()
        } catch {
            try await setOperator(container["args"]?.arrayValue?.compactMap(\.stringValue) ?? [], container["env"]?.arrayValue ?? [], 1)
            throw error
        }
        try await setOperator(container["args"]?.arrayValue?.compactMap(\.stringValue) ?? [], container["env"]?.arrayValue ?? [], 1)
    }

    private func setOperator(_ arguments: [String], _ environment: [JSONValue], _ replicas: Int) async throws {
        // A JSON merge patch replaces lists whole, so that the container stands here with all that it has.
        var container = try #require(try await operatorDeployment()["spec"]?["template"]?["spec"]?["containers"]?[0])
        container["args"] = .array(arguments.map(JSONValue.string))
        container["env"] = .array(environment)
        let patch: JSONValue = ["spec": ["replicas": .int(replicas), "template": ["spec": ["containers": [container]]]]]
        let set = try await client.mergePatch(.deployments, patch, name: Self.deployment.name, namespace: Self.deployment.namespace)
        let generation = set["metadata"]?["generation"]?.intValue ?? 0
        _ = try await eventually("the operator with \(replicas) pods") { () -> Bool? in
            let now = try await client.get(Deployment.self, Self.deployment.name, namespace: Self.deployment.namespace ?? "")
            let pods = try await client.list(
                Pod.self, namespace: Self.deployment.namespace, labelSelector: "app.kubernetes.io/name=seaway,app.kubernetes.io/part-of=seaway")
            let isDone = (now.status?.observedGeneration ?? 0) >= generation && (now.status?.availableReplicas ?? 0) == replicas
            guard isDone, pods.items.count == replicas else { return nil }
            // The Service hears of a pod after the Deployment does.
            let endpoints = try await client.getIfPresent(Endpoints.self, Self.deployment.name, namespace: Names.systemNamespace)
            let reached = (endpoints?.subsets ?? []).flatMap { $0.addresses ?? [] }.map(\.ip)
            return Set(reached) == Set(pods.items.compactMap { $0.status?.podIP }) ? true : nil
        }
    }

    /// Sets a label of all nodes, or takes it away.
    func labelNodes(_ name: String, _ value: JSONValue) async throws {
        let nodes = ResourceType(group: "", version: "v1", plural: "nodes", kind: "Node", namespaced: false)
        let list = try await client.send(.list(nodes, namespace: nil), as: JSONValue.self)
        for node in (list["items"]?.arrayValue ?? []).compactMap({ $0["metadata"]?["name"]?.stringValue }) {
            _ = try await client.mergePatch(nodes, ["metadata": ["labels": [name: value]]], name: node, namespace: nil)
        }
    }

    /// Removes the bucket with all that is in it, by an S3 client that is none of ours.
    func removeBucket() async throws {
        func variable(_ name: String) throws -> String { try #require(ProcessInfo.processInfo.environment[name], "\(name) is not set") }
        let ended = try await run(
            try variable("SEAWAY_RCLONE"), ["purge", ":s3:seaway"],
            environment: [
                "RCLONE_CONFIG": "/dev/null", "RCLONE_S3_PROVIDER": "Other", "NO_PROXY": "*",
                "RCLONE_S3_ENDPOINT": try variable("SEAWAY_TEST_S3_ENDPOINT"), "RCLONE_S3_ACCESS_KEY_ID": try variable("SEAWAY_S3_ACCESS_KEY"),
                "RCLONE_S3_SECRET_ACCESS_KEY": try variable("SEAWAY_S3_SECRET_KEY"),
            ])
        try #require(ended.exitCode == 0, "\(ended)")
    }

    func untilStalled(_ application: Application) async throws {
        _ = try await eventually("the failure") {
            let environment = try await environment(application)
            let status = environment.status
            return status?.observedGeneration == environment.metadata.generation && status?.isTrue(.stalled) == true ? true : nil
        }
    }

    /// Does something while a server in the operator's place answers every request as an operator of another version does.
    func withPretender(_ version: String, _ application: Application, _ body: () async throws -> Void) async throws {
        let server = """
            import http.server, ssl, subprocess
            class Answer(http.server.BaseHTTPRequestHandler):
                def do_POST(self):
                    self.rfile.read(int(self.headers.get("Content-Length") or 0))
                    self.send_response(404)
                    self.send_header("X-Seaway-Api", "\(version)")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                do_GET = do_PUT = do_POST
            server = http.server.ThreadingHTTPServer(("", 8443), Answer)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain("/certificate/tls.crt", "/certificate/tls.key")
            server.socket = context.wrap_socket(server.socket, server_side=True)
            server.serve_forever()
            """
        let secret = try #require(
            try await client.list(Secret.self, namespace: Names.systemNamespace).items.first { $0.data?["tls.crt"] != nil })
        let pod: JSONValue = [
            "apiVersion": "v1", "kind": "Pod",
            "metadata": [
                "name": "pretender", "namespace": .string(Names.systemNamespace),
                "labels": ["app.kubernetes.io/name": "seaway", "app.kubernetes.io/part-of": "seaway"],
            ],
            "spec": [
                "terminationGracePeriodSeconds": 0,
                "volumes": [["name": "certificate", "secret": ["secretName": .string(secret.name)]]],
                "containers": [
                    [
                        "name": "server", "image": .string(baseImage.replacing(/^[^\/]*/, with: registry)),
                        "command": ["python3", "-u", "-c", .string(server)],
                        "ports": [["name": "api", "containerPort": 8443], ["name": "http", "containerPort": 8081]],
                        "readinessProbe": ["tcpSocket": ["port": 8443], "periodSeconds": 1],
                        "volumeMounts": [["name": "certificate", "mountPath": "/certificate"]],
                    ]
                ],
            ],
        ]
        _ = try await client.create(pod)
        func remove() async throws {
            try await client.delete(.pods, name: "pretender", namespace: Names.systemNamespace)
            _ = try await eventually("the pretender to go") {
                try await client.getIfPresent(Pod.self, "pretender", namespace: Names.systemNamespace) == nil ? true : nil
            }
        }
        do {
            _ = try await eventually("the pretender to serve") {
                let endpoints = try await client.getIfPresent(Endpoints.self, "seaway", namespace: Names.systemNamespace)
                return endpoints?.subsets?.contains { !($0.addresses ?? []).isEmpty } == true ? true : nil
            }
            try await body()
        } catch {
            try await remove()
            throw error
        }
        try await remove()
    }
}
