import Foundation

/// A measurement with the budgets that it decides about.
protocol Benchmark {
    /// What ONLY= selects it by.
    var name: String { get }
    /// Names of the lines it prints, in order.
    var budgets: [String] { get }
    /// - Throws: whatever kept it from measuring; all of its budgets then count as missed.
    func run(_ bench: Workbench) throws -> [Budget]
}

/// What measurements share: a directory that goes away, the programs, the cluster.
final class Workbench {
    let directory: String
    /// Where seactl, seaway, seaway-scan and this program are.
    let binaries: String
    /// Rounds of the measurements that sync.
    let rounds: Int
    private var tree: LargeTree?

    init() throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("seaway-bench-\(UUID().uuidString.prefix(8))").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let own = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent().path
        binaries = ProcessInfo.processInfo.environment["SEAWAY_BIN"] ?? own
        rounds = ProcessInfo.processInfo.environment["ROUNDS"].flatMap(Int.init) ?? 30
    }

    func remove() { try? FileManager.default.removeItem(atPath: directory) }

    /// A variable that scripts/cluster or Benchmarks/run has set.
    func variable(_ name: String) throws -> String {
        guard let value = ProcessInfo.processInfo.environment[name], !value.isEmpty else {
            throw BenchmarkError("\(name) is not set; Benchmarks/run sets it")
        }
        return value
    }

    func note(_ text: String) { FileHandle.standardError.write(Data("    \(text)\n".utf8)) }

    /// Made once, as it takes a while.
    func largeTree() throws -> LargeTree {
        if let tree { return tree }
        let made = try LargeTree(root: "\(directory)/tree")
        tree = made
        return made
    }

    func scan(_ tree: LargeTree, cache: String) throws -> (files: Int, seconds: Double) {
        let result = try Program(["\(binaries)/seaway-scan", tree.root, cache]).run()
        guard let files = Int(result.output.trimmingCharacters(in: .whitespacesAndNewlines)), files >= LargeTree.fileCount else {
            throw BenchmarkError("the scan found \(result.output) files instead of \(LargeTree.fileCount)")
        }
        return (files, result.seconds)
    }

    func seactl(_ words: [String], in directory: String, kubeconfig: String? = nil) throws -> Program {
        var variables = ["XDG_STATE_HOME": "\(self.directory)/state", "XDG_CACHE_HOME": "\(self.directory)/cache"]
        if let kubeconfig { variables["KUBECONFIG"] = kubeconfig }
        return Program(["\(binaries)/seactl"] + words, in: directory, variables: variables)
    }

    func kubectl(_ words: [String], kubeconfig: String? = nil) throws -> Program {
        Program([try variable("KUBECTL"), "--kubeconfig", try kubeconfig ?? variable("KUBECONFIG"), "--cache-dir", "\(directory)/kubectl"] + words)
    }

    func write(_ text: String, to name: String) throws -> String {
        let path = "\(directory)/\(name)"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    /// Resident memory of a process, in bytes: now, and at its highest.
    func memory(of process: Int32) throws -> (now: Int, peak: Int) {
        guard let text = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8) else {
            throw BenchmarkError("process \(process) has ended, or this system has no /proc")
        }
        func field(_ name: String) throws -> Int {
            let line = text.split(separator: "\n").first { $0.hasPrefix("\(name):") }
            guard let words = line?.split(whereSeparator: \.isWhitespace), words.count > 1, let kibibytes = Int(words[1]) else {
                throw BenchmarkError("/proc/\(process)/status has no \(name)")
            }
            return kibibytes * 1024
        }
        return (try field("VmRSS"), try field("VmHWM"))
    }
}
