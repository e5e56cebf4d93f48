import Foundation
import KubernetesModel
import SeawayAPI
import Subprocess
import Testing

@testable import SeawayLocal

/// Whether tests may use Podman; only an explicit wish leaves them out.
let usesPodman = ProcessInfo.processInfo.environment["SEAWAY_SKIP_CLUSTER_TESTS"] != "1"

struct Ended: Sendable {
    var exitCode: Int
    var output: String
    var errors: String
    var all: String { output + errors }
}

func run(_ program: String, _ arguments: [String], in directory: String? = nil, environment: [String: String] = [:]) async throws -> Ended {
    var variables: [Subprocess.Environment.Key: String?] = ["KUBECONFIG": nil, "CONTAINERS_CONF": nil]
    for (name, value) in environment {
        if let key = Subprocess.Environment.Key(rawValue: name) { variables[key] = value }
    }
    let script = "cd \"$0\" && exec \"$@\""
    let result = try await Subprocess.run(
        .name("sh"), arguments: Arguments(["-c", script, directory ?? "/", program] + arguments), environment: .inherit.updating(variables),
        output: .string(limit: 32 << 20), error: .string(limit: 4 << 20))
    let code: Int =
        switch result.terminationStatus {
        case .exited(let code): Int(code)
        case .signaled(let signal): 128 + Int(signal)
        }
    return Ended(exitCode: code, output: result.standardOutput, errors: result.standardError)
}

/// A Podman storage of the tests' own, which holds nothing but their base image.
struct Storage: Sendable {
    static let base = "localhost/seaway-test-base:1"

    var directory: String
    var variables: [String: String] { ["CONTAINERS_STORAGE_CONF": directory + "/storage.conf"] }

    /// Made once, and kept between runs in the cache directory: unpacking the base image takes seconds.
    static let shared = Task { try await make() }

    private static func make() async throws -> Storage {
        let environment = ProcessInfo.processInfo.environment
        let cache = (environment["XDG_CACHE_HOME"] ?? environment["HOME"].map { $0 + "/.cache" } ?? "/tmp") + "/seaway"
        let storage = Storage(directory: cache + "/podman-tests")
        try FileManager.default.createDirectory(atPath: storage.directory, withIntermediateDirectories: true)
        let configuration =
            "[storage]\ndriver = \"overlay\"\ngraphroot = \"\(storage.directory)/root\"\nrunroot = \"\(storage.directory)/run\"\n"
        try configuration.write(toFile: storage.directory + "/storage.conf", atomically: true, encoding: .utf8)
        if try await storage.podman("image", "exists", base).exitCode == 0 { return storage }
        // scripts/cluster makes it, without any registry.
        let layout = environment["SEAWAY_TEST_BASE_LAYOUT"] ?? cache + "/cluster/images/base"
        try #require(FileManager.default.fileExists(atPath: layout + "/index.json"), "no base image at \(layout): run `scripts/cluster up` once")
        let script = "tar -C \"$0\" -cf - . | podman load --quiet"
        let loaded = try await run("sh", ["-c", script, layout], environment: storage.variables)
        let identity = try #require(loaded.output.split(whereSeparator: { $0 == "\n" || $0 == ":" || $0 == " " }).last.map(String.init), "\(loaded)")
        let tagged = try await storage.podman("tag", identity, base)
        try #require(tagged.exitCode == 0, "\(loaded) \(tagged)")
        return storage
    }

    func podman(_ arguments: String...) async throws -> Ended { try await run("podman", arguments, environment: variables) }

    /// Everything that is in it, one word each. The infra image is Podman's own, and the base image the tests'.
    func contents() async throws -> [String] {
        var found: [String] = []
        for command in [
            ["ps", "--all", "--external", "--format", "container {{.Names}}"], ["images", "--all", "--format", "image {{.Repository}}:{{.Tag}}"],
            ["volume", "ls", "--format", "volume {{.Name}}"], ["network", "ls", "--format", "network {{.Name}}"],
            ["pod", "ps", "--format", "pod {{.Name}}"],
        ] {
            found += try await run("podman", command, environment: variables).output.split(separator: "\n").map(String.init)
        }
        return found.filter { $0 != "network podman" && $0 != "image \(Self.base)" && !$0.contains("localhost/podman-pause") }.sorted()
    }
}

