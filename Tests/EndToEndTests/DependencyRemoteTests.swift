import Foundation
import KubernetesModel
import Subprocess
import Testing

/// Dependencies that come from a server: kustomizations by Git over HTTPS, charts from a repository of charts.
@Suite(.disabled(if: TestCluster.isSkipped, "SEAWAY_SKIP_CLUSTER_TESTS"))
struct DependencyRemoteTests {
    private typealias Project = DependencyProject

    @Test func aDirectoryOnAGitServerIsFetched() async throws {
        try await TestCluster.with { cluster in
            try await Project.with(cluster) { project in
                try project.write("source/k8s/kustomization.yaml", "resources: [map.yaml]\n")
                try project.write("source/k8s/map.yaml", Project.configMap("remote"))
                try await git(project, "init", "--quiet", "--initial-branch=main")
                try await git(project, "add", ".")
                try await git(project, "commit", "--quiet", "--message=one")
                try await git(project, "tag", "v1")
                try project.write("source/k8s/map.yaml", Project.configMap("remote", "two"))
                try await git(project, "commit", "--quiet", "--all", "--message=two")
                for name in ["remote.git", "private.git"] { try await git(project, "clone", "--quiet", "--bare", ".", "../served/\(name)") }
                try await WebServer.with(project) { server in
                    let remote = "\(server.url)/remote.git//k8s"
                    let trust = ["GIT_SSL_CAINFO": server.certificate]
                    try project.manifest("- {name: db, path: \"\(remote)?ref=v1\"}\n- {name: more, path: local}")
                    // A kustomization here that builds on one there.
                    try project.write("local/kustomization.yaml", "namePrefix: my-\nresources: [\"\(remote)?ref=main\"]\n")
                    let ended = try await project.deps("apply", variables: trust)
                    #expect(ended.exitCode == 0, "\(ended)")
                    #expect(try await project.object(.configMaps, "remote")?["data"]?["value"] == "one")
                    #expect(try await project.object(.configMaps, "my-remote")?["data"]?["value"] == "two")
                    #expect(try server.log().contains("POST /remote.git/git-upload-pack"))

                    try project.manifest("- {name: db, path: \"\(remote)?ref=v9\"}")
                    let absent = try await project.deps("apply", "--only", "db", variables: trust)
                    #expect(absent.exitCode == 2 && absent.errors.contains("v9"), "\(absent)")
                    // A login is nothing to wait for.
                    try project.manifest("- {name: db, path: \"\(server.url)/private.git//k8s?ref=v1\"}")
                    let refused = try await project.deps("apply", "--only", "db", variables: trust)
                    #expect(refused.exitCode == 2 && refused.errors.contains("terminal prompts disabled"), "\(refused)")
                    try project.manifest("- {name: db, path: \"\(remote)?ref=v1\"}")
                    let untrusted = try await project.deps("apply", "--only", "db")
                    #expect(untrusted.exitCode == 2 && untrusted.errors.contains("certificate"), "\(untrusted)")
                    // Without Git.
                    try await project.link(["kustomize"], into: "only")
                    let alone = trust.merging(["PATH": project.directory + "/only"]) { $1 }
                    let missing = try await project.deps("apply", "--only", "db", variables: alone)
                    #expect(missing.exitCode == 2 && missing.errors.contains("apt-get install git"), "\(missing)")
                }
            }
        }
    }

