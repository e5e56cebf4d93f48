import KubernetesModel
import SeawayAPI

/// The objects that an Environment wants to exist, as they are applied.
struct Rendering {
    let environment: Environment
    let digest: String
    let settings: OperatorSettings

    var spec: EnvironmentSpec { environment.spec }
    var name: String { environment.name }
    var namespace: String { environment.namespace ?? "default" }
    var repository: String { Names.repository(namespace: namespace, environment: name) }
    /// The build digest as pods carry it; a label's value is at most 63 characters long.
    var digestLabel: String { String(digest.prefix(63)) }
    var replicas: Int { spec.replicas ?? 1 }
    var attempt: Int { spec.attempt ?? 0 }
    /// The image as nodes pull it.
    var image: String { "\(settings.registryPull)/\(repository):\(digest)" }
    /// The registry as builders reach it, `host:port`.
    var buildRegistry: String { settings.registryGateway ? "127.0.0.1:\(Self.gatewayPort)" : settings.registry }
    /// On the loopback of build pods. Seldom used otherwise, and below the ports that systems choose for clients.
    static var gatewayPort: Int { 5972 }
    /// The image as the build pushes it.
    var pushImage: String { "\(buildRegistry)/\(repository):\(digest)" }

    /// How nodes sign in for the images of a pod.
    var imagePullSecrets: JSONValue { settings.pullSecret ? [["name": .string(Names.pullSecret)]] : .null }

    /// Whether a pod of the application is one that this rendering's Deployment makes.
    func isCurrent(_ pod: Pod) -> Bool {
        pod.metadata.labels?[Names.templateLabel] == templateHash
    }

    /// Metadata of an owned object.
    func metadata(_ name: String, labels: [String: JSONValue] = [:], annotations: [String: JSONValue] = [:]) -> JSONValue {
        [
            "name": .string(name),
            "namespace": .string(namespace),
            "labels": .object(
                labels.merging([
                    Names.managedByLabel: .string(Names.managedByValue),
                    Names.applicationLabel: .string(self.name),
                ]) { own, _ in own }),
            "annotations": .object(annotations),
            "ownerReferences": [
                [
                    "apiVersion": .string(Environment.resource.apiVersion),
                    "kind": .string(Environment.resource.kind),
                    "name": .string(self.name),
                    "uid": .string(environment.metadata.uid ?? ""),
                    "controller": true,
                    "blockOwnerDeletion": true,
                ]
            ],
        ]
    }

    /// The object with the hash of itself as annotation, by which a later plan sees that it is applied already.
    func sealed(_ object: JSONValue) -> JSONValue {
        let object = object.droppingNulls
        var annotations = object["metadata"]?["annotations"] ?? [:]
        annotations[Names.appliedAnnotation] = .string(sha256Hex(object.encoded()))
        var metadata = object["metadata"] ?? [:]
        metadata["annotations"] = annotations
        var sealed = object
        sealed["metadata"] = metadata
        return sealed
    }
}

extension Optional where Wrapped == String {
    var json: JSONValue { map(JSONValue.string) ?? .null }
}

extension Optional where Wrapped == Int {
    var json: JSONValue { map(JSONValue.int) ?? .null }
}

extension Optional where Wrapped == [String] {
    var json: JSONValue { map { .array($0.map(JSONValue.string)) } ?? .null }
}

extension Optional where Wrapped == [JSONValue] {
    var json: JSONValue { map(JSONValue.array) ?? .null }
}

extension Dictionary where Key == String, Value == String {
    var json: JSONValue { .object(mapValues(JSONValue.string)) }
}
