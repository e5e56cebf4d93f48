/// A kind of object and where the API server serves it.
public struct ResourceType: Hashable, Sendable {
    /// Empty for the core group.
    public var group: String
    public var version: String
    /// The plural, lower-case name in URLs: `deployments`.
    public var plural: String
    public var kind: String
    public var namespaced: Bool

    public init(group: String, version: String, plural: String, kind: String, namespaced: Bool = true) {
        self.group = group
        self.version = version
        self.plural = plural
        self.kind = kind
        self.namespaced = namespaced
    }

    /// `v1` or `apps/v1`.
    public var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }
}

/// An object that Seaway reads: the few fields it needs, decoded from what the API server sends.
public protocol KubernetesObject: Codable, Sendable {
    static var resource: ResourceType { get }
    var metadata: ObjectMeta { get set }
}

extension KubernetesObject {
    public var name: String { metadata.name ?? "" }
    public var namespace: String? { metadata.namespace }
    public var key: ObjectKey { ObjectKey(namespace: metadata.namespace, name: name) }
}

extension ResourceType {
    public static let namespaces = ResourceType(group: "", version: "v1", plural: "namespaces", kind: "Namespace", namespaced: false)
    public static let nodes = ResourceType(group: "", version: "v1", plural: "nodes", kind: "Node", namespaced: false)
    public static let persistentVolumes = ResourceType(
        group: "", version: "v1", plural: "persistentvolumes", kind: "PersistentVolume", namespaced: false)
    public static let pods = ResourceType(group: "", version: "v1", plural: "pods", kind: "Pod")
    public static let services = ResourceType(group: "", version: "v1", plural: "services", kind: "Service")
    public static let endpoints = ResourceType(group: "", version: "v1", plural: "endpoints", kind: "Endpoints")
    public static let secrets = ResourceType(group: "", version: "v1", plural: "secrets", kind: "Secret")
    public static let configMaps = ResourceType(group: "", version: "v1", plural: "configmaps", kind: "ConfigMap")
    public static let events = ResourceType(group: "", version: "v1", plural: "events", kind: "Event")
    public static let serviceAccounts = ResourceType(group: "", version: "v1", plural: "serviceaccounts", kind: "ServiceAccount")
    public static let persistentVolumeClaims = ResourceType(
        group: "", version: "v1", plural: "persistentvolumeclaims", kind: "PersistentVolumeClaim")
    public static let deployments = ResourceType(group: "apps", version: "v1", plural: "deployments", kind: "Deployment")
    public static let replicaSets = ResourceType(group: "apps", version: "v1", plural: "replicasets", kind: "ReplicaSet")
    public static let statefulSets = ResourceType(group: "apps", version: "v1", plural: "statefulsets", kind: "StatefulSet")
    public static let daemonSets = ResourceType(group: "apps", version: "v1", plural: "daemonsets", kind: "DaemonSet")
    public static let jobs = ResourceType(group: "batch", version: "v1", plural: "jobs", kind: "Job")
    public static let ingresses = ResourceType(group: "networking.k8s.io", version: "v1", plural: "ingresses", kind: "Ingress")
    public static let ingressClasses = ResourceType(
        group: "networking.k8s.io", version: "v1", plural: "ingressclasses", kind: "IngressClass", namespaced: false)
    public static let storageClasses = ResourceType(
        group: "storage.k8s.io", version: "v1", plural: "storageclasses", kind: "StorageClass", namespaced: false)
    public static let leases = ResourceType(group: "coordination.k8s.io", version: "v1", plural: "leases", kind: "Lease")
    public static let customResourceDefinitions = ResourceType(
        group: "apiextensions.k8s.io", version: "v1", plural: "customresourcedefinitions", kind: "CustomResourceDefinition",
        namespaced: false)
    public static let roles = ResourceType(group: "rbac.authorization.k8s.io", version: "v1", plural: "roles", kind: "Role")
    public static let roleBindings = ResourceType(
        group: "rbac.authorization.k8s.io", version: "v1", plural: "rolebindings", kind: "RoleBinding")
    public static let clusterRoles = ResourceType(
        group: "rbac.authorization.k8s.io", version: "v1", plural: "clusterroles", kind: "ClusterRole", namespaced: false)
    public static let clusterRoleBindings = ResourceType(
        group: "rbac.authorization.k8s.io", version: "v1", plural: "clusterrolebindings", kind: "ClusterRoleBinding",
        namespaced: false)

    /// The kinds that every cluster serves and Seaway handles; others are found by discovery.
    public static let wellKnown: [ResourceType] = [
        .namespaces, .nodes, .persistentVolumes, .pods, .services, .endpoints, .secrets, .configMaps, .events, .serviceAccounts,
        .persistentVolumeClaims, .deployments, .replicaSets, .statefulSets, .daemonSets, .jobs, .ingresses, .ingressClasses,
        .storageClasses, .leases, .customResourceDefinitions, .roles, .roleBindings, .clusterRoles, .clusterRoleBindings,
    ]
}
