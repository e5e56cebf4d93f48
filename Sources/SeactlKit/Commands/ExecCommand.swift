import ArgumentParser
import KubernetesModel

struct ExecCommand: SeactlCommand {
    static let configuration = CommandConfiguration(
        commandName: "exec",
        abstract: "Runs a command in the application's container.",
        discussion: "For environments on this machine (--local). Ends with 0 when the command does.")

    @Option(name: .shortAndLong, help: "The environment's name in the manifest; default the manifest's defaultEnvironment, or its only one.")
    var environment: String?
    @OptionGroup(title: "Global options") var options: GlobalOptions
    @Argument(parsing: .postTerminator, help: "The command, after `--`.")
    var command: [String] = []

    func validate() throws {
        if command.isEmpty { throw ValidationError("Say which command to run: seactl env exec -- ls") }
    }

    func run(in system: System) async throws {
        let key = try Project.load(options.manifest, in: system).key(of: environment, options)
        try await options.withEngine(system) { connection in
            guard let exec = connection.exec else {
                let words = "kubectl exec -n \(key.namespace ?? "default") -it deploy/\(key.name) -c app -- \(command.joined(separator: " "))"
                throw CommandFailure(.badInput, "seactl cannot run commands in a cluster's containers yet", next: ["`\(words)` does"])
            }
            guard try await connection.cluster.environments.get(key) != nil else { throw CommandFailure.noEnvironment(key, connection) }
            let code = try await exec(key, command, system.ask != nil && system.standardOutput.isTerminal)
            guard code == 0 else { throw CommandFailure(.badInput, "the command ended with exit code \(code)") }
        }
    }
}
