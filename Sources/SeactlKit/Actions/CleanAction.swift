import KubernetesClient
import KubernetesModel
import SeawayAPI

/// `seactl env clean`: deletes the Environment and waits until the operator has removed everything of it.
struct CleanAction: Sendable {
    var cluster: Cluster
    var output: Output
    var system: System
    var key: ObjectKey
    var owner: String
    var takeOver: Bool

    /// - Returns: whether there was anything to delete.
    func run() async throws -> Bool {
        guard let environment = try await cluster.environments.get(key) else { return false }
        if let refusal = SyncDecision.ownerRefusal(existing: environment, owner: owner, takeOver: takeOver, verb: "delete") { throw refusal }
        try await cluster.environments.delete(key, environment.metadata.uid)
        output.emit(.note("deleting \(environment.displayName)"))
        try await untilGone(environment)
        return true
    }

    func untilGone(_ environment: Environment) async throws {
        let uid = environment.metadata.uid
        while let present = try await cluster.environments.get(key), present.metadata.uid == uid {
            try await cluster.environments.watch(key, present.metadata.resourceVersion) { event in
                switch event {
                case .deleted, .error, .undecodable: false
                case .added, .modified, .bookmark: true
                }
            }
            try await system.sleep(.milliseconds(100))
        }
    }

    static func timeOut(after limit: Duration, _ key: ObjectKey) -> CommandFailure {
        CommandFailure(
            .timedOut, "environment \(key) is still being deleted after \(Format.seconds(limit))",
            next: [
                "`seactl env status` tells what it waits for",
                "check that the operator runs: `kubectl -n \(Names.systemNamespace) get pods`; it removes sources and images",
            ])
    }
}
