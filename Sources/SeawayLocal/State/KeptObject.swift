import Foundation
import KubernetesModel
import SeawayDependencies

/// An object of a dependency, and the pods that were played for it.
struct KeptObject: Codable, Sendable, Equatable {
    /// As an API server would have it, but for its status.
    var object: JSONValue
    var pods: [DependencyPod] = []

    var groupKind: GroupKind { WantedObject(object: object, place: TextPlace(file: "", line: 1)).groupKind }
    var name: String { object["metadata"]?["name"]?.stringValue ?? "" }
    var labels: [String: String] { (object["metadata"]?["labels"]?.objectValue ?? [:]).compactMapValues(\.stringValue) }

    /// What the store calls it: `Deployment.apps/db`.
    static func id(_ type: ResourceType, _ name: String) -> String { "\(GroupKind(group: type.group, kind: type.kind))/\(name)" }

    /// The objects of a namespace as what they hold, for variables and volumes.
    static func values(_ objects: some Collection<KeptObject>) -> ConfigurationValues {
        var values = ConfigurationValues()
        for kept in objects {
            let object = kept.object
            switch kept.groupKind.description {
            case "Secret": values.secrets[kept.name] = decoded(object["data"])
            case "ConfigMap":
                let texts = (object["data"]?.objectValue ?? [:]).compactMapValues { $0.stringValue.map { Data($0.utf8) } }
                values.configMaps[kept.name] = texts.merging(decoded(object["binaryData"])) { $1 }
            default: break
            }
        }
        return values
    }

    private static func decoded(_ data: JSONValue?) -> [String: Data] {
        (data?.objectValue ?? [:]).compactMapValues { $0.stringValue.flatMap { Data(base64Encoded: $0) } }
    }
}

/// A pod of a dependency that Podman was told to play.
struct DependencyPod: Codable, Sendable, Equatable {
    /// Podman's name for it.
    var name: String
    /// The name that a cluster would show: a Pod's own.
    var shownName: String
    var replica: Int
    /// Names of its containers, those of initialization left out.
    var containers: [String]
    var ports: [PublishedPort]
    var createdAt: Timestamp
    /// The container that holds the pod's network, as Podman names it.
    var infra: String?
    /// Whether it was stopped because it crashed again and again; the next apply starts it anew.
    var hasFailed = false
    /// How each container ended last, which Podman forgets when it starts it again.
    var lastExits: [String: ContainerStatus.Terminated] = [:]
    /// When the run of each began that ended so, as Podman tells it.
    var lastStarts: [String: String] = [:]

    /// Podman names containers so.
    func container(_ name: String) -> String { "\(self.name)-\(name)" }
}
