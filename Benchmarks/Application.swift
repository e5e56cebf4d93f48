import Foundation

/// The example, in a directory and a namespace of its own.
struct Application {
    let directory: String
    let namespace: String
    let bench: Workbench
    static let name = "guestbook"

    init(namespace: String, bench: Workbench) throws {
        directory = "\(bench.directory)/\(namespace)"
        self.namespace = namespace
        self.bench = bench
        try FileManager.default.copyItem(atPath: "examples/guestbook", toPath: directory)
        let manifest = "\(directory)/manifest.yaml"
        let text = try String(contentsOfFile: manifest, encoding: .utf8)
        let moved = text.replacingOccurrences(of: "guestbook-${USER}", with: namespace)
        guard moved != text else { throw BenchmarkError("the example's manifest names no namespace guestbook-${USER} any more") }
        try moved.write(toFile: manifest, atomically: true, encoding: .utf8)
    }

    func sync(kubeconfig: String? = nil) throws -> Program {
        var program = try bench.seactl(["env", "sync", "--yes"], in: directory, kubeconfig: kubeconfig)
        program.variables["BASE"] = try bench.variable("SEAWAY_BASE_IMAGE")
        return program
    }

    /// Puts a mark that was never there before into the page.
    /// - Returns: the mark.
    func change() throws -> String {
        let page = "\(directory)/templates/page.html"
        let mark = "mark-\(UUID().uuidString)"
        let text = try String(contentsOfFile: page, encoding: .utf8)
        guard let end = text.range(of: "</body>") else { throw BenchmarkError("\(page) has no </body>") }
        let lines = text[..<end.lowerBound].split(separator: "\n", omittingEmptySubsequences: false).filter { !$0.contains("<!-- mark-") }
        try (lines.joined(separator: "\n") + "<!-- \(mark) -->\n" + text[end.lowerBound...]).write(toFile: page, atomically: true, encoding: .utf8)
        return mark
    }

    /// Asks the ingress controller for the page until it has the mark.
    func waitForPage(_ mark: String) throws {
        let address = try bench.variable("SEAWAY_INGRESS_ADDRESS")
        let ask = Program([
            "curl", "--noproxy", "*", "--silent", "--max-time", "2", "--header", "Host: \(Application.name).\(namespace).localhost",
            "http://\(address)/",
        ])
        try wait(for: "a page with \(mark) in \(namespace)", upTo: .seconds(90)) {
            (try? ask.run().output.contains(mark)) == true ? () : nil
        }
    }

    /// When the node wrote down that the builder has pushed the last image, in seconds since 1970.
    func pushed() throws -> Double {
        let log = try bench.kubectl(["logs", "--namespace", namespace, "--selector", "job-name", "--container", "build", "--timestamps", "--tail=-1"])
            .run().output
        let line = log.split(separator: "\n").last { $0.hasSuffix(" seaway: the image is pushed") }
        guard let time = line?.split(separator: " ").first else {
            throw BenchmarkError("the build's log does not say when the image was pushed: \(log.suffix(300))")
        }
        return AuditLog.seconds(time)
    }

    func read(_ path: String) throws -> String { try String(contentsOfFile: "\(directory)/\(path)", encoding: .utf8) }

    func write(_ text: String, to path: String) throws { try text.write(toFile: "\(directory)/\(path)", atomically: true, encoding: .utf8) }

    /// The pod that was made last, of a build or of the application.
    func newestPod() throws -> String {
        let names = try bench.kubectl([
            "get", "pods", "--namespace", namespace, "--sort-by=.metadata.creationTimestamp", "--output=jsonpath={.items[*].metadata.name}",
        ]).run().output
        guard let name = names.split(separator: " ").last else { throw BenchmarkError("there is no pod in \(namespace)") }
        return String(name)
    }

    func remove() throws {
        try bench.kubectl(["delete", "environments", "--all", "--namespace", namespace, "--ignore-not-found", "--timeout=60s"]).run()
        try bench.kubectl(["delete", "namespace", namespace, "--ignore-not-found", "--wait=false"]).run()
    }
}
