import Foundation
import Subprocess
import Synchronization
import SystemPackage
import Testing

#if canImport(Glibc)
    import Glibc
#endif

/// `seaway operator`, as it was just built, as a process of this machine.
final class OperatorProcess: Sendable {
    private let arguments: [String]
    private let variables: [Subprocess.Environment.Key: String?]
    /// What it wrote, of all runs.
    let log: String
    private let pid = Mutex<pid_t?>(nil)
    private let starts = Mutex(0)

    /// - Parameter variables: added to those of this process.
    init(_ arguments: [String], variables: [String: String] = [:], log: String) {
        self.arguments = ["operator"] + arguments
        self.log = log
        var known: [Subprocess.Environment.Key: String?] = [:]
        for (name, value) in variables { if let key = Subprocess.Environment.Key(rawValue: name) { known[key] = value } }
        self.variables = known
    }

    var runs: Int { starts.withLock { $0 } }

    var output: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }

    /// Runs it once, to its end; a cancellation kills it.
    @discardableResult
    func run() async throws -> TerminationStatus {
        let program = URL(filePath: FileManager.default.currentDirectoryPath).appending(path: ".build/debug/seaway").path
        let file = try FileDescriptor.open(log, .writeOnly, options: [.append, .create], permissions: .ownerReadWrite)
        starts.withLock { $0 += 1 }
        let ended = try await Subprocess.run(
            .path(FilePath(program)), arguments: Arguments(arguments), environment: .inherit.updating(variables), input: .none,
            output: .discarded, error: .fileDescriptor(file, closeAfterSpawningProcess: true)
        ) { execution in
            pid.withLock { $0 = pid_t(execution.processIdentifier.value) }
        }
        pid.withLock { $0 = nil }
        return ended.terminationStatus
    }

    /// Runs it, and again whenever it was killed, until the calling task is cancelled. That it ends by itself is an error.
    func keepRunning() async throws {
        while !Task.isCancelled {
            let ended = try await run()
            guard ended == .signaled(SIGKILL) || Task.isCancelled else {
                Issue.record("the operator ended by itself: \(ended)\n\(output.suffix(2000))")
                return
            }
        }
    }

    func send(_ signal: Int32) {
        if let pid = pid.withLock({ $0 }) { kill(pid, signal) }
    }

    /// Kills it, and returns when it does nothing more.
    /// - Returns: `false` when another effect of the same moment had ended it already.
    @discardableResult
    func killNow() async -> Bool {
        let dying = pid.withLock { pid in
            defer { pid = nil }
            return pid
        }
        guard let pid = dying else { return false }
        kill(pid, SIGKILL)
        // Until somebody waits for it, it stays as a zombie.
        while let state = Self.state(of: pid), state != "Z" { try? await Task.sleep(for: .milliseconds(1)) }
        return true
    }

    private static func state(of pid: pid_t) -> Character? {
        guard let text = FileManager.default.contents(atPath: "/proc/\(pid)/stat").map({ String(decoding: $0, as: UTF8.self) }) else { return nil }
        return text.split(separator: ")").last?.first { $0 != " " }
    }
}
