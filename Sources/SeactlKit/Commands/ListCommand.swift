import ArgumentParser
import KubernetesClient
import KubernetesModel
import SeawayAPI

struct ListCommand: SeactlCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists the environments of the cluster, or of one namespace with -n.",
        discussion: "Without the right to look into all namespaces, it lists those of the context's own namespace.")

    @OptionGroup(title: "Global options") var options: GlobalOptions

    func run(in system: System) async throws {
        try await options.withEngine(system) { connection in
            let list = try await race(system) { try await find(connection, in: system) }
            guard options.format == .text else {
                return system.standardOutput.write(try ObjectText.render(list, as: options.format))
            }
            let environments = try EnvironmentList.decode(list)
            guard !environments.isEmpty else {
                let place = options.namespace.map { "namespace \($0)" } ?? "context \(connection.context)"
                return system.standardError.write("There are no environments in \(place).\n")
            }
            system.standardOutput.write(StatusText.list(environments, now: system.now()))
        }
    }

    private func find(_ connection: Connection, in system: System) async throws -> JSONValue {
        let environments = connection.cluster.environments
        if let namespace = options.namespace { return try await environments.list(namespace) }
        do {
            return try await environments.list(nil)
        } catch let error as KubernetesError where error.isForbidden {
            system.standardError.write("You may not list all namespaces; this is namespace \(connection.namespace), -n names another one.\n")
            return try await environments.list(connection.namespace)
        }
    }
}
