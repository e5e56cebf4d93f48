import Foundation
import Subprocess
import Synchronization

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#endif

/// The `podman` program of this machine, and the variables that it is run with.
public struct Podman: Sendable {
    /// Absolute path.
    public var executable: String
    /// Added to the process's own.
    public var variables: [String: String]
    /// Whether it can give a build a limit of memory here.
    public var limitsMemory = true

    public init(executable: String, variables: [String: String] = [:]) {
        self.executable = executable
        self.variables = variables
        // A build that fails stops reading its context; the write must fail, not end this process.
        signal(SIGPIPE, SIG_IGN)
    }

    /// How a run ended.
    public struct Result: Sendable {
        public var exitCode: Int
        public var output: String
        /// What it wrote to its standard error.
        public var complaint: String

        public var isSuccess: Bool { exitCode == 0 }

        /// What distributions only recommend beside Podman, and how it misses them. crun does not start anything on mixed control groups.
        private static let packages = [
            (complaint: "cgroups in hybrid mode not supported", name: "runc"), (complaint: "finding pause binary", name: "catatonit"),
        ]

        /// Its last word about the failure, without the word "Error:" and without the log lines before it.
        public var reason: String {
            let lines = complaint.split(whereSeparator: \.isNewline).map(String.init)
            let start = lines.lastIndex { $0.hasPrefix("Error: ") } ?? lines.indices.last
            var line = start.map { lines[$0] } ?? "exit code \(exitCode)"
            // `1 error occurred:` is a headline; what it announces follows on lines of its own.
            if line.hasSuffix(":"), let start {
                let causes = lines[(start + 1)...].map { $0.trimmingCharacters(in: .whitespaces).drop(prefix: "* ") }.filter { !$0.isEmpty }
                if !causes.isEmpty { line += " " + causes.joined(separator: "; ") }
            }
            // `kube play` counts at the end what it told before.
            if line.hasPrefix("Error: failed to start"), let cause = lines.first(where: { $0.hasPrefix("starting container ") }) { line = cause }
            let missing = Self.packages.first { line.contains($0.complaint) }
            return line.drop(prefix: "Error: ").prefix(600) + (missing.map { "; the package \($0.name) is missing" } ?? "")
        }
    }

    /// Runs Podman to its end.
    /// - Parameter input: what it reads; never shown.
    /// - Throws: `LocalError` when it cannot be started; `CancellationError`, after Podman was ended.
    public func run(_ arguments: [String], input: String? = nil) async throws -> Result {
        try await started(arguments) {
            let result = try await Subprocess.run(
                .path(literal(executable)), arguments: Arguments(arguments), environment: environment, platformOptions: options,
                input: .string(input ?? ""), output: .string(limit: 64 << 20), error: .string(limit: 8 << 20))
            return Result(exitCode: result.terminationStatus.code, output: result.standardOutput, complaint: result.standardError)
        }
    }

