import Foundation
import KubernetesModel
import Subprocess

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#endif

extension ExecPlugin {
    /// Runs the plugin and reads the credential that it prints.
    /// - Throws: `KubernetesError` with code `credentials` that says how the program ended and how to get it.
    func run(for configuration: ClusterConfiguration) async throws -> RefreshingValue<Authorization>.Loaded {
        let hasTerminal = isatty(0) == 1 && isatty(2) == 1
        let interactive = interactiveMode != .never && hasTerminal
        if interactiveMode == .always, !hasTerminal {
            throw problem("must ask on a terminal, and there is none")
        }
        let printed = try await withDeadline(interactive ? .seconds(600) : .seconds(60)) { [self] in
            try await output(interactive: interactive, configuration)
        }
        return try ExecCredential.parse(Data(printed.utf8), plugin: self)
    }

    private func output(interactive: Bool, _ configuration: ClusterConfiguration) async throws -> String {
        let info = ExecCredential.request(for: self, configuration: configuration, interactive: interactive).encoded()
        var variables: [Subprocess.Environment.Key: String?] = ["KUBERNETES_EXEC_INFO": String(decoding: info, as: UTF8.self)]
        for (name, value) in environment {
            guard let key = Subprocess.Environment.Key(rawValue: name) else { continue }
            variables[key] = value.exposed
        }
        let executable: Executable = command.contains("/") ? .path(literal(command)) : .name(command)
        do {
            if interactive {
                // The plugin speaks with the user by itself.
                let result = try await Subprocess.run(
                    executable, arguments: Arguments(arguments), environment: .inherit.updating(variables), input: .currentStandardInput,
                    output: .string(limit: 1 << 20), error: .currentStandardError)
                try check(result.terminationStatus, complaint: nil)
                return result.standardOutput
            }
            let result = try await Subprocess.run(
                executable, arguments: Arguments(arguments), environment: .inherit.updating(variables),
                output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
            try check(result.terminationStatus, complaint: result.standardError)
            return result.standardOutput
        } catch let error as SubprocessError {
            if Task.isCancelled { throw CancellationError() }
            throw problem("cannot be run (\(error.description))\(hint)")
        }
    }

    private func check(_ status: TerminationStatus, complaint: String?) throws {
        guard !status.isSuccess else { return }
        let how =
            switch status {
            case .exited(let code): "ended with exit code \(code)"
            case .signaled(let signal): "was ended by signal \(signal)"
            }
        // The last line alone: what a program complains of, not what it was doing.
        let last = complaint?.split(separator: "\n").last.map { ": \($0.prefix(500))" } ?? ""
        throw problem(how + last + hint)
    }

    private var hint: String {
        installHint.map { ". \($0.trimmingCharacters(in: .whitespacesAndNewlines))" } ?? ""
    }

    private func problem(_ text: String) -> KubernetesError {
        KubernetesError(.credentials, "the credential plugin '\(command)' \(text)")
    }

    private func withDeadline(_ limit: Duration, _ work: @escaping @Sendable () async throws -> String) async throws -> String {
        try await withThrowingTaskGroup(of: String?.self) { group in
            group.addTask { try await work() }
            group.addTask {
                try await Task.sleep(for: limit)
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let output = first else {
                throw problem("did not end within \(limit.components.seconds) s")
            }
            return output
        }
    }
}

/// Makes a value from a string as if it stood in the source: the path type of the subprocess package belongs to a module that
/// differs between systems.
private func literal<Value: ExpressibleByStringLiteral>(_ text: String) -> Value where Value.StringLiteralType == String {
    Value(stringLiteral: text)
}
