import AsyncHTTPClient
import Foundation
import KubernetesClient
import KubernetesModel
import NIOCore
import NIOHTTP1
import NIOSSL
import SeawayAPI
import Source
import SourceTransfer
import Subprocess
import Testing

extension OperatorProcessTests {
    /// What the operator tells of itself while it works: metrics, health and logs, and that no secret is in them.
    @Suite struct TelemetryTests {
        private static let namespace = "seaway-test-telemetry"
        private static let environment = "\(namespace)/shop"
        private static let revision = OperatorParts.newRevision()

        @Test(.timeLimit(.minutes(10))) func `metrics and logs tell of the work, and of no secret`() async throws {
            try await PrivateControlPlane.with { plane, client in
                let parts = try OperatorParts.fromEnvironment(bucket: "seaway-test-\(UUID().uuidString.lowercased())")
                let node = PretendedNode(client, namespace: Self.namespace, registry: parts.registry)
                let ignore: OperatorParts.Observer = { _, _ in }
                try await parts.withProxies(plane.configuration, onAnswer: ignore) { addresses in
                    let (kubeconfig, token) = try await plane.operatorKubeconfig(client, server: "http://\(addresses.apiServer)")
                    let (api, http) = (try await APIServerProcess.freePort(), try await APIServerProcess.freePort())
                    let kept = parts.arguments(kubeconfig: kubeconfig, addresses).filter { !$0.hasPrefix("--port=") && !$0.hasPrefix("--http-port=") }
                    let process = OperatorProcess(
                        kept + ["--identity=telemetry", "--port=\(api)", "--http-port=\(http)", "--log-level=trace"],
                        log: "\(plane.directory)/telemetry.log")
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask { try await process.keepRunning() }
                        group.addTask { try await node.run() }
                        group.addTask {
                            try await Self.isReady(http)
                            var secrets = try await Self.work(client, parts, node)
                            secrets["the operator's token"] = token
                            secrets["the token of a user"] = try await Self.upload(client, port: api)
                            try await Self.check(try await Self.scrape(http), process.output, secrets, client)
                        }
                        try await group.next()
                        group.cancelAll()
                    }
                }
            }
        }

        private static func get(_ port: Int, _ path: String) async throws -> (status: Int, type: String, body: String) {
            let response = try await HTTPClient.shared.execute(HTTPClientRequest(url: "http://127.0.0.1:\(port)/\(path)"), timeout: .seconds(10))
            let body = try await response.body.collect(upTo: 1 << 20)
            return (Int(response.status.code), response.headers.first(name: "Content-Type") ?? "", String(buffer: body))
        }

        private static func isReady(_ port: Int) async throws {
            let deadline = ContinuousClock.now + .seconds(90)
            while (try? await get(port, "readyz"))?.status != 200 {
                try #require(ContinuousClock.now < deadline, "the operator is not ready")
                try await Task.sleep(for: .milliseconds(100))
            }
            #expect(try await get(port, "healthz").status == 200)
        }