    /// Runs Podman to its end, or for some time.
    /// - Returns: `nil` when it took longer, after Podman was ended.
    func run(_ arguments: [String], within limit: Duration) async throws -> Result? {
        try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask { try await run(arguments) }
            group.addTask {
                try await Task.sleep(for: limit)
                return nil
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
    }

    /// Runs Podman to its end and takes it for granted that it succeeds.
    /// - Throws: also `LocalError` with Podman's own words when it ends with an error.
    @discardableResult
    public func must(_ arguments: [String], input: String? = nil) async throws -> String {
        let result = try await run(arguments, input: input)
        guard result.isSuccess else {
            throw LocalError(.podmanFailed, "`podman \(arguments.prefix(2).joined(separator: " "))` failed: \(result.reason)")
        }
        return result.output
    }

    /// Runs Podman again while it fails, for some seconds. Only for what may be done any number of times, such as a removal, which fails
    /// while the container that it is about is being started again.
    /// - Parameter pauses: before each further attempt.
    /// - Throws: as ``must(_:input:)``, of the last attempt.
    @discardableResult
    func mustEventually(_ arguments: [String], pauses: [Duration] = Podman.pauses) async throws -> String {
        for pause in pauses {
            let result = try await run(arguments)
            if result.isSuccess { return result.output }
            try await Task.sleep(for: pause)
        }
        return try await must(arguments)
    }

    /// Asks pods to stop, and waits until they have.
    /// - Parameters:
    ///   - grace: seconds that each gets.
    ///   - patience: how much longer Podman may take.
    /// - Returns: `false` when Podman comes to no end: 4.3 was seen to wait for ever, and to take more and more memory, for a container
    ///   that had been killed together with its monitor.
    func stop(pods names: [String], grace: Int, patience: Duration = .seconds(20)) async throws -> Bool {
        // Not ended by a cancellation: a container that is half stopped can neither be stopped nor started for some seconds.
        try await Task {
            try await run(["pod", "stop", "--ignore", "-t", "\(grace)"] + names, within: .seconds(grace) + patience) != nil
        }.value
    }

    /// Six seconds in all: longer than Podman takes to start or stop a container on a busy machine.
    static let pauses: [Duration] = [.milliseconds(100), .milliseconds(300), .milliseconds(600), .seconds(2), .seconds(3)]

    /// Runs Podman, writes its input while it runs and hands over each line of what it says, on both of its streams.
    /// - Returns: its exit code.
    public func stream(
        _ arguments: [String], options: PlatformOptions? = nil, onStart: (@Sendable (ProcessIdentifier) -> Void)? = nil,
        write: (@Sendable (_ send: @Sendable ([UInt8]) async throws -> Void) async throws -> Void)? = nil,
        onLine: @escaping @Sendable (String) -> Void
    ) async throws -> Int {
        try await started(arguments) {
            let result = try await Subprocess.run(
                .path(literal(executable)), arguments: Arguments(arguments), environment: environment, platformOptions: options ?? self.options,
                input: .inputWriter, output: .sequence, error: .combinedWithOutput
            ) { execution in
                onStart?(execution.processIdentifier)
                let writer = execution.standardInputWriter
                return try await withThrowingTaskGroup(of: (any Error)?.self) { group in
                    group.addTask {
                        do {
                            try await write? { _ = try await writer.write($0) }
                            try await writer.finish()
                            return nil
                        } catch let error as SubprocessError {
                            // It ended without having read everything: what it said tells why.
                            return Task.isCancelled ? error : nil
                        }
                    }
                    for try await line in execution.standardOutput.strings() {
                        onLine(line.last?.isNewline == true ? String(line.dropLast()) : line)
                    }
                    try await group.waitForAll()
                }
            }
            return result.terminationStatus.code
        }
    }

    /// Runs a build as ``stream(_:options:onStart:write:onLine:)`` does. When it is cancelled, what a step runs ends with it.
    func build(
        _ arguments: [String], write: @escaping @Sendable (_ send: @Sendable ([UInt8]) async throws -> Void) async throws -> Void,
        onLine: @escaping @Sendable (String) -> Void
    ) async throws -> Int {
        // A Podman that is asked to end leaves the step running. One whose step was ended cleans up and ends by itself, so it gets some
        // time; the first signal changes nothing.
        var options = PlatformOptions()
        options.teardownSequence = [
            .send(signal: .resume, allowedDurationToNextStep: .seconds(2)), .gracefulShutDown(allowedDurationToNextStep: .seconds(2)),
        ]
        let process = Mutex<pid_t?>(nil)
        return try await withTaskCancellationHandler {
            defer { process.withLock { $0 = nil } }
            return try await stream(
                arguments, options: options, onStart: { started in process.withLock { $0 = started.value } }, write: write, onLine: onLine)
        } onCancel: {
            process.withLock { if let podman = $0 { BuildStep.end(of: podman) } }
        }
    }

    /// Runs Podman on this process's own streams.
    /// - Returns: its exit code.
    public func attach(_ arguments: [String]) async throws -> Int {
        try await started(arguments) {
            try await Subprocess.run(
                .path(literal(executable)), arguments: Arguments(arguments), environment: environment,
                input: .currentStandardInput, output: .currentStandardOutput, error: .currentStandardError
            ).terminationStatus.code
        }
    }

    private func started<Value>(_ arguments: [String], _ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let error as SubprocessError {
            if Task.isCancelled { throw CancellationError() }
            throw LocalError(.podmanFailed, "`podman \(arguments.first ?? "")` cannot be run: \(error.description)")
        }
    }

    private var environment: Subprocess.Environment {
        var updates: [Subprocess.Environment.Key: String?] = [:]
        for (name, value) in variables {
            if let key = Subprocess.Environment.Key(rawValue: name) { updates[key] = value }
        }
        return .inherit.updating(updates)
    }

    /// A Podman that is no longer wanted may finish what it is writing.
    private var options: PlatformOptions {
        var options = PlatformOptions()
        options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(3))]
        return options
    }
}

extension TerminationStatus {
    /// As a shell tells it: a signal counts from 128.
    var code: Int {
        switch self {
        case .exited(let code): Int(code)
        case .signaled(let signal): 128 + Int(signal)
        }
    }
}

extension String {
    func drop(prefix: String) -> Substring { hasPrefix(prefix) ? dropFirst(prefix.count) : self[...] }
}

/// Makes a value from a string as if it stood in the source: the path type of the subprocess package belongs to a module that
/// differs between systems.
private func literal<Value: ExpressibleByStringLiteral>(_ text: String) -> Value where Value.StringLiteralType == String {
    Value(stringLiteral: text)
}
