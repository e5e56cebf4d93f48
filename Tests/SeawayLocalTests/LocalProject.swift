import Foundation
import KubernetesModel
import PodmanStorage
import SeawayAPI
import Testing

@testable import SeawayLocal

/// Whether tests may use Podman; only an explicit wish leaves them out.
let usesPodman = ProcessInfo.processInfo.environment["SEAWAY_SKIP_CLUSTER_TESTS"] != "1"

/// Tests that look into the one storage that they share, one after the other.
@Suite(.serialized, .enabled(if: usesPodman)) enum PodmanTests {}

extension Storage {
    static let shared = Task { try await make("podman-tests") }
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
        for path in [directory, directory + ".state", state + ".log"] { try? FileManager.default.removeItem(atPath: path) }
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
        let path = directory + "/" + file
        try FileManager.default.createDirectory(atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try text.write(toFile: path, atomically: true, encoding: .utf8)
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

    var engineDirectory: String { state + "/seaway/local" }
    /// What the engine keeps, as paths in its state directory.
    var stateFiles: [String] { (FileManager.default.enumerator(atPath: engineDirectory)?.allObjects ?? []).compactMap { $0 as? String } }

    private let program = FileManager.default.currentDirectoryPath + "/.build/debug/seactl"
    private var variables: [String: String] {
        storage.variables.merging(["XDG_STATE_HOME": state, "XDG_CACHE_HOME": state + "/cache"]) { $1 }
    }

    /// Presses Ctrl-C as soon as something is so.
    /// - Parameter condition: for a shell; what `seactl` said by then is in `$log`.
    func interrupt(when condition: String, _ arguments: String...) async throws -> Ended {
        let script = """
            condition=$1 log=$2; shift 2
            "$@" >"$log" 2>&1 & child=$!
            until eval "$condition"; do sleep 0.05; kill -0 $child || break; done
            kill -INT $child; wait $child; code=$?
            cat "$log"; exit $code
            """
        return try await run(
            "sh", ["-c", script, "sh", condition, state + ".log", program] + arguments + ["--local"], in: directory, environment: variables)
    }

    func seactl(_ arguments: String...) async throws -> Ended {
        let ended = try await run(program, arguments + ["--local"], in: directory, environment: variables)
        let record = try LocalStore(directory: engineDirectory).read(ObjectKey(namespace: namespace, name: name))
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
