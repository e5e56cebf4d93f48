import ArgumentParser

/// `seactl`.
public struct Seactl: ParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "seactl",
        abstract: "Runs your application on a Kubernetes cluster from the source tree on this machine.",
        discussion: """
            seactl sends the source tree to Seaway in the cluster, which builds the image, deploys it and tells what \
            happened. It needs a kubeconfig and nothing else.

            Exit codes: 0 done; 1 `deps diff` found a difference; 2 bad input (usage, manifest, files); 3 the cluster refused or cannot be reached; \
            4 build failed; 5 deployment failed; 6 timed out; 7 a dependency failed; 130 interrupted.
            """,
        version: Version.current,
        subcommands: [
            EnvCommand.self, DepsCommand.self, ManifestCommand.self, InstallCommand.self, UninstallCommand.self, DoctorCommand.self,
            VersionCommand.self,
        ])

    public init() {}
}

/// A command that does something: what it needs of the outside is given to it.
protocol SeactlCommand: ParsableCommand {
    func run(in system: System) async throws
}

extension Seactl {
    /// Runs the command that the arguments (without the program's name) name.
    /// - Returns: the exit status of the process.
    public static func main(_ arguments: [String], in system: System) async -> CommandStatus {
        let status = await perform(arguments, in: system)
        // Whoever reads a file that is half there is to know.
        guard status == .done || status == .different, let problem = system.standardOutput.problem() else { return status }
        return report(
            CommandFailure(
                .badInput, "the command is done, but what it says cannot be written to standard output: \(problem)",
                next: ["make room where standard output goes, and run the command again"]), in: system)
    }

    private static func perform(_ arguments: [String], in system: System) async -> CommandStatus {
        let command: any SeactlCommand
        do {
            var parsed = try parseAsRoot(arguments)
            guard let known = parsed as? any SeactlCommand else {
                // A group without a subcommand throws its help.
                try parsed.run()
                return .done
            }
            command = known
        } catch {
            return answer(error, in: system)
        }
        do {
            try await command.run(in: system)
            return .done
        } catch let status as CommandStatus {
            // What there was to say has been said.
            return status
        } catch {
            return report(CommandFailure(describing: error), in: system)
        }
    }

    /// Help, versions and completions on stdout; mistakes in the arguments on stderr, with the agreed status and not the library's.
    private static func answer(_ error: any Error, in system: System) -> CommandStatus {
        let isAnswer = exitCode(for: error) == .success
        let console = isAnswer ? system.standardOutput : system.standardError
        let text = fullMessage(for: error, columns: console.size().columns)
        console.write(text.isEmpty || text.hasSuffix("\n") ? text : text + "\n")
        return isAnswer ? .done : .badInput
    }

    private static func report(_ failure: CommandFailure, in system: System) -> CommandStatus {
        let style = system.style(system.standardError)
        let lines = [style.bad("error: ") + failure.headline] + failure.lines.dropFirst()
        system.standardError.write(lines.joined(separator: "\n") + "\n")
        return failure.exit
    }
}
