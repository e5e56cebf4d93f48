import KubernetesClient
import KubernetesModel
import SeawayAPI

/// Removes the namespace of a temporary Environment, when `seactl` made it and nothing else is in it.
///
/// Secrets and ConfigMaps do not keep it: the operator has no right to read either anywhere, and it gets none for this.
struct EmptyNamespace: Sendable {
    let cluster: KubernetesClient

    /// What keeps a namespace when there is one of it that is not the Environment's own.
    static let keepers: [ResourceType] = [
        Environment.resource, .pods, .deployments, .statefulSets, .daemonSets, .jobs, .services, .persistentVolumeClaims, .ingresses,
    ]

    /// - Throws: `KubernetesError` when the API server cannot be asked; then nothing is removed.
    func remove(_ name: String, leftBy environment: Environment) async throws {
        guard let namespace = try await cluster.getIfPresent(Namespace.self, name), namespace.metadata.deletionTimestamp == nil,
            namespace.metadata.labels?[Names.createdNamespaceLabel] == "true"
        else { return }
        for type in Self.keepers where try await hasForeign(type, in: name, environment) { return }
        try await cluster.delete(.namespaces, name: name, namespace: nil, uid: namespace.metadata.uid)
    }

    private func hasForeign(_ type: ResourceType, in namespace: String, _ environment: Environment) async throws -> Bool {
        let list = try await cluster.send(.list(type, namespace: namespace), as: JSONValue.self)
        return (list["items"]?.arrayValue ?? []).contains { item in
            let uid = environment.metadata.uid ?? ""
            if item["metadata"]?["uid"]?.stringValue == uid { return false }
            return !(item["metadata"]?["ownerReferences"]?.arrayValue ?? []).contains { $0["uid"]?.stringValue == uid }
        }
    }
}
