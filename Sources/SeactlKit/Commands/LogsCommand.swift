import ArgumentParser
import KubernetesModel

struct LogsCommand: SeactlCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs",
        abstract: "Shows the log of the application, or of the build.")

    @OptionGroup var target: EnvironmentArgument
    @Flag(help: "Show the log of the last build.")
    var build = false
    @Flag(name: .shortAndLong, help: "Go on as lines are written, also in the pods of the next rollout.")
    var follow = false
    @Flag(help: "Show the run before the last restart.")
    var previous = false
    @Option(help: "Show only that many of the last lines.")
    var tail: Int?
    @OptionGroup(title: "Global options") var options: GlobalOptions

    func validate() throws {
        if build, previous { throw ValidationError("--previous is about the application: a build's container does not restart. Use one of both.") }
        if follow, previous { throw ValidationError("A previous run is over and cannot be followed: leave out -f or --previous.") }
        if let tail, tail < 0 { throw ValidationError("--tail takes a number of lines, not \(tail).") }
    }

    func run(in system: System) async throws {
        let key = try Project.load(options.manifest, in: system).key(of: target.environment, options)
        try await options.withEngine(system) { connection in
            let write = system.standardOutput.write
            let action = LogsAction(
                cluster: connection.cluster, system: system, key: key, follow: follow, previous: previous, tailLines: tail,
                write: { write($0 + "\n") })
            let build = build
            try await race(system) {
                guard try await connection.cluster.environments.get(key) != nil else { throw CommandFailure.noEnvironment(key, connection) }
                try await build ? action.build() : action.application()
            }
        }
    }
}
