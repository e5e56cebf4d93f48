import Foundation
import KubernetesClient
import KubernetesModel
import ObjectStore
import SeawayAPI
import Testing

/// The full cluster that the end-to-end tests run on, with Seaway installed; `scripts/test` brings it up and names it.
struct TestCluster: Sendable {
    var kubeconfig: String
    /// The base image of the applications under test.
    var baseImage: String
    /// The registry as this machine reaches it.
    var registry: String
    var store: any ObjectStore
    var client: KubernetesClient

    /// Whether the tests were left out by name. Nothing else leaves them out: a missing cluster is a failure.
    static let isSkipped = ProcessInfo.processInfo.environment["SEAWAY_SKIP_CLUSTER_TESTS"] == "1"

    struct Missing: Error, CustomStringConvertible {
        var variable: String
        var description: String { "\(variable) is not set; run `make test`, or set SEAWAY_SKIP_CLUSTER_TESTS=1 to leave these tests out" }
    }

    /// Runs `body` with the cluster and closes all connections afterwards.
    static func with<Result: Sendable>(_ body: @Sendable (TestCluster) async throws -> Result) async throws -> Result {
        func variable(_ name: String) throws -> String {
            guard let value = ProcessInfo.processInfo.environment[name], !value.isEmpty else { throw Missing(variable: name) }
            return value
        }
        let kubeconfig = try variable("SEAWAY_E2E_KUBECONFIG")
        let store = try S3ObjectStore(
            configuration: .init(
                endpoint: variable("SEAWAY_TEST_S3_ENDPOINT"), bucket: "seaway", accessKey: variable("SEAWAY_S3_ACCESS_KEY"),
                secretKey: variable("SEAWAY_S3_SECRET_KEY")))
        let client = try KubernetesClient(configuration: .load(kubeconfig: kubeconfig))
        let cluster = TestCluster(
            kubeconfig: kubeconfig, baseImage: try variable("SEAWAY_BASE_IMAGE"), registry: try variable("SEAWAY_REGISTRY_PULL"), store: store,
            client: client)
        do {
            let result = try await body(cluster)
            try await client.shutdown()
            try await store.shutdown()
            return result
        } catch {
            try? await client.shutdown()
            try? await store.shutdown()
            throw error
        }
    }

    /// The ids of the packs that the object store holds for an Environment.
    func packs(_ application: Application) async throws -> Set<String> {
        Set(try await store.list("\(prefix(application))packs/").filter { !$0.hasSuffix(".index") })
    }

    func prefix(_ application: Application) -> String { "sources/\(application.namespace)/\(application.name)/" }

    func environment(_ application: Application) async throws -> Environment {
        try await client.get(Environment.self, application.name, namespace: application.namespace)
    }

    /// The pods of Seaway's operator.
    func operatorPods() async throws -> [Pod] {
        try await client.list(Pod.self, namespace: Names.systemNamespace, labelSelector: "app.kubernetes.io/name=seaway").items
    }

    /// The uid of the build Job; another uid is another build.
    func buildJob(_ application: Application) async throws -> String? {
        try await client.getIfPresent(Job.self, Names.buildJob(of: application.name), namespace: application.namespace)?.metadata.uid
    }

    /// Long beside what anything takes here: a kubelet of 1.20 removes the pods that have ended once a minute only
    /// (kubernetes#97288), and a busy machine adds to that. Speed is measured in `Benchmarks`.
    private static let patience = Duration.seconds(240)

    /// Waits until `condition` gives a value.
    /// - Throws: `TimedOut` when it gives none for four minutes.
    func eventually<Value>(_ what: String, _ condition: () async throws -> Value?) async throws -> Value {
        let deadline = ContinuousClock.now + Self.patience
        while ContinuousClock.now < deadline {
            if let value = try await condition() { return value }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw TimedOut(what: what)
    }

    struct TimedOut: Error, CustomStringConvertible {
        var what: String
        var description: String { "\(what): not within \(patience)" }
    }
}
