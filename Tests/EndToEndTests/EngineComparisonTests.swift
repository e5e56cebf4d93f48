import Foundation
import KubernetesModel
import PodmanStorage
import SeawayAPI
import Testing

/// One manifest, one scenario, both engines: what the user sees is the same, but for what is said here to differ.
@Suite(.enabled(if: !TestCluster.isSkipped), .timeLimit(.minutes(40)))
struct EngineComparisonTests {
    @Test func bothEnginesTellTheSame() async throws {
        let storage = try await Storage.make("podman-e2e")
        try await TestCluster.with { cluster in
            try await Application.with(cluster, name: "twin") { application in
                let engines = [Engine.kubernetes(application), .local(application, storage)]
                try application.write("manifest.yaml", Self.manifest(application))
                func step(_ name: String, exit: Int32, _ reason: Reason, _ arguments: String...) async throws {
                    var seen: [Seen] = []
                    for engine in engines { seen.append(try await engine.sees(arguments)) }
                    #expect(seen[0] == seen[1], "\(name): \(seen[0].differences(from: seen[1]))")
                    #expect(seen[0].exitCode == exit && seen[0].reason == reason.rawValue, "\(name): \(seen[0].raw)")
                }
                try await step("the first sync", exit: 0, .ready, "env", "sync")
                try await step("nothing changed", exit: 0, .ready, "env", "sync")
                try await step("as an object", exit: 0, .ready, "env", "sync", "-o", "json")
                try application.write("page.txt", "hello two\n")
                try await step("one change", exit: 0, .ready, "env", "sync")
                try application.write("manifest.yaml", Self.manifest(application, replicas: 2))
                try await step("two replicas", exit: 0, .ready, "env", "sync")
                try application.write("Dockerfile", application.dockerfile("RUN echo about to break && cat no-such-file"))
                try await step("a failing step", exit: 4, .buildFailed, "env", "sync")
                try application.write("Dockerfile", application.dockerfile("RUNN true"))
                try await step("a Dockerfile that is none", exit: 4, .dockerfileInvalid, "env", "sync")
                try application.write("Dockerfile", application.dockerfile())
                try application.write("server.py", "raise SystemExit('the database is on fire')\n")
                try await step("a crash loop", exit: 5, .crashLoop, "env", "sync")
                try await step("its status", exit: 0, .crashLoop, "env", "status")
                try application.write("server.py", try #require(application.webServer(says: "")["server.py"]))
                try await step("mended", exit: 0, .ready, "env", "sync")
                for engine in engines {
                    let logs = try await engine.run(["env", "logs", "--tail", "5"])
                    #expect(logs.exitCode == 0 && logs.output.contains("GET / HTTP/1.1"), "\(logs)")
                }
                for (arguments, exit) in [
                    (["env", "clean"], 0), (["env", "clean"], 0), (["env", "status"], 2), (["env", "logs"], 2),
                ] as [([String], Int32)] {
                    var ended: [Ended] = []
                    for engine in engines { ended.append(try await engine.run(arguments)) }
                    #expect(ended.map(\.exitCode) == [exit, exit], "\(arguments): \(ended)")
                    #expect(Seen.plain(ended[0].output) == Seen.plain(ended[1].output), "\(arguments): \(ended)")
                    #expect(Seen.plain(ended[0].errors) == Seen.plain(ended[1].errors), "\(arguments): \(ended)")
                }
            }
        }
        #expect(try await storage.contents() == [])
    }

    private static func manifest(_ application: Application, replicas: Int = 1) -> String {
        """
        name: \(application.name)
        environments:
          - name: dev
            namespace: \(application.namespace)
            replicas: \(replicas)
            build: {buildArgs: {BASE: "${BASE}"}}
            ports: [{name: http, port: 8080}]
            network: {ingress: {enabled: true}}
            readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}

        """
    }
}

/// Where the scenario runs.
private struct Engine {
    var application: Application
    var arguments: [String]
    var variables: [String: String]

    static func kubernetes(_ application: Application) -> Engine {
        Engine(
            application: application, arguments: ["--kubeconfig", application.cluster.kubeconfig],
            variables: ["BASE": application.cluster.baseImage])
    }

    static func local(_ application: Application, _ storage: Storage) -> Engine {
        Engine(application: application, arguments: ["--local"], variables: storage.variables.merging(["BASE": Storage.base]) { $1 })
    }

    func run(_ words: [String]) async throws -> Ended {
        let program = URL(filePath: FileManager.default.currentDirectoryPath).appending(path: ".build/debug/seactl").path
        // What follows `--` is the command of `exec`.
        let end = words.firstIndex(of: "--") ?? words.endIndex
        let own = ["XDG_STATE_HOME": application.directory + ".state", "XDG_CACHE_HOME": application.directory + ".cache", "USER": "tester"]
        return try await EndToEndTests.run(
            program, Array(words[..<end]) + arguments + Array(words[end...]), in: application.directory,
            environment: own.merging(variables) { $1 })
    }

