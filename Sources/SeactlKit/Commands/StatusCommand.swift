import ArgumentParser
import KubernetesModel
import SeawayAPI

struct StatusCommand: SeactlCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Shows how an environment is.",
        discussion: "Exits with 0 when it could tell the status, also of an environment that failed; `-o json` has the conditions for scripts.")

    @OptionGroup var target: EnvironmentArgument
    @OptionGroup(title: "Global options") var options: GlobalOptions

    func run(in system: System) async throws {
        let key = try Project.load(options.manifest, in: system).key(of: target.environment, options)
        try await options.withEngine(system) { connection in
            let object = try await race(system) { try await connection.cluster.environments.object(key) }
            guard let object else { throw CommandFailure.noEnvironment(key, connection) }
            guard options.format == .text else {
                return system.standardOutput.write(try ObjectText.render(object, as: options.format))
            }
            let environment: Environment = try object.decode()
            let cluster = connection.cluster
            let text = try await race(system) {
                async let trouble = cluster.sources.trouble(key.namespace ?? "default")
                // Events explain; without the right to see them, the conditions have to do.
                let events = (try? await cluster.environments.events(key.namespace ?? "default")) ?? []
                return StatusText.status(environment, trouble: await trouble, events: events, now: system.now())
            }
            system.standardOutput.write(text)
        }
    }
}

extension CommandFailure {
    static func noEnvironment(_ key: ObjectKey, _ connection: Connection) -> CommandFailure {
        CommandFailure(
            .badInput, "there is no environment \(key.name) in namespace \(key.namespace ?? "default") (context \(connection.context))",
            next: ["`seactl env sync` makes it; `seactl env list` shows those that are there"])
    }
}
