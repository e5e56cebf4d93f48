import Foundation
import KubernetesClient
import KubernetesModel
import SeawayAPI
import Subprocess

/// A small web application in a directory of its own, synced by the real `seactl` into a namespace of its own.
struct Application: Sendable {
    var name: String
    var namespace: String
    var directory: String
    var cluster: TestCluster

    /// Makes the application, and removes its namespace and directory afterwards.
    static func with(
        _ cluster: TestCluster, name: String = "web", files: [String: String]? = nil, _ body: (Application) async throws -> Void
    ) async throws {
        let id = UUID().uuidString.prefix(8).lowercased()
        let directory = FileManager.default.temporaryDirectory.appending(path: "seaway-\(id)").path
        let application = Application(name: name, namespace: "e2e-\(id)", directory: directory, cluster: cluster)
        for (path, text) in files ?? application.webServer(says: "hello one") { try application.write(path, text) }
        try application.write("manifest.yaml", application.manifest())
        do {
            try await body(application)
        } catch {
            await application.remove()
            throw error
        }
        await application.remove()
    }

    func remove() async {
        try? FileManager.default.removeItem(atPath: directory)
        _ = try? await cluster.client.delete(Environment.resource, name: name, namespace: namespace)
        _ = try? await cluster.eventually("the Environment to go") {
            try await cluster.client.getIfPresent(Environment.self, name, namespace: namespace) == nil ? true : nil
        }
        try? await cluster.client.delete(.namespaces, name: namespace, namespace: nil)
    }

    /// A page, and a file beside it that most tests leave alone.
    func webServer(says text: String) -> [String: String] {
        [
            "page.txt": text + "\n",
            "other.txt": String(repeating: "unchanged\n", count: 1000),
            "server.py": """
            import http.server, signal, sys
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
            class Page(http.server.BaseHTTPRequestHandler):
                def do_GET(self):
                    body = open("page.txt", "rb").read()
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
            http.server.ThreadingHTTPServer(("", 8080), Page).serve_forever()

            """,
            "Dockerfile": dockerfile(),
        ]
    }

    func dockerfile(_ extra: String = "") -> String {
        """
        ARG BASE
        FROM ${BASE}
        WORKDIR /app
        COPY . .
        \(extra)
        CMD ["python3", "-u", "server.py"]

        """
    }

    func manifest(replicas: Int = 1) -> String {
        """
        name: \(name)
        environments:
          - name: dev
            namespace: \(namespace)
            replicas: \(replicas)
            build:
              buildArgs: {BASE: "\(cluster.baseImage)"}
            ports: [{name: http, port: 8080}]
            network: {ingress: {enabled: true}}

        """
    }

    func write(_ path: String, _ text: String) throws {
        let file = URL(filePath: directory).appending(path: path)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: file)
    }

    /// Runs the `seactl` that was just built.
    func seactl(_ arguments: String...) async throws -> Ended { try await seactl(arguments) }

    /// Runs the `seactl` that was just built, and checks every status that the Environment has meanwhile.
    /// - Parameters:
    ///   - ending: as in `run`.
    ///   - hearing: as in `run`.
    func seactl(
        _ arguments: [String], kubeconfig: String? = nil, ending: (signal: Signal, after: @Sendable () async throws -> Void)? = nil,
        hearing: (@Sendable (String) -> Void)? = nil
    ) async throws -> Ended {
        let program = URL(filePath: FileManager.default.currentDirectoryPath).appending(path: ".build/debug/seactl").path
        return try await cluster.checkingStatuses(of: self) {
            try await run(
                program, arguments + ["--kubeconfig", kubeconfig ?? cluster.kubeconfig], in: directory,
                environment: ["XDG_STATE_HOME": directory + ".state", "XDG_CACHE_HOME": directory + ".cache", "USER": "tester"],
                ending: ending, hearing: hearing)
        }
    }

    /// `seactl env sync`, and the URL that it printed.
    /// - Parameter hearing: as in `run`.
    func sync(hearing: (@Sendable (String) -> Void)? = nil) async throws -> (ended: Ended, url: String?) {
        let ended = try await seactl(["env", "sync"], hearing: hearing)
        let url = ended.output.split(whereSeparator: \.isWhitespace).last { $0.hasPrefix("http://") }
        return (ended, url.map(String.init))
    }
}
