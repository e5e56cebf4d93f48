import ArgumentParser
import InstallManifests

struct UninstallCommand: SeactlCommand {
    static let configuration = CommandConfiguration(
        commandName: "uninstall",
        abstract: "Removes Seaway from the cluster, with its registry and its stored sources.",
        discussion: """
            A cluster that still has environments is left alone unless --with-environments is given: they need the \
            operator, which cleans up after them.
            """)

    @Flag(help: "Delete all environments of all namespaces first.")
    var withEnvironments = false
    @Flag(help: "Delete them without asking.")
    var yes = false
    @Option(help: "How long to wait until everything is removed: 90s, 5m.")
    var timeout = TimeLimit(minutes: 5)
    @OptionGroup(title: "Global options") var options: ClusterOptions

    func run(in system: System) async throws {
        let objects = try InstallManifests.objects()
        try await options.withCluster(system) { connection in
            let output = Output(PlainRenderer(), elapsed: system.elapsed, write: system.standardError.write)
            let action = UninstallAction(
                cluster: connection.cluster, output: output, system: system, objects: objects, withEnvironments: withEnvironments,
                isAgreed: yes)
            let environments = try await race(system) { try await action.choose() }
            try await race(
                system, timeout: (timeout.duration, { UninstallAction.timeOut(after: timeout.duration) }),
                interrupted: { CommandFailure(.interrupted, "interrupted; what was deleted is gone, run `seactl uninstall` again to go on") },
                work: { try await action.run(environments) })
            system.standardOutput.write("Seaway is removed from context \(connection.context)\n")
        }
    }
}
