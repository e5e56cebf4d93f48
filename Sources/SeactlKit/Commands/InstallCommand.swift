import ArgumentParser
import InstallManifests
import KubernetesModel

struct InstallCommand: SeactlCommand {
    static let configuration = CommandConfiguration(
        commandName: "install",
        abstract: "Installs Seaway into the cluster, or brings it up to date.",
        discussion: """
            Without options it brings a registry and keeps sources and images on volumes. For an S3 store, which both then use, the \
            credentials are read from the environment variables SEAWAY_S3_ACCESS_KEY and SEAWAY_S3_SECRET_KEY, where needed \
            SEAWAY_S3_SESSION_TOKEN and SEAWAY_S3_CA (certificates as PEM), and from nowhere else.

            The cluster remembers the options: to change one or to bring Seaway up to date, the others need not be given again.
            """)

    @OptionGroup(title: "Installation") var installation: InstallationOptions
    @Flag(help: "Forget the options of earlier installations: only those that are given count.")
    var reset = false
    @Flag(help: "Print the objects that these options alone make, as YAML, and change nothing; S3 credentials are left out.")
    var dryRun = false
    @Option(help: "How long to wait until the operator runs: 90s, 5m.")
    var timeout = TimeLimit(minutes: 5)
    @OptionGroup(title: "Global options") var options: ClusterOptions

    func run(in system: System) async throws {
        let authority = try installation.registryAuthority()
        let given = installation.merged(into: InstallOptions(), authority: authority)
        if dryRun {
            return system.standardOutput.write(try ObjectText.yaml(try InstallationOptions.objects(given, credentials: nil)))
        }
        let credentials = try InstallationOptions.credentials(in: system)
        try await options.withCluster(system) { connection in
            let output = Output(PlainRenderer(), elapsed: system.elapsed, write: system.standardError.write)
            let remembered = reset ? InstallOptions() : try await InstallAction.remembered(in: connection.cluster)
            let merged = installation.merged(into: remembered, authority: authority)
            let (before, now) = (try remembered.commandLine, try given.commandLine)
            let kept = try merged.commandLine.filter { before.contains($0) && !now.contains($0) }
            if !kept.isEmpty {
                output.emit(.note("keeping of the earlier installation, until --reset: \(kept.joined(separator: " "))"))
            }
            let objects = try InstallationOptions.objects(merged, credentials: credentials)
            let action = InstallAction(cluster: connection.cluster, output: output, system: system, objects: objects)
            try await race(
                system, timeout: (timeout.duration, { InstallAction.timeOut(after: timeout.duration) }),
                interrupted: { CommandFailure(.interrupted, "interrupted; what was applied stays, run `seactl install` again to go on") },
                work: { try await action.run() })
            system.standardOutput.write("Seaway runs in context \(connection.context)\n")
        }
    }
}
