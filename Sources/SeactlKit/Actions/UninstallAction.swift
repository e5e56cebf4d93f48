import KubernetesModel
import SeawayAPI

/// `seactl uninstall`: removes the Environments while the operator still runs to clean up after them, then the operator.
struct UninstallAction: Sendable {
    var cluster: Cluster
    var output: Output
    var system: System
    var objects: [JSONValue]
    var withEnvironments: Bool
    /// Whether their owners need not be thought of any more.
    var isAgreed = false

    /// The Environments that are to go, which was agreed to.
    /// - Throws: ``CommandFailure`` (2) when nobody agreed.
    func choose() async throws -> [Environment] {
        let environments = try await environments()
        guard environments.isEmpty || withEnvironments else {
            throw CommandFailure(
                .badInput, "the cluster still has \(Format.count(environments.count, "environment"))",
                detail: environments.map { "\($0.displayName)" }.joined(separator: "\n"),
                next: ["remove each with `seactl env clean`, or all of them with `seactl uninstall --with-environments`"])
        }
        if !environments.isEmpty, !isAgreed {
            let all = "\(Format.count(environments.count, "environment")) of all namespaces"
            output.emit(.note(environments.map(\.displayName).joined(separator: ", ")))
            try system.agree(
                to: "Delete \(all)?", output,
                otherwise: CommandFailure(.badInput, "\(all) would be deleted", next: ["run the command again with --yes"]))
        }
        return environments
    }

    /// - Parameter environments: those of ``choose()``.
    func run(_ environments: [Environment]) async throws {
        // Somebody may have taken long to agree.
        let chosen = Set(environments.map(\.metadata.uid))
        if let newer = try await self.environments().first(where: { !chosen.contains($0.metadata.uid) }) {
            throw CommandFailure(
                .badInput, "\(newer.displayName) was made meanwhile; nothing was deleted", next: ["run `seactl uninstall` again"])
        }
        for environment in environments {
            output.emit(.note("deleting \(environment.displayName)"))
            try await cluster.environments.delete(environment.key, environment.metadata.uid)
        }
        for environment in environments {
            try await CleanAction(cluster: cluster, output: output, system: system, key: environment.key, owner: "", takeOver: true)
                .untilGone(environment)
        }
        for object in InstallAction.ordered(objects).reversed() {
            try await cluster.objects.delete(object)
            output.emit(.note("\(InstallAction.describe(object)) deleted"))
        }
        for object in objects {
            while try await cluster.objects.exists(object) { try await system.sleep(.milliseconds(500)) }
        }
    }

    private func environments() async throws -> [Environment] {
        do {
            let list = try await cluster.environments.list(nil)
            let environments = try EnvironmentList.decode(list)
            // Without the operator nobody would clean up after one that this seactl cannot read.
            let unread = (list["items"]?.arrayValue?.count ?? 0) - environments.count
            guard unread == 0 else {
                throw CommandFailure(
                    .badInput, "the cluster has \(Format.count(unread, "environment")) that this seactl cannot read",
                    next: ["delete them with `kubectl get environments -A` and `kubectl delete environment`, then run `seactl uninstall` again"])
            }
            return environments
        } catch let failure as CommandFailure where failure == .notInstalled {
            // Not even the kind is there.
            return []
        }
    }

    static func timeOut(after limit: Duration) -> CommandFailure {
        CommandFailure(
            .timedOut, "Seaway is still being removed after \(Format.seconds(limit))",
            next: ["run `seactl uninstall` again; `kubectl -n \(Names.systemNamespace) get all` shows what is left"])
    }
}

/// Environments out of a list object.
enum EnvironmentList {
    /// One that cannot be read is left out, so that it does not hide the others.
    static func decode(_ list: JSONValue) throws -> [Environment] {
        try list.decode(List<Environment>.self).items
    }
}