        /// One build that succeeds and one that fails, with secrets all around.
        /// - Returns: what must be nowhere.
        private static func work(_ client: KubernetesClient, _ parts: OperatorParts, _ node: PretendedNode) async throws -> [String: String] {
            let planted = ["password": "planted-secret-value-1", "login": "planted-registry-password-2", "variable": "planted-variable-3"]
            _ = try await client.create(["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(namespace)]])
            let login = #"{"auths":{"registry.example":{"username":"kim","password":"\#(planted["login"] ?? "")"}}}"#
            let secrets: [(String, JSONValue)] = [
                ("db", ["PASSWORD": .string(planted["password"] ?? "")]), ("login", [".dockerconfigjson": .string(login)]),
            ]
            for (name, data) in secrets {
                _ = try await client.create([
                    "apiVersion": "v1", "kind": "Secret", "metadata": ["name": .string(name), "namespace": .string(namespace)],
                    "type": name == "login" ? "kubernetes.io/dockerconfigjson" : "Opaque", "stringData": data,
                ])
            }
            try await parts.store(revision, namespace: namespace, environment: "shop")
            var spec = EnvironmentSpec(revision: revision)
            spec.build = .init()
            spec.build?.cache = .init(type: "none")
            spec.ports = [.init(name: "http", port: 8080)]
            spec.secrets = [.init(name: "db", version: "1")]
            spec.vars = .init(
                env: [["name": "TOKEN", "value": .string(planted["variable"] ?? "")]], envFrom: [["secretRef": ["name": "db"]]])
            _ = try await client.create(
                try JSONValue(encoding: Environment(metadata: ObjectMeta(name: "shop", namespace: namespace), spec: spec)).droppingNulls)
            try await wait(client) { $0.isTrue(.ready) }
            node.builds(.fail)
            _ = try await client.mergePatch(
                Environment.resource,
                ["spec": ["build": ["target": "other"], "vars": ["env": [["name": "not a name", "value": "planted-variable-3"]]]]],
                name: "shop", namespace: namespace)
            try await wait(client) { $0.isTrue(.stalled) }
            // A refused object, whose value the server may quote.
            node.builds(.succeed)
            _ = try await client.mergePatch(Environment.resource, ["spec": ["attempt": 1]], name: "shop", namespace: namespace)
            try await wait(client) { $0.reason == "InvalidSpec" }

            let serving = try await client.get(Secret.self, "seaway-serving", namespace: Names.systemNamespace)
            let key = String(decoding: serving.data?["tls.key"] ?? Data(), as: UTF8.self).split(separator: "\n")
            try #require(key.count > 2)
            var nowhere = planted
            let storeKey: String = try #require(ProcessInfo.processInfo.environment["SEAWAY_S3_SECRET_KEY"])
            nowhere["the store's secret key"] = storeKey
            nowhere["the serving key"] = String(key[1])
            return nowhere
        }

        private static func wait(_ client: KubernetesClient, _ isWanted: (EnvironmentStatus) -> Bool) async throws {
            try await ControlPlane.wait(client, Environment.self, "shop", namespace: namespace) { environment in
                environment.map { $0.status?.observedGeneration == $0.metadata.generation && ($0.status.map(isWanted) ?? false) } ?? false
            }
        }

        /// Sends a pack, nonsense, and a token of nobody.
        /// - Returns: the token that was used.
        private static func upload(_ client: KubernetesClient, port: Int) async throws -> String {
            let token = try await client.token(
                serviceAccount: "default", namespace: namespace, audience: Names.audience, expiration: .seconds(3600)
            ).token
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.certificateVerification = .none
            let http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: .init(tlsConfiguration: tls))
            let api = SourceAPI(namespace: namespace, environment: "shop")
            let bytes = Array("a file of one line\n".utf8)
            var writer = PackWriter()
            try writer.append(Digest(hashing: bytes), bytes)
            let pack = try writer.finish()
            @Sendable func send(_ request: TransferRequest, _ token: String) async throws -> TransferResponse {
                var message = HTTPClientRequest(url: "https://127.0.0.1:\(port)\(request.path)")
                message.method = .init(rawValue: request.method)
                for (name, value) in request.headers { message.headers.add(name: name, value: value) }
                message.headers.add(name: SourceAPI.tokenHeader, value: token)
                if let body = request.body { message.body = .bytes(ByteBuffer(bytes: body)) }
                let response = try await http.execute(message, timeout: .seconds(30))
                let body = try await response.body.collect(upTo: 1 << 20)
                return TransferResponse(status: Int(response.status.code), body: Data(body.readableBytesView))
            }
            var statuses: [Int] = []
            for (request, token) in [(api.putPack(pack), token), (api.postTree([1, 2, 3]), token), (api.putPack(pack), token + "of-nobody")] {
                statuses.append(try await send(request, token).status)
            }
            // A whole upload, of another file.
            let directory = FileManager.default.temporaryDirectory.appending(path: "seaway-telemetry-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: directory) }
            try Data("another line\n".utf8).write(to: directory.appending(path: "file"))
            let scan = try await SourceScanner.scan(root: directory.path, selection: try Selection(), cacheFile: nil)
            _ = try await SourceUploader(namespace: namespace, environment: "shop") { try await send($0, token) }.upload(scan)
            try await http.shutdown()
            #expect(statuses == [201, 422, 401])
            return token
        }

        /// - Returns: the metrics' text, and each sample as Prometheus' own client for Python reads it.
        private static func scrape(_ port: Int) async throws -> (text: String, samples: [String: Double]) {
            let (status, type, text) = try await get(port, "metrics")
            #expect(status == 200 && type == "text/plain; version=0.0.4; charset=utf-8")
            let reader = """
                import sys
                from prometheus_client.parser import text_string_to_metric_families
                for family in text_string_to_metric_families(sys.stdin.read()):
                    assert family.documentation and family.type in ("counter", "gauge", "histogram"), family
                    for sample in family.samples:
                        labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
                        print(f"{sample.name}{{{labels}}}\\t{sample.value}")
                """
            let variables = ProcessInfo.processInfo.environment
            let cache = variables["XDG_CACHE_HOME"] ?? "\(variables["HOME"] ?? "")/.cache"
            let ended = try await Subprocess.run(
                .name("env"), arguments: ["PYTHONPATH=\(cache)/seaway/tools/python", "python3", "-c", reader], input: .string(text),
                output: .string(limit: 1 << 20), error: .string(limit: 1 << 16))
            #expect(ended.terminationStatus == .exited(0), "\(ended.standardError)\n\(text)")
            var samples: [String: Double] = [:]
            for line in ended.standardOutput.split(separator: "\n") {
                let parts = line.split(separator: "\t")
                samples[String(parts[0])] = parts.count > 1 ? Double(parts[1]) : nil
            }
            return (text, samples)
        }

        private static func check(
            _ metrics: (text: String, samples: [String: Double]), _ log: String, _ secrets: [String: String], _ client: KubernetesClient
        ) async throws {
            let samples = metrics.samples
            #expect(samples["seaway_leader{}"] == 1)
            #expect(samples["seaway_builds_total{reason=ImagePushed,result=succeeded}"] == 2, "\(metrics.text)")
            #expect(samples["seaway_builds_total{reason=BuildFailed,result=failed}"] == 1, "\(metrics.text)")
            #expect(samples["seaway_stage_seconds_count{stage=upload}"] == 1)
            #expect(samples["seaway_stage_seconds_count{stage=build}"] == 3)
            #expect(samples["seaway_stage_seconds_count{stage=deploy}"] == 1)
            #expect(
                samples["seaway_work_queue_depth{}"] == 0 && samples["seaway_build_queue_depth{}"] == 0 && samples["seaway_builds_running{}"] == 0)
            #expect(samples["seaway_environments{state=stalled}"] == 1 && samples["seaway_environments{state=ready}"] == 0)
            #expect((samples["seaway_received_bytes_total{}"] ?? 0) > 20)
            #expect((samples["seaway_reconcile_seconds_count{result=done}"] ?? 0) > 3)
            #expect(samples["seaway_source_request_seconds_count{code=201,method=PUT}"] == 2)
            #expect(samples["seaway_source_request_seconds_count{code=422,method=POST}"] == 1)
            #expect(samples["seaway_source_request_seconds_count{code=401,method=PUT}"] == 1)

            let lines = log.split(separator: "\n")
            let field = /[A-Za-z0-9._-]+=([^ "=]+|"([^"\\]|\\.)*")/
            for line in lines {
                var rest = line
                while let match = rest.prefixMatch(of: field) { rest = rest[match.range.upperBound...].drop { $0 == " " } }
                #expect(rest.isEmpty && line.hasPrefix("time=") && line.contains(" level=") && line.contains(" msg="), "\(line)")
            }
            #expect(
                lines.contains { line in
                    ["environment=\(environment)", "revision=\(revision.prefix(12))", "reason=Ready"].allSatisfy { line.contains($0) }
                })
            #expect(lines.contains { $0.contains("environment=\(environment)") && $0.contains(" request=") && $0.contains("method=PUT") })

            let events = try await client.list(Event.self, namespace: namespace).items.map { "\($0.reason ?? "") \($0.message ?? "")" }
            let status = try #require(try await client.get(Environment.self, "shop", namespace: namespace).status)
            for (what, secret) in secrets {
                #expect(secret.count > 8, "\(what) is too short to be looked for")
                #expect(!log.contains(secret), "\(what) is in the log")
                #expect(!metrics.text.contains(secret), "\(what) is in the metrics")
                #expect(!events.contains { $0.contains(secret) }, "\(what) is in an event")
                #expect(!"\(status)".contains(secret), "\(what) is in the status")
            }
            #expect(!metrics.text.contains(namespace) && !metrics.text.contains("shop"), "the name of somebody's work is in the metrics")
        }
    }
}
