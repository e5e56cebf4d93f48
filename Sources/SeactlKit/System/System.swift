import Foundation
import KubernetesModel

/// Everything around a command that is not the cluster: streams, environment, files' places, time. Tests give their own.
public struct System: Sendable {
    var variables: [String: String]
    /// Absolute.
    var workingDirectory: String
    var standardOutput: Console
    var standardError: Console
    /// One line that the user types after `prompt`; `nil` at the end of the input, and when no person is there.
    var ask: (@Sendable (_ prompt: String) -> String?)?
    /// Time since the command began.
    var elapsed: @Sendable () -> Duration
    var now: @Sendable () -> Date
    var sleep: @Sendable (Duration) async throws -> Void
    /// Returns when the user interrupts the command; ends with `CancellationError` when it is cancelled first.
    var interruption: @Sendable () async throws -> Void
    var connect: @Sendable (ConnectionRequest) throws -> Connection
    /// Whether there is a cluster to connect to at all.
    var hasCluster: @Sendable (ConnectionRequest) -> Bool = { _ in true }
    /// Podman on this machine.
    var connectLocal: @Sendable () async throws -> Connection = { throw CommandFailure.needsCluster }
}

/// One output stream.
struct Console: Sendable {
    var write: @Sendable (String) -> Void
    /// Why something that was written did not get out.
    var problem: @Sendable () -> String? = { nil }
    var isTerminal: Bool
    var size: @Sendable () -> TerminalSize
}

/// Which cluster, as the user said.
struct ConnectionRequest: Sendable, Equatable {
    var kubeconfig: String?
    var context: String?
    var verbose: Bool
}

/// A cluster that a command talks to.
struct Connection: Sendable {
    /// Name of the kubeconfig's context.
    var context: String
    /// Namespace of the context, where the user names none.
    var namespace: String
    var cluster: Cluster
    var dependencies = DependencyAccess.unavailable
    /// Runs a command in the application's container on this process's own streams; its exit code. `nil` where that is not possible.
    var exec: (@Sendable (ObjectKey, _ command: [String], _ terminal: Bool) async throws -> Int)?
    /// Ends its connections; required before the process ends.
    var close: @Sendable () async -> Void
}

extension System {
    /// Asks the person at the terminal.
    /// - Throws: `refusal` where there is none; ``CommandFailure`` (2) for any other answer than yes.
    func agree(to question: String, _ output: Output, otherwise refusal: CommandFailure) throws {
        guard let ask else { throw refusal }
        guard ["y", "yes"].contains((output.aside { ask("\(question) [y/N] ") } ?? "").trimmed.lowercased()) else {
            throw CommandFailure(.badInput, "nothing was done: it was not agreed to")
        }
    }

    /// Makes a path absolute.
    func absolute(_ path: String) -> String {
        let url = URL(fileURLWithPath: path, relativeTo: URL(fileURLWithPath: workingDirectory, isDirectory: true))
        return url.standardizedFileURL.path
    }

    /// Who works here, for the owner of an environment.
    var user: String {
        for name in ["USER", "LOGNAME"] {
            if let value = variables[name], !value.isEmpty { return value }
        }
        return NSUserName()
    }

    /// A folder of the XDG base directories: the variable when it is absolute, else the default below the home directory.
    func baseDirectory(_ variable: String, default path: String) -> String {
        if let value = variables[variable], value.hasPrefix("/") { return value + "/seaway" }
        return (variables["HOME"] ?? NSHomeDirectory()) + "/\(path)/seaway"
    }

    /// Whether the stream shows a live view.
    func isLive(_ console: Console) -> Bool {
        console.isTerminal && variables["TERM"] != "dumb"
    }

    func style(_ console: Console) -> Style {
        Style(colors: isLive(console) && (variables["NO_COLOR"] ?? "").isEmpty)
    }
}
