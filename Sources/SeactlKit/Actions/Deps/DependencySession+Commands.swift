import KubernetesModel
import SeawayAPI
import SeawayDependencies

extension DependencyOptions {
    /// Does `body` with the cluster and the chosen dependencies.
    func withSession(
        _ system: System, yes: Bool, timeout: Duration? = nil,
        _ body: @escaping @Sendable (DependencySession, [ManifestDependency]) async throws -> Void
    ) async throws {
        let project = try Project.load(manifest, in: system)
        let environment = try project.environment(named: target.environment)
        let chosen = environment.dependencies.filter { only == nil || $0.name == only }
        if let only, chosen.isEmpty {
            let names = environment.dependencies.map(\.name).joined(separator: ", ")
            throw CommandFailure(
                .badInput, "environment '\(environment.name)' has no dependency '\(only)'",
                next: [names.isEmpty ? "it has none at all" : "it has: \(names)"])
        }
        try await cluster.withEngine(system, local: local) { connection in
            // The guard is against the wrong cluster.
            if connection.cluster.engine == .kubernetes {
                try project.guardContext(connection, memory: SyncMemory(system), options: cluster, yes: yes, in: system)
            }
            let console = format == .text ? system.standardOutput : system.standardError
            let output = Output(PlainRenderer(), elapsed: system.elapsed, write: console.write)
            let session = project.dependencySession(connection, environment, namespace: namespace, output: output, system: system, yes: yes)
            let limit = timeout.map { limit in
                (
                    limit: limit,
                    failure: { @Sendable in CommandFailure(.dependencyFailed, "the dependencies are not gone after \(Format.seconds(limit))") }
                )
            }
            do {
                try await race(
                    system, timeout: limit,
                    interrupted: {
                        CommandFailure(.interrupted, "interrupted; what was applied so far stays", next: ["run the command again to go on"])
                    }, work: { try await body(session, chosen) })
            } catch {
                // What was done before it failed is done, and a script wants to know it.
                try write(session.report, to: system)
                throw error
            }
            try write(session.report, to: system)
        }
    }

    private func write(_ report: DependencyReport, to system: System) throws {
        if format != .text { system.standardOutput.write(try ObjectText.render(report.value, as: format)) }
    }
}

extension Project {
    func dependencySession(
        _ connection: Connection, _ environment: ManifestEnvironment, namespace: String?, output: Output, system: System, yes: Bool
    ) -> DependencySession {
        let place = namespace ?? environment.namespace
        let access = connection.dependencies
        let renderer = DependencyRenderer(
            system: system, root: root, namespace: place,
            ownVariables: ["NAME": manifest.name, "ENVIRONMENT": environment.name, "NAMESPACE": place, "USER": system.user],
            serverVersion: access.serverVersion)
        return DependencySession(
            access: access, namespaces: connection.cluster.namespaces, output: output, system: system, application: manifest.name,
            environment: environment.name, namespace: place, renderer: renderer, manifestDependencies: environment.dependencies, yes: yes)
    }
}

extension DependencySession {
    /// Applies dependencies in their order.
    /// - Parameter isWhole: whether they are all that the environment has; then sets that the manifest no longer names go first.
    func applyAll(_ dependencies: [ManifestDependency], isWhole: Bool) async throws {
        if isWhole {
            let orphans = try await orphans(manifestDependencies)
            if !orphans.isEmpty {
                let names = orphans.map(\.dependency).sorted().joined(separator: ", ")
                output.emit(.dependency("to be removed, as the manifest no longer names them: \(names)"))
                try agree(to: "Remove all objects of \(names)?", refusal: "nothing was applied: it would remove all objects of \(names)")
                _ = try await DeleteDependencies(session: self).run(orphans, isAsked: true)
            }
        }
        for dependency in dependencies { try await ApplyDependency(session: self, dependency: dependency).run() }
    }
}
