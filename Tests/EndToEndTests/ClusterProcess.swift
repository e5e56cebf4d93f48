import Foundation
import Testing

#if canImport(Glibc)
    import Glibc
#endif

/// A process of the development cluster, as `scripts/cluster` started it on this machine and wrote its id down.
struct ClusterProcess {
    var name: String
    private var idFile: URL
    private var log: URL

    /// Whether the cluster's processes can be reached from here: those of kind and k3d are in containers.
    static var isPossible: Bool { (try? ClusterProcess("etcd").id()) != nil }

    init(_ name: String) throws {
        let kubeconfig = try #require(ProcessInfo.processInfo.environment["SEAWAY_E2E_KUBECONFIG"])
        let state = URL(fileURLWithPath: kubeconfig).deletingLastPathComponent()
        self.name = name
        idFile = state.appendingPathComponent("pids/\(name)")
        log = state.appendingPathComponent("logs/\(name).log")
    }

    /// The process's id and when it began, which together are never another's.
    private func id() throws -> pid_t {
        let words = try String(contentsOf: idFile, encoding: .utf8).split(whereSeparator: \.isWhitespace)
        let id = try #require(words.first.flatMap { pid_t($0) })
        let birth = Self.birth(id)
        try #require(birth != nil && words.last.map(String.init) == birth, "\(name) does not run")
        return id
    }

    private static func birth(_ id: pid_t) -> String? {
        guard let line = try? String(contentsOfFile: "/proc/\(id)/stat", encoding: .utf8), let end = line.lastIndex(of: ")") else { return nil }
        let fields = line[end...].split(separator: " ")
        return fields.count > 20 ? String(fields[20]) : nil
    }

    /// Stops it for some time, in which it takes connections and answers none; lets it go on in every case.
    func frozen(_ body: () async throws -> Void) async throws {
        let id = try id()
        try #require(kill(id, SIGSTOP) == 0)
        defer { kill(id, SIGCONT) }
        try await body()
    }

    /// Kills it as it stands and starts it again as it was started.
    func restart() async throws {
        let id = try id()
        let line = try #require(FileManager.default.contents(atPath: "/proc/\(id)/cmdline"))
        let words = line.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        try #require(kill(id, SIGKILL) == 0)
        let script = """
            id=$1 file=$2 log=$3
            shift 3
            while [ -e "/proc/$id" ] && ! grep -q '^State:.Z' "/proc/$id/status"; do sleep 0.05; done
            cd /
            setsid "$@" >>"$log" 2>&1 </dev/null &
            read -r line <"/proc/$!/stat"
            set -- ${line##*) }
            printf '%s %s\\n' "$!" "${20}" >"$file"
            """
        let ended = try await run("bash", ["-ec", script, "restart", String(id), idFile.path, log.path] + words)
        try #require(ended.exitCode == 0, "\(ended)")
    }

    /// Sends SIGKILL to the processes whose command line begins so; a container's processes are visible on its node.
    /// - Returns: how many there were.
    static func killAll(command: String) throws -> Int {
        var killed = 0
        for name in try FileManager.default.contentsOfDirectory(atPath: "/proc") {
            guard let id = pid_t(name), let line = FileManager.default.contents(atPath: "/proc/\(name)/cmdline") else { continue }
            let words = String(decoding: line, as: UTF8.self).split(separator: "\0").joined(separator: " ")
            if words.hasPrefix(command), kill(id, SIGKILL) == 0 { killed += 1 }
        }
        return killed
    }
}
