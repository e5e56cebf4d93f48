import ContainerRegistry
import Foundation
import KubernetesClient
import KubernetesModel
import Logging
import SeawayAPI

/// Lets nodes pull from a registry that wants a login: a copy of that login in each namespace with Environments, which own it
/// together, so that it goes with the last of them.
struct PullSecret: Sendable {
    private let file: String
    private let cluster: KubernetesClient
    private let environments: @Sendable () -> [String: [Environment]]

    enum Result: Sendable, Equatable {
        case done
        /// There is another Secret of that name.
        case isForeign
    }

    /// - Parameters:
    ///   - file: path of a `config.json`; read anew each time.
    ///   - environments: those of each namespace.
    init(file: String, cluster: KubernetesClient, environments: @escaping @Sendable () -> [String: [Environment]]) {
        self.file = file
        self.cluster = cluster
        self.environments = environments
    }

    /// Writes the Secret of a namespace.
    /// - Throws: `RegistryError` when the file is no login; `KubernetesError`.
    func copy(into namespace: String, of environment: Environment? = nil) async throws -> Result {
        let configuration = try content()
        var owners = environments()[namespace] ?? []
        // The watch may not have shown it yet.
        if let environment, !owners.contains(where: { $0.metadata.uid == environment.metadata.uid }) { owners.append(environment) }
        owners.removeAll { $0.metadata.deletionTimestamp != nil }
        // It goes with the last of them; without an owner it would stay for ever.
        guard !owners.isEmpty else { return .done }
        let wanted = Self.secret(namespace, configuration, owners)
        do {
            let present = try await cluster.send(.get(.secrets, name: Names.pullSecret, namespace: namespace), as: JSONValue.self)
            guard present["metadata"]?["labels"]?[Names.managedByLabel]?.stringValue == Names.managedByValue else { return .isForeign }
            if present["data"] == wanted["data"], present["metadata"]?["ownerReferences"] == wanted["metadata"]?["ownerReferences"] { return .done }
        } catch let error as KubernetesError where error.isNotFound {
        }
        _ = try await cluster.apply(wanted, fieldManager: Names.fieldManager, force: true)
        return .done
    }

    /// Follows changes of the file until it is cancelled: a login that was renewed is the namespaces' as well.
    func run(logger: Logger) async {
        // An operator that ended before this one may not have passed on the latest.
        var known: Data?
        // Kubelets look at mounted Secrets about once a minute.
        repeat {
            guard let now = try? content(), now != known else { continue }
            var isWhole = true
            for namespace in environments().keys.sorted() {
                do {
                    _ = try await copy(into: namespace)
                } catch {
                    isWhole = false
                    logger.warning("the login for pulls cannot be renewed", metadata: ["namespace": "\(namespace)", "error": "\(error)"])
                }
            }
            if isWhole { known = now }
        } while (try? await Task.sleep(for: .seconds(30))) != nil
    }

    private func content() throws -> Data {
        _ = try RegistryCredentials(file: file)
        return FileManager.default.contents(atPath: file) ?? Data()
    }

    private static func secret(_ namespace: String, _ configuration: Data, _ owners: [Environment]) -> JSONValue {
        [
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": [
                "name": .string(Names.pullSecret),
                "namespace": .string(namespace),
                "labels": [Names.managedByLabel: .string(Names.managedByValue)],
                "ownerReferences": .array(
                    owners.sorted { $0.name < $1.name }.map { owner in
                        [
                            "apiVersion": .string(Environment.resource.apiVersion), "kind": .string(Environment.resource.kind),
                            "name": .string(owner.name), "uid": .string(owner.metadata.uid ?? ""),
                        ]
                    }),
            ],
            "type": "kubernetes.io/dockerconfigjson",
            "data": [".dockerconfigjson": .string(configuration.base64EncodedString())],
        ]
    }
}
