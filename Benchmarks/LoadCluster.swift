import Foundation

/// Environments on the control plane that Benchmarks/run brings up for this, with sources that are there and builds that wait; as many
/// people have them, in a hundred namespaces.
struct LoadCluster {
    let bench: Workbench
    let kubeconfig: String
    let auditLog: String
    let requests: APIServerRequests
    /// The operator's object store.
    let store: String
    private static let namespaces = 100
    private static let revision = String(repeating: "5ea", count: 21) + "5"

    private func namespace(_ number: Int) -> String { "seaway-bench-load-\(number % Self.namespaces)" }
    private func path(_ number: Int) -> String { "/apis/seaway.ctx.sh/v1beta1/namespaces/\(namespace(number))/environments" }

    init(_ bench: Workbench) throws {
        self.bench = bench
        kubeconfig = try bench.variable("SEAWAY_LOAD_KUBECONFIG")
        auditLog = try bench.variable("SEAWAY_LOAD_AUDIT_LOG")
        requests = try APIServerRequests(bench, kubeconfig: kubeconfig)
        store = "\(bench.directory)/store"
    }

    func prepare() throws {
        let objects =
            (["seaway-system"] + (0..<Self.namespaces).map(namespace)).map { name in
                """
                apiVersion: v1
                kind: Namespace
                metadata: {name: \(name)}
                ---

                """
            }.joined() + "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: seaway, namespace: seaway-system}\n"
        let files = [
            try bench.write(objects, to: "load.yaml"), "config/crd/environments.yaml", "config/rbac/cluster-role.yaml", "config/rbac/role.yaml",
        ]
        try bench.kubectl(["apply"] + files.flatMap { ["-f", $0] }, kubeconfig: kubeconfig).run()
        try bench.kubectl(["wait", "--for=condition=Established", "--timeout=30s", "crd/environments.seaway.ctx.sh"], kubeconfig: kubeconfig).run()
    }

    private func name(_ number: Int) -> String { "load-\(number)" }

    /// Creates Environments with eight requests in flight.
    func create(_ numbers: Range<Int>) throws {
        let lanes = 8
        var settings = Array(repeating: "", count: lanes)
        for number in numbers {
            let trees = "\(store)/sources/\(namespace(number))/\(name(number))/trees"
            try FileManager.default.createDirectory(atPath: trees, withIntermediateDirectories: true)
            guard FileManager.default.createFile(atPath: "\(trees)/\(Self.revision)", contents: Data("tree".utf8)) else {
                throw BenchmarkError("\(trees) cannot be written")
            }
            let object = """
                {"apiVersion":"seaway.ctx.sh/v1beta1","kind":"Environment","metadata":{"name":"\(name(number))"},\
                "spec":{"revision":"\(Self.revision)","replicas":1,"build":{"cache":{"type":"none"},"buildArgs":{"NUMBER":"\(number)"}},\
                "vars":{"env":[{"name":"MODE","value":"load"}]},"ports":[{"name":"http","port":8080}]}}
                """
            let text = object.replacingOccurrences(of: "\"", with: "\\\"")
            settings[number % lanes] += (settings[number % lanes].isEmpty ? "" : "next\n") + curlOptions(path(number)) + "data = \"\(text)\"\n"
        }
        let running = try settings.enumerated().map { lane, text in
            try Program(["curl", "--config", try bench.write(text, to: "create-\(lane)")]).start(log: "\(bench.directory)/create-\(lane).log")
        }
        for (lane, process) in running.enumerated() {
            process.waitUntilExit()
            guard process.terminationStatus == 0 else {
                let said = (try? String(contentsOfFile: "\(bench.directory)/create-\(lane).log", encoding: .utf8)) ?? ""
                throw BenchmarkError("Environments cannot be created: \(said.suffix(400))")
            }
        }
    }

    /// As lines of a configuration file of curl; they hold for one request.
    private func curlOptions(_ path: String) -> String {
        var lines = ""
        var rest = requests.options[...]
        while let option = rest.popFirst() {
            let takesValue = rest.first.map { !$0.hasPrefix("--") } ?? false
            lines += takesValue ? "\(option.dropFirst(2)) = \"\(rest.removeFirst())\"\n" : "\(option.dropFirst(2))\n"
        }
        return lines + "url = \"\(requests.server)\(path)\"\nheader = \"Content-Type: application/json\"\noutput = /dev/null\n"
    }

    /// Changes a spec, so that the status has to follow but nothing has to be built.
    func patch(_ number: Int) throws {
        let file = try bench.write(#"{"spec":{"replicas":2}}"#, to: "patch.json")
        try requests.send("PATCH", "\(path(number))/\(name(number))", type: "application/merge-patch+json", file: file).run()
    }

    /// The rival of the operator's start: kubectl reads every Environment and prints it.
    /// - Returns: How long that took, in seconds.
    func readAll(_ count: Int) throws -> Double {
        let read = try bench.kubectl(["get", "environments", "--all-namespaces", "--output", "json"], kubeconfig: kubeconfig).run()
        guard read.output.components(separatedBy: "\"kind\": \"Environment\"").count == count + 1 else {
            throw BenchmarkError("kubectl read other than \(count) Environments")
        }
        return read.seconds
    }

    /// Waits until each Environment has a status, and the operator has nothing to do and has written nothing for five seconds.
    func waitUntilSettled(_ count: Int, _ load: OperatorUnderLoad) throws {
        try wait(for: "a status of each of \(count) Environments", upTo: .seconds(1800), every: 2) {
            let told = try bench.kubectl(
                ["get", "environments", "--all-namespaces", "--output", "jsonpath={range .items[*]}{.status.stage}{\"\\n\"}{end}"],
                kubeconfig: kubeconfig
            ).run().output
            return told.split(separator: "\n").count == count ? () : nil
        }
        try wait(for: "an operator with nothing to do", upTo: .seconds(600), every: 0) { () -> Void? in
            let log = try AuditLog(auditLog)
            Thread.sleep(forTimeInterval: 5)
            // What has nothing to write is work, too.
            guard try load.queueDepth() == 0 else { return nil }
            return try log.entries().contains { $0.isOperators && $0.isWrite && !$0.concerns("leases") } ? nil : ()
        }
    }
}
