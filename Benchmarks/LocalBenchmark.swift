import Foundation

/// A changed source until Podman on this machine serves the new page, beside the same by hand.
struct LocalBenchmark: Benchmark {
    let name = "local"
    let budgets = ["source change → new page served by Podman on this machine, p50"]

    private static let limit = 1.3
    private static let base = "localhost/seaway-bench-base:1"

    func run(_ bench: Workbench) throws -> [Budget] {
        let storage = try PodmanStorage(bench)
        defer { storage.remove() }
        try storage.load(try bench.variable("SEAWAY_BASE_LAYOUT"), as: Self.base)
        let application = try Application(namespace: "seaway-bench-local", bench: bench)
        let byHand = try Application(namespace: "seaway-bench-local-hand", bench: bench)
        func seactl(_ words: [String]) throws -> Program {
            var program = try bench.seactl(words + ["--local"], in: application.directory)
            program.variables.merge(storage.variables) { $1 }
            program.variables["BASE"] = Self.base
            return program
        }
        defer { _ = try? seactl(["env", "clean"]).run() }
        try seactl(["env", "sync"]).run()
        let port = try Self.port(in: try seactl(["env", "status", "-o", "json"]).run().output)
        // The same settings for this machine, as whoever works by hand would have found them once.
        storage.useSettings(of: "\(bench.directory)/state/seaway/local/containers.conf")
        let rival = HandPlay(application: byHand, storage: storage, base: Self.base)
        defer { rival.remove() }
        try rival.prepare()
        try rival.roll(0)

        var (ours, theirs, whole) = (Samples(), Samples(), Samples())
        // The first round warms caches up.
        for round in 0...bench.rounds {
            let clock = ContinuousClock()
            var mark = try application.change()
            var began = clock.now
            let sync = try seactl(["env", "sync"]).start(log: "\(bench.directory)/local.log")
            try waitForPage(mark, port)
            let served = (clock.now - began).inSeconds
            sync.waitUntilExit()
            guard sync.terminationStatus == 0 else {
                throw BenchmarkError("sync: \((try? String(contentsOfFile: "\(bench.directory)/local.log", encoding: .utf8))?.suffix(500) ?? "")")
            }
            let finished = (clock.now - began).inSeconds

            mark = try byHand.change()
            began = clock.now
            try rival.roll(round + 1)
            try waitForPage(mark, HandPlay.port)
            let hand = (clock.now - began).inSeconds
            guard round > 0 else { continue }
            ours.add(served)
            whole.add(finished)
            theirs.add(hand)
        }
        bench.note(
            "p95 \(Figure.seconds(ours.p95)), by hand \(Figure.seconds(theirs.p95)); sync itself ended after p50 \(Figure.seconds(whole.median))")
        let ratio = ours.median / theirs.median
        return [
            Budget(
                name: budgets[0], ours: Figure.seconds(ours.median), rival: "podman build, podman kube play by hand \(Figure.seconds(theirs.median))",
                ratio: Figure.ratio(ratio), budget: "≤ \(Self.limit) ×", kept: ratio <= Self.limit)
        ]
    }

    private static func port(in status: String) throws -> Int {
        guard let url = status.split(separator: "\"").first(where: { $0.hasPrefix("http://127.0.0.1:") }), let port = URL(string: String(url))?.port
        else { throw BenchmarkError("the status has no URL: \(status.suffix(300))") }
        return port
    }

    private func waitForPage(_ mark: String, _ port: Int) throws {
        let ask = Program(["curl", "--noproxy", "*", "--silent", "--max-time", "2", "http://127.0.0.1:\(port)/"])
        try wait(for: "a page with \(mark) on port \(port)", upTo: .seconds(90)) { (try? ask.run().output.contains(mark)) == true ? () : nil }
    }
}

/// A storage of Podman's that goes away with the measurement.
final class PodmanStorage {
    private(set) var variables: [String: String]

    init(_ bench: Workbench) throws {
        let text = "[storage]\ndriver = \"overlay\"\ngraphroot = \"\(bench.directory)/podman\"\nrunroot = \"\(bench.directory)/podman-run\"\n"
        variables = ["CONTAINERS_STORAGE_CONF": try bench.write(text, to: "storage.conf")]
    }

    /// - Parameter file: a containers.conf; one that is not there is not needed on this machine.
    func useSettings(of file: String) {
        guard FileManager.default.fileExists(atPath: file) else { return }
        variables["CONTAINERS_CONF"] = file
    }

    func podman(_ words: [String]) -> Program { Program(["podman"] + words, variables: variables) }

    /// - Parameter layout: a directory in the OCI layout, with one image.
    func load(_ layout: String, as name: String) throws {
        let script = "set -o pipefail; tar -C \"$0\" -cf - . | podman load --quiet | sed -n 's/.*sha256:\\([0-9a-f]*\\).*/\\1/p' | tail -n 1"
        let identity = try Program(["bash", "-c", script, layout], variables: variables).run().output.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !identity.isEmpty else { throw BenchmarkError("podman loaded no image from \(layout)") }
        try podman(["tag", identity, name]).run()
    }

    /// Its files go with the measurement's directory.
    func remove() { _ = try? podman(["rmi", "--all", "--force"]).run() }
}

/// The rival: the same steps by hand, with podman.
struct HandPlay {
    static let port = 18_473
    /// Networks are those of the machine; this one goes away, the default one for pods would stay.
    private static let network = "seaway-bench-by-hand"

    let application: Application
    let storage: PodmanStorage
    let base: String

    func roll(_ round: Int) throws {
        let image = "localhost/by-hand:\(round)"
        try storage.podman(["build", "--quiet", "--build-arg", "BASE=\(base)", "--tag", image, application.directory]).run()
        let pod = """
            apiVersion: v1
            kind: Pod
            metadata: {name: guestbook-by-hand, labels: {app: guestbook}}
            spec:
              terminationGracePeriodSeconds: 2
              containers:
                - name: app
                  image: \(image)
                  ports: [{containerPort: 8080, hostPort: \(Self.port), hostIP: 127.0.0.1}]
                  resources: {limits: {memory: 64Mi}, requests: {memory: 64Mi}}
                  securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
            """
        // What watches the containers keeps every file open that it finds: nobody would see the end of a pipe, nor Foundation, which waits
        // for the end of a socket, that of the process.
        let closingFiles = "for f in /proc/self/fd/*; do [ ${f##*/} -le 2 ] || eval \"exec ${f##*/}>&-\"; done; exec \"$@\""
        let log = "\(application.bench.directory)/by-hand.log"
        let file = try application.bench.write(pod, to: "by-hand-pod.yaml")
        let play = try Program(
            ["bash", "-c", closingFiles, "bash", "podman", "kube", "play", "--replace", "--network", Self.network, file], variables: storage.variables
        ).start(log: log)
        play.waitUntilExit()
        guard play.terminationStatus == 0 else {
            throw BenchmarkError("podman kube play: \((try? String(contentsOfFile: log, encoding: .utf8))?.suffix(400) ?? "")")
        }
    }

    func prepare() throws { try storage.podman(["network", "create", Self.network]).run() }

    func remove() {
        _ = try? storage.podman(["pod", "rm", "--force", "guestbook-by-hand"]).run()
        _ = try? storage.podman(["network", "rm", "--force", Self.network]).run()
    }
}