/// An application in a directory of its own, and the program under test.
final class LocalProject: Sendable {
    let name: String
    let directory: String
    let state: String
    let storage: Storage
    var namespace: String { name + "-test" }

    init(_ name: String, storage: Storage, state: String? = nil) throws {
        self.name = name
        self.storage = storage
        directory = FileManager.default.temporaryDirectory.appending(path: "seaway-local-\(name)-\(UUID().uuidString)").path
        self.state = state ?? directory + ".state"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try write("Dockerfile", Self.dockerfile)
        try write("page.txt", "one\n")
        try write("server.py", Self.server)
        try writeManifest()
    }

    deinit {
        for path in [directory, directory + ".state"] { try? FileManager.default.removeItem(atPath: path) }
    }

    static let dockerfile = """
        ARG BASE
        FROM ${BASE}
        WORKDIR /srv
        COPY server.py .
        COPY page.txt .
        CMD ["python3", "-u", "server.py"]

        """
    static let server = """
        import os, signal, socketserver, sys
        from http.server import BaseHTTPRequestHandler
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        page = open("page.txt").read().strip() + " " + os.environ.get("MODE", "")
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200 if self.path in ("/", "/healthz") else 404)
                self.end_headers()
                self.wfile.write(page.encode())
        socketserver.ThreadingTCPServer.allow_reuse_address = True
        print("listening")
        socketserver.ThreadingTCPServer(("", 8080), Handler).serve_forever()

        """

    func write(_ file: String, _ text: String) throws {
        try text.write(toFile: directory + "/" + file, atomically: true, encoding: .utf8)
    }

    func writeManifest(replicas: Int = 1, mode: String = "dev", build: String = "", probe: String = "/healthz", base: String = Storage.base) throws {
        try write(
            "manifest.yaml",
            """
            name: \(name)
            environments:
              - name: dev
                namespace: \(namespace)
                replicas: \(replicas)
                vars: {env: [{name: MODE, value: \(mode)}]}
                build: {buildArgs: {BASE: "\(base)"}\(build.isEmpty ? "" : ", " + build)}
                ports: [{name: http, port: 8080}]
                readinessProbe: {httpGet: {path: \(probe), port: 8080}, periodSeconds: 1}

            """)
    }

    func seactl(_ arguments: String...) async throws -> Ended {
        let program = FileManager.default.currentDirectoryPath + "/.build/debug/seactl"
        let ended = try await run(
            program, arguments + ["--local"], in: directory,
            environment: storage.variables.merging(["XDG_STATE_HOME": state, "XDG_CACHE_HOME": state + "/cache"]) { $1 })
        let record = try LocalStore(directory: state + "/seaway/local").read(ObjectKey(namespace: namespace, name: name))
        if let status = record?.environment.status { #expect(ConditionInvariants.violations(status) == [], "\(arguments): \(status)") }
        return ended
    }

    struct Status: Decodable {
        struct Condition: Decodable {
            var type: String
            var status: String
            var reason: String
            var message: String
        }
        struct Inner: Decodable {
            var reason: String?
            var message: String?
            var urls: [String]?
            var deployedRevision: String?
            var conditions: [Condition]?
        }
        var status: Inner
    }

    func status() async throws -> Status.Inner {
        let ended = try await seactl("env", "status", "-o", "json")
        try #require(ended.exitCode == 0, "\(ended)")
        return try JSONDecoder().decode(Status.self, from: Data(ended.output.utf8)).status
    }

    /// What a browser gets; tried again while nobody listens.
    func page(_ index: Int = 0) async throws -> String {
        let urls = try #require(try await status().urls)
        let url = try #require(urls.indices.contains(index) ? urls[index] : nil, "\(urls)")
        return try await run("curl", ["--silent", "--show-error", "--retry", "20", "--retry-connrefused", "--retry-delay", "1", "-m", "30", url])
            .output
    }
}
