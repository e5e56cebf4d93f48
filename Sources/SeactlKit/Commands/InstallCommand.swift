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
            """)

    @OptionGroup(title: "Installation") var installation: InstallationOptions
    @Flag(help: "Print the objects as YAML and change nothing; S3 credentials are left out.")
    var dryRun = false
    @Option(help: "How long to wait until the operator runs: 90s, 5m.")
    var timeout = TimeLimit(minutes: 5)
    @OptionGroup(title: "Global options") var options: ClusterOptions

    func run(in system: System) async throws {
        if dryRun {
            let objects = try installation.objects(credentials: nil)
            return system.standardOutput.write(try ObjectText.yaml(objects))
        }
        let objects = try installation.objects(credentials: InstallationOptions.credentials(in: system))
        try await options.withCluster(system) { connection in
            let output = Output(PlainRenderer(), elapsed: system.elapsed, write: system.standardError.write)
            let action = InstallAction(cluster: connection.cluster, output: output, system: system, objects: objects)
            try await race(
                system, timeout: (timeout.duration, { InstallAction.timeOut(after: timeout.duration) }),
                interrupted: { CommandFailure(.interrupted, "interrupted; what was applied stays, run `seactl install` again to go on") },
                work: { try await action.run() })
            system.standardOutput.write("Seaway runs in context \(connection.context)\n")
        }
    }
}
