import Foundation

/// `seaway operator` as a process of this machine, with what a pod would have mounted in a mount namespace of its own.
struct OperatorUnderLoad {
    private let process: Process
    /// From the start of the process until it knew all Environments.
    let secondsUntilWatching: Double
    private let bench: Workbench
    private let metricsPort: Int

    init(_ cluster: LoadCluster, _ bench: Workbench) throws {
        self.bench = bench
        let port = Int.random(in: 10_000..<15_000) * 2
        metricsPort = port + 1
        let log = "\(bench.directory)/operator.log"
        let account = "\(bench.directory)/account"
        try FileManager.default.createDirectory(atPath: account, withIntermediateDirectories: true)
        let request = try bench.write(
            #"{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"expirationSeconds":7200}}"#, to: "token-request.json")
        let answer = try bench.kubectl(
            ["create", "--raw", "/api/v1/namespaces/seaway-system/serviceaccounts/seaway/token", "-f", request], kubeconfig: cluster.kubeconfig
        ).run().output
        struct TokenAnswer: Decodable {
            struct Status: Decodable { var token: String }
            var status: Status
        }
        let token = try JSONDecoder().decode(TokenAnswer.self, from: Data(answer.utf8)).status.token
        for (name, text) in [("token", token), ("namespace", "seaway-system")] { _ = try bench.write(text, to: "account/\(name)") }
        try Data(contentsOf: URL(fileURLWithPath: "\(bench.directory)/load-ca.crt")).write(to: URL(fileURLWithPath: "\(account)/ca.crt"))

        guard let server = URL(string: cluster.requests.server), let host = server.host(), let serverPort = server.port else {
            throw BenchmarkError("the server \(cluster.requests.server) has no port")
        }
        // The client looks for its ServiceAccount in one place only.
        let mount = """
            mount -t tmpfs tmpfs /run && mkdir -p /run/secrets/kubernetes.io && cp -r "$1" /run/secrets/kubernetes.io/serviceaccount && shift && exec "$@"
            """
        let program = Program(
            [
                "unshare", "--mount", "sh", "-c", mount, "sh", account, "\(bench.binaries)/seaway", "operator", "--store=file://\(cluster.store)",
                "--registry=\(try bench.variable("SEAWAY_REGISTRY_PULL"))", "--registry-insecure", "--builder-image=builder", "--seaway-image=seaway",
                "--port=\(port)", "--http-port=\(metricsPort)",
            ], variables: ["KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": String(serverPort), "POD_NAME": "bench", "HOSTNAME": "bench"])
        let began = ContinuousClock.now
        process = try program.start(log: log)
        try Self.waitUntilWatching(process, log: log)
        secondsUntilWatching = (ContinuousClock.now - began).inSeconds
    }

    /// Until the operator says in its log that it knows all Environments.
    private static func waitUntilWatching(_ process: Process, log: String) throws {
        try wait(for: "the operator to watch", upTo: .seconds(60)) {
            let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
            guard process.isRunning else { throw BenchmarkError("the operator ended: \(text.suffix(500))") }
            return text.contains("msg=watching") ? () : nil
        }
    }

    /// Environments that wait for one of its workers, by its own metrics.
    func queueDepth() throws -> Int {
        let metrics = try Program(["curl", "--noproxy", "*", "--silent", "--fail", "http://127.0.0.1:\(metricsPort)/metrics"]).run().output
        let line = metrics.split(separator: "\n").first { $0.hasPrefix("seaway_work_queue_depth ") }
        guard let depth = line?.split(separator: " ").last.flatMap({ Double($0) }) else {
            throw BenchmarkError("the operator's metrics have no seaway_work_queue_depth")
        }
        return Int(depth)
    }

    func memory() throws -> (now: Int, peak: Int) { try bench.memory(of: process.processIdentifier) }

    func summary() throws -> String {
        let memory = try memory()
        return "resident \(Figure.mebibytes(memory.now)), highest \(Figure.mebibytes(memory.peak))"
    }

    func stop() {
        guard process.isRunning else { return }
        process.terminate()
        process.waitUntilExit()
    }
}