    @Test func aChartComesFromARepositoryOfCharts() async throws {
        try await TestCluster.with { cluster in
            try await Project.with(cluster) { project in
                // kustomize asks for that file.
                try project.write("chart/values.yaml", "{}\n")
                for version in ["1.0.0", "2.0.0"] {
                    try project.write("chart/Chart.yaml", "apiVersion: v2\nname: cache\nversion: \(version)\n")
                    try project.write(
                        "chart/templates/map.yaml",
                        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\ndata: {value: {{ .Chart.Version | quote }}}\n")
                    try await helm(project, "package", "chart", "--destination", "served/charts")
                }
                try await WebServer.with(project) { server in
                    let repository = "\(server.url)/charts"
                    try await helm(project, "repo", "index", "served/charts", "--url", repository)
                    let trust = ["SSL_CERT_FILE": server.certificate]
                    try project.manifest(
                        "- {name: old, type: helm, chart: cache, repo: \"\(repository)\", version: 1.0.0}\n- {name: new, path: k8s}\n")
                    try project.write(
                        "k8s/kustomization.yaml", "helmCharts: [{name: cache, repo: \"\(repository)\", version: 2.0.0, releaseName: new}]\n")
                    let ended = try await project.deps("apply", variables: trust)
                    #expect(ended.exitCode == 0, "\(ended)")
                    #expect(try await project.object(.configMaps, "old")?["data"]?["value"] == "1.0.0")
                    #expect(try await project.object(.configMaps, "new")?["data"]?["value"] == "2.0.0")

                    try project.manifest("- {name: old, type: helm, chart: cache, repo: \"\(repository)\", version: 3.0.0}")
                    let absent = try await project.deps("apply", "--only", "old", variables: trust)
                    #expect(absent.exitCode == 2 && absent.errors.contains("3.0.0"), "\(absent)")
                }
            }
        }
    }

    @Test func aChartComesFromARegistry() async throws {
        try await TestCluster.with { cluster in
            try await Project.with(cluster) { project in
                try project.write("chart/Chart.yaml", "apiVersion: v2\nname: cache\nversion: 1.0.0\n")
                try project.write("chart/templates/map.yaml", Project.configMap("{{ .Release.Name }}"))
                try await helm(project, "package", "chart")
                let certificate = try await WebServer.certificate(project)
                let program = try #require(ProcessInfo.processInfo.environment["SEAWAY_DOCKER_REGISTRY"], "SEAWAY_DOCKER_REGISTRY is not set")
                let free = try await run("python3", ["-c", "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1])"])
                let place = "localhost:\(free.output.trimmingCharacters(in: .whitespacesAndNewlines))"
                try project.write(
                    "registry.yml",
                    """
                    {version: 0.1, storage: {inmemory: {}}, http: {addr: "\(place.replacing("localhost", with: "127.0.0.1"))", secret: of-this-test,
                      tls: {certificate: \(certificate.chain), key: \(certificate.key)}}}

                    """)
                let ended = try await run(
                    program, ["serve", "registry.yml"], in: project.directory,
                    ending: (
                        .terminate,
                        {
                            let trust = ["SSL_CERT_FILE": certificate.chain]
                            _ = try await cluster.eventually("the registry") {
                                let answer = try await run(
                                    "curl", ["--silent", "--noproxy", "*", "--cacert", certificate.chain, "https://\(place)/v2/"])
                                return answer.exitCode == 0 ? true : nil
                            }
                            try await helm(project, "push", "cache-1.0.0.tgz", "oci://\(place)/charts", variables: trust)
                            try project.manifest("- {name: fast, type: helm, chart: \"oci://\(place)/charts/cache\", version: 1.0.0}")
                            let applied = try await project.deps("apply", variables: trust)
                            #expect(applied.exitCode == 0, "\(applied)")
                            #expect(try await project.object(.configMaps, "fast") != nil)
                        }
                    ))
                #expect(ended.errors.contains("GET"), "\(ended)")
            }
        }
    }

    private func git(_ project: DependencyProject, _ arguments: String...) async throws {
        let identity = ["-c", "user.name=tester", "-c", "user.email=tester@example.com"]
        let ended = try await run("git", identity + arguments, in: "\(project.directory)/source")
        #expect(ended.exitCode == 0, "\(ended)")
    }

    private func helm(_ project: DependencyProject, _ arguments: String..., variables: [String: String] = [:]) async throws {
        let own = ["PATH": Project.path, "XDG_CACHE_HOME": project.directory + ".cache"]
        let ended = try await run("helm", arguments, in: project.directory, environment: own.merging(variables) { $1 })
        #expect(ended.exitCode == 0, "\(ended)")
    }
}

extension DependencyProject {
    /// Makes a directory for PATH that has these programs alone.
    func link(_ programs: [String], into directory: String) async throws {
        for program in programs {
            let places = Self.path.split(separator: ":").map { "\($0)/\(program)" }
            let found = try #require(places.first { FileManager.default.isExecutableFile(atPath: $0) })
            try write("\(directory)/readme", "")
            try FileManager.default.createSymbolicLink(atPath: "\(self.directory)/\(directory)/\(program)", withDestinationPath: found)
        }
    }
}

/// What is in `served`, over HTTPS on the loopback: repositories by Git's own program for servers, other files as they are.
private struct WebServer: Sendable {
    var url: String
    var certificate: String
    private var directory: String

