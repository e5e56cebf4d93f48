import KubernetesClient
import KubernetesModel
import SeawayAPI

/// Removes the namespace of a temporary Environment, when `seactl` made it and nothing else is in it.
///
/// It asks for metadata alone: what Secrets and ConfigMaps hold never reaches the operator.
struct EmptyNamespace: Sendable {
    let cluster: KubernetesClient

    /// What keeps a namespace when there is one of it that is neither the Environment's own nor Kubernetes'.
    static let keepers: [ResourceType] = [
        Environment.resource, .pods, .deployments, .statefulSets, .daemonSets, .jobs, .services, .persistentVolumeClaims, .ingresses,
        .secrets, .configMaps,
    ]

    /// - Throws: `KubernetesError` when the API server cannot be asked; then nothing is removed.
    func remove(_ name: String, leftBy environment: Environment) async throws {
        guard let namespace = try await cluster.getIfPresent(Namespace.self, name), namespace.metadata.deletionTimestamp == nil,
            namespace.metadata.labels?[Names.createdNamespaceLabel] == "true"
        else { return }
        for type in Self.keepers {
            var request = APIRequest.list(type, namespace: name)
            request.headers.append(QueryItem("Accept", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"))
            let items = try await cluster.send(request, as: JSONValue.self)["items"]?.arrayValue ?? []
            if items.contains(where: { Self.keeps(type, $0["metadata"] ?? [:], after: environment) }) { return }
        }
        try await cluster.delete(.namespaces, name: name, namespace: nil, uid: namespace.metadata.uid)
    }

    /// Whether an object is somebody's who would miss it.
    static func keeps(_ type: ResourceType, _ metadata: JSONValue, after environment: Environment) -> Bool {
        let uid = environment.metadata.uid ?? ""
        if metadata["uid"]?.stringValue == uid { return false }
        if (metadata["ownerReferences"]?.arrayValue ?? []).contains(where: { $0["uid"]?.stringValue == uid }) { return false }
        // What Kubernetes puts into every namespace: the cluster's CA, and before 1.24 a token for each ServiceAccount.
        if type == .configMaps { return metadata["name"]?.stringValue != "kube-root-ca.crt" }
        if type == .secrets { return metadata["annotations"]?["kubernetes.io/service-account.name"] == nil }
        return true
    }
}