    /// What a user sees of a command, and of the environment after it.
    func sees(_ words: [String]) async throws -> Seen {
        let ended = try await run(words)
        let status = try await run(["env", "status", "-o", "json"])
        return try Seen(ended, of: words, status: JSONValue(parsing: Data(status.output.utf8)))
    }
}

/// What a user sees, without what differs from run to run: times, digests, names of pods, ports.
private struct Seen: Equatable {
    var exitCode: Int32
    /// What is told once a step is done, and at the end.
    var told: Set<String>
    var errors: [String]
    var reason: String?
    var message: String
    /// `Ready=True/Ready`, in order.
    var conditions: [String]
    /// Paths of all fields of the object.
    var shape: Set<String>
    var raw: Ended

    init(_ ended: Ended, of words: [String], status object: JSONValue) throws {
        exitCode = ended.exitCode
        raw = ended
        let isObject = words.contains("json")
        told = isObject ? [] : Set(Self.plain(ended.output).filter(Self.isResult))
        // As an object, it is the one that `env status` shows.
        errors = isObject ? [] : Self.plain(ended.errors)
        let status = object["status"]
        reason = status?["reason"]?.stringValue
        message = Self.plain(status?["message"]?.stringValue ?? "").joined(separator: "\n")
        conditions = (status?["conditions"]?.arrayValue ?? []).map {
            "\($0["type"]?.stringValue ?? "")=\($0["status"]?.stringValue ?? "")/\($0["reason"]?.stringValue ?? "")"
        }
        shape = Self.paths(isObject ? try JSONValue(parsing: Data(ended.output.utf8)) : object, "")
    }

    static func == (left: Seen, right: Seen) -> Bool { left.differences(from: right).isEmpty }

    func differences(from other: Seen) -> String {
        var lines: [String] = []
        func compare<Value: Equatable>(_ what: String, _ value: KeyPath<Seen, Value>) {
            if self[keyPath: value] != other[keyPath: value] { lines.append("\(what): \(self[keyPath: value]) and \(other[keyPath: value])") }
        }
        compare("exit code", \.exitCode)
        compare("told", \.told)
        compare("errors", \.errors)
        compare("reason", \.reason)
        compare("message", \.message)
        compare("conditions", \.conditions)
        for path in shape.symmetricDifference(other.shape).sorted() {
            lines.append("field \(path) in \(shape.contains(path) ? "the first" : "the second")")
        }
        return lines.joined(separator: "\n")
    }

    /// Lines that tell a result; progress is told as often as it changes.
    private static func isResult(_ line: String) -> Bool {
        ["sync ", "warning ", "ready ", "source N", "build image", "deploy revision"].contains { line.hasPrefix($0) }
    }

    /// Words of the builder's log that depend on how it runs a step: buildah in a pod, Podman here.
    private static func isBuildersOwn(_ line: some StringProtocol) -> Bool {
        line.contains("subprocess exited with status") || line.contains("level=error msg=")
    }

    static func plain(_ text: String) -> [String] {
        let lines = text.split(whereSeparator: \.isNewline).filter { !isBuildersOwn($0) }.map { plainLine(String($0)) }
        // Podman starts what crashed again at once: while one crash is looked at, the next one may write the same into the same log.
        return lines.enumerated().filter { $0.offset == 0 || $0.element != lines[$0.offset - 1] }.map(\.element)
    }

    private static func plainLine(_ text: String) -> String {
        var line = text.replacing(/\s+/, with: " ")
        line = line.replacing(/https?:\/\/[^ ]+( https?:\/\/[^ ]+)*/, with: "URL")
        line = line.replacing(/\b[0-9a-f]{11,64}\b/, with: "DIGEST")
        line = line.replacing(/STEP \d+\/\d+: FROM .*/, with: "FROM BASE")
        line = line.replacing("while running runtime: ", with: "")
        line = line.replacing(/\(?\d+(\.\d+)? (ms|s|m)\)?/, with: "TIME")
        line = line.replacing(/(context [^ ,)]+|Podman on this machine)/, with: "ENGINE")
        // Sources that are sent on one engine are read in place on the other.
        line = line.replacing(/^source \d+ files?, .*/, with: "source N")
        return line.replacing(/\d+ restarts/, with: "N restarts")
    }

    /// Fields that only an API server writes. The end of a build is not known to an operator that went on once the image was pushed.
    private static let servers: Set<String> = ["metadata.managedFields", "metadata.selfLink", "status.build.finishedAt"]

    private static func paths(_ value: JSONValue, _ path: String) -> Set<String> {
        guard !servers.contains(path) else { return [] }
        switch value {
        case .object(let members):
            return members.reduce(into: []) { $0.formUnion(paths($1.value, path.isEmpty ? $1.key : "\(path).\($1.key)")) }
        case .array(let elements): return elements.reduce(into: [path]) { $0.formUnion(paths($1, path + "[]")) }
        default: return [path]
        }
    }
}