    static func with(_ project: DependencyProject, _ body: @escaping (WebServer) async throws -> Void) async throws {
        let directory = project.directory
        let certificate = try await certificate(project).chain
        let ended = try await run(
            "python3", ["-u", "-c", program, directory], in: directory,
            ending: (
                .terminate,
                {
                    let port = try await project.cluster.eventually("the server") {
                        FileManager.default.contents(atPath: directory + "/port").flatMap { Int(String(decoding: $0, as: UTF8.self)) }
                    }
                    try await body(WebServer(url: "https://localhost:\(port)", certificate: certificate, directory: directory))
                }
            ))
        #expect(ended.exitCode == 128 + 15, "\(ended)")
    }

    /// For `localhost`; it vouches for itself.
    static func certificate(_ project: DependencyProject) async throws -> (chain: String, key: String) {
        let made = try await run(
            "openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                "-addext", "subjectAltName=DNS:localhost", "-keyout", "server.key", "-out", "server.crt",
            ], in: project.directory)
        #expect(made.exitCode == 0, "\(made)")
        return (project.directory + "/server.crt", project.directory + "/server.key")
    }

    /// The requests that were made.
    func log() throws -> String { try String(contentsOfFile: directory + "/requests", encoding: .utf8) }

    private static let program = """
        import http.server, os, ssl, subprocess, sys
        root = sys.argv[1]
        requests = open(root + "/requests", "a", buffering=1)
        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *arguments):
                super().__init__(*arguments, directory=root + "/served")
            def log_message(self, form, *values):
                requests.write(form % values + "\\n")
            def do_GET(self):
                self.git() if ".git/" in self.path else super().do_GET()
            def do_POST(self):
                self.git()
            def git(self):
                path, _, query = self.path.partition("?")
                if path.startswith("/private"):
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", "Basic realm=private")
                    self.send_header("Content-Length", "0")
                    return self.end_headers()
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                names = dict(GIT_PROJECT_ROOT=root + "/served", GIT_HTTP_EXPORT_ALL="1", PATH_INFO=path, QUERY_STRING=query,
                             REQUEST_METHOD=self.command, CONTENT_TYPE=self.headers.get("Content-Type", ""), CONTENT_LENGTH=str(len(body)),
                             HTTP_CONTENT_ENCODING=self.headers.get("Content-Encoding", ""), GIT_PROTOCOL=self.headers.get("Git-Protocol", ""))
                answer = subprocess.run(["git", "http-backend"], input=body, env=dict(os.environ, **names), stdout=subprocess.PIPE).stdout
                head, _, rest = answer.partition(b"\\r\\n\\r\\n")
                headers = [line.split(": ", 1) for line in head.decode().split("\\r\\n")]
                status = [value for name, value in headers if name == "Status"]
                self.send_response(int(status[0].split()[0]) if status else 200)
                for name, value in headers:
                    if name != "Status":
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(rest)))
                self.end_headers()
                self.wfile.write(rest)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(root + "/server.crt", root + "/server.key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        with open(root + "/port.new", "w") as file:
            file.write(str(server.server_address[1]))
        os.rename(root + "/port.new", root + "/port")
        server.serve_forever()
        """
}
