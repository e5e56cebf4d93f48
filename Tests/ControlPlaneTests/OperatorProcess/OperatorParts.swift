import AsyncHTTPClient
import Foundation
import KubernetesModel
import Logging
import NIOCore
import ObjectStore
import Source
import Testing

@testable import ContainerRegistry
@testable import KubernetesClient
@testable import SourceService

/// The servers beside the API server that an operator works with, each with a proxy before it.
struct OperatorParts: Sendable {
    enum Server: Sendable { case apiServer, store, registry }
    typealias Observer = @Sendable (Exchange, Server) async throws -> Void

    /// The proxies, as `127.0.0.1:4711`.
    struct Addresses: Sendable {
        var apiServer = ""
        var store = ""
        var registry = ""
    }

    /// `host:port` of the development cluster's registry.
    let registry: String
    private let storeEndpoint: String
    private let bucket: String

    /// - Parameter bucket: is made when something is stored in it.
    static func fromEnvironment(bucket: String) throws -> OperatorParts {
        func value(_ name: String) throws -> String {
            try #require(
                ProcessInfo.processInfo.environment[name], "\(name) is not set: run 'eval $(scripts/cluster env)', or set SEAWAY_SKIP_CLUSTER_TESTS=1"
            )
        }
        return OperatorParts(
            registry: try value("SEAWAY_REGISTRY_PULL"), storeEndpoint: try value("SEAWAY_TEST_S3_ENDPOINT"), bucket: bucket)
    }

    func arguments(kubeconfig: String, _ addresses: Addresses) -> [String] {
        [
            "--kubeconfig=\(kubeconfig)", "--store=s3://\(bucket)?endpoint=http://\(addresses.store)&region=us-east-1",
            "--registry=\(addresses.registry)", "--registry-pull=\(registry)", "--registry-insecure", "--builder-image=builder",
            "--seaway-image=seaway", "--port=0", "--http-port=0",
            // Pods would ask the port that is not known here.
            "--drain-seconds=0",
        ]
    }

    func withProxies(
        _ configuration: ClusterConfiguration, onAnswer: @escaping Observer,
        _ body: @escaping @Sendable (Addresses) async throws -> Void
    ) async throws {
        var anonymous = configuration
        anonymous.credentials = Credentials()
        var settings = try TransportSettings.httpClientConfiguration(anonymous)
        // A watch is silent for as long as nothing happens.
        settings.timeout = .init(connect: .seconds(10))
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
        let (registry, storeEndpoint) = (registry, storeEndpoint)
        @Sendable func observer(_ server: Server) -> @Sendable (Exchange) async throws -> Void { { try await onAnswer($0, server) } }
        let result: Result<Void, any Error>
        do {
            try await ObservingProxy.with(configuration.server, by: client, onAnswer: observer(.apiServer)) { apiServer in
                try await ObservingProxy.with(storeEndpoint, by: client, onAnswer: observer(.store)) { store in
                    try await ObservingProxy.with("http://\(registry)", by: client, onAnswer: observer(.registry)) { registry in
                        try await body(Addresses(apiServer: apiServer, store: store, registry: registry))
                    }
                }
            }
            result = .success(())
        } catch {
            result = .failure(error)
        }
        try await client.shutdown()
        try result.get()
    }

    /// The object store, without a proxy.
    func withStore(_ body: (any ObjectStore) async throws -> Void) async throws {
        let variables = ProcessInfo.processInfo.environment
        let store = try ObjectStoreURL("s3://\(bucket)?endpoint=\(storeEndpoint)&region=us-east-1").open(
            accessKey: variables["SEAWAY_S3_ACCESS_KEY"], secretKey: variables["SEAWAY_S3_SECRET_KEY"], sessionToken: nil,
            certificateAuthority: nil, logger: Logger(label: "test"))
        do {
            try await body(store)
        } catch {
            try await store.shutdown()
            throw error
        }
        try await store.shutdown()
    }

    /// Stores what counts as the sources of a revision.
    func store(_ revision: String, namespace: String, environment: String) async throws {
        let layout = StorageLayout(environment: try ObjectName(namespace: namespace, name: environment))
        let digest = try #require(Digest(hex: revision))
        try await withStore { try await $0.put(layout.tree(digest), [1]) }
    }

    /// The tags of a repository.
    func images(of repository: String) async throws -> [String] {
        try await RegistryClient(address: registry, insecure: true, http: .shared).tags(repository: repository)
    }
}

extension OperatorParts {
    /// A revision that no run has had: the registry outlives a run that was killed, and what it has is not built again.
    static func newRevision() -> String { (UUID().uuidString + UUID().uuidString).lowercased().replacing("-", with: "") }
}
