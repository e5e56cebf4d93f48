import ArgumentParser
import Foundation
import KubernetesModel
import SeawayAPI
import Source

struct SyncCommand: SeactlCommand {
    static let configuration = CommandConfiguration(
        commandName: "sync",
        abstract: "Sends the sources, builds the image, deploys it and waits until it answers.",
        discussion: """
            Only files that the cluster does not have yet are sent. When the same sources already run with the same \
            settings, nothing is sent or built. A build or deployment that failed is tried again. Ctrl-C ends the \
            waiting; the build goes on in the cluster.
            """)

    @OptionGroup var target: EnvironmentArgument
    @Option(help: "How long to wait until the environment is ready: 90s, 15m, 1h.")
    var timeout = TimeLimit(minutes: 15)
    @Option(help: "How long the API server, the operator or its object store may be away meanwhile before the sync gives up.")
    var patience = TimeLimit(minutes: 2)
    @Flag(help: "Overwrite the environment though it belongs to somebody else.")
    var takeOver = false
    @Flag(name: .shortAndLong, help: "Go on though the last sync of this manifest went to another context.")
    var yes = false
    @Flag(help: "Apply the dependencies first, as `seactl deps apply` does.")
    var withDeps = false
    @OptionGroup(title: "Global options") var options: GlobalOptions

    func run(in system: System) async throws {
        let project = try Project.load(options.manifest, in: system)
        let environment = try project.environment(named: target.environment)
        let wanted = project.wanted(environment, namespace: options.namespace, owner: system.user)
        let selection = try project.selection(environment)
        let secrets = try project.secrets(environment)
        try await options.withEngine(system) { connection in
            let memory = SyncMemory(system)
            // The guard is against the wrong cluster.
            if connection.cluster.engine == .kubernetes {
                try project.guardContext(connection, memory: memory, options: options, yes: yes, in: system)
            }
            let output = options.output(system)
            let isLocal = connection.cluster.engine == .local
            let place = "namespace \(wanted.key.namespace ?? "default"), \(isLocal ? "Podman on this machine" : "context \(connection.context)")"
            output.emit(.heading("\(wanted.key.name)/\(wanted.environmentName) → \(place)"))
            for warning in project.warnings(environment, withDeps: withDeps) { output.emit(.warning(warning)) }

            let session = project.dependencySession(
                connection, environment, namespace: options.namespace, output: output, system: system, yes: yes)
            let applyDependencies: @Sendable () async throws -> Void = { try await session.applyAll(environment.dependencies, isWhole: true) }
            let action = SyncAction(
                cluster: connection.cluster, output: output, system: system, wanted: wanted, takeOver: takeOver,
                patience: patience.duration, secrets: secrets,
                dependencies: withDeps ? applyDependencies : nil,
                scan: { try await project.scan(selection, cacheFile: project.scanCache(in: system)) })
            defer {
                output.finish()
                if action.progress.isSynced, connection.cluster.engine == .kubernetes { remember(connection, project, memory, output) }
            }
            do {
                _ = try await race(
                    system, output: output, timeout: (timeout.duration, { action.progress.timeOut(after: timeout.duration, wanted.displayName) }),
                    interrupted: { action.progress.interruption }, work: { try await action.run() })
            } catch let failure as CommandFailure where failure.needsExplanation {
                throw await failure.explained(by: connection.cluster, wanted.key, now: system.now())
            }
            if options.format != .text, let object = try await connection.cluster.environments.object(wanted.key) {
                system.standardOutput.write(try ObjectText.render(object, as: options.format))
            }
        }
    }

    private func remember(_ connection: Connection, _ project: Project, _ memory: SyncMemory, _ output: Output) {
        do {
            try memory.remember(context: connection.context, manifest: project.manifestPath)
        } catch {
            // The sync itself is done; only the next one's question about the context is lost.
            output.emit(.warning(CommandFailure(describing: error).headline))
        }
    }
}
