import ArgumentParser
import KubernetesModel

struct CleanCommand: SeactlCommand {
    static let configuration = CommandConfiguration(
        commandName: "clean",
        abstract: "Deletes an environment: its pods, services, volumes, stored sources and images.",
        discussion: "The namespace stays. An environment that is not there is fine.")

    @OptionGroup var target: EnvironmentArgument
    @Option(help: "How long to wait until everything is removed: 90s, 5m.")
    var timeout = TimeLimit(minutes: 5)
    @Flag(help: "Delete the environment though it belongs to somebody else.")
    var takeOver = false
    @Flag(name: .shortAndLong, help: "Go on though the last sync of this manifest went to another context.")
    var yes = false
    @OptionGroup(title: "Global options") var options: GlobalOptions

    func run(in system: System) async throws {
        let project = try Project.load(options.manifest, in: system)
        let key = try project.key(of: target.environment, options)
        try await options.withEngine(system) { connection in
            if connection.cluster.engine == .kubernetes {
                try project.guardContext(connection, memory: SyncMemory(system), options: options, yes: yes, in: system)
            }
            let output = Output(PlainRenderer(), elapsed: system.elapsed, write: system.standardError.write)
            let action = CleanAction(
                cluster: connection.cluster, output: output, system: system, key: key, owner: system.user, takeOver: takeOver)
            let removed = try await race(
                system, timeout: (timeout.duration, { CleanAction.timeOut(after: timeout.duration, key) }),
                interrupted: {
                    CommandFailure(
                        .interrupted,
                        connection.cluster.engine == .local
                            ? "interrupted; `seactl env clean` goes on with it"
                            : "interrupted; an environment that is being deleted goes away in the cluster all the same")
                }, work: { try await action.run() })
            guard options.format == .text else { return }
            let name = "\(key.name) in namespace \(key.namespace ?? "default")"
            system.standardOutput.write(removed ? "removed \(name)\n" : "there is no environment \(name): nothing to remove\n")
        }
    }
}
