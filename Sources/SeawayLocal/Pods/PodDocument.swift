import Foundation
import KubernetesModel
import SeawayAPI

/// The pods of a Deployment as Podman plays them. Pure.
///
/// Podman plays a Deployment as one pod or several, depending on its version, under names of its own choice. Each replica is
/// therefore played as the pod that the Deployment's template describes, which every version treats alike.
struct PodDocument {
    var key: ObjectKey
    var deployment: JSONValue
    var values = ConfigurationValues()

    /// On everything that the engine makes in Podman: `NAMESPACE/NAME`.
    static let label = "seaway.ctx.sh/local"
    static func labelValue(_ key: ObjectKey) -> String { "\(key.namespace ?? "default")/\(key.name)" }

    private var template: JSONValue { deployment["spec"]?["template"] ?? [:] }
    private var container: JSONValue { template["spec"]?["containers"]?[0] ?? [:] }
    var replicas: Int { deployment["spec"]?["replicas"]?.intValue ?? 1 }
    /// Seconds.
    var minReady: Double { Double(deployment["spec"]?["minReadySeconds"]?.intValue ?? 0) }
    /// Seconds that the application gets to stop.
    var gracePeriod: Int { template["spec"]?["terminationGracePeriodSeconds"]?.intValue ?? 10 }
    var labels: [String: String] { strings(template["metadata"]?["labels"]) }
    var annotations: [String: String] { strings(template["metadata"]?["annotations"]) }
    /// Two templates with the same one are the same.
    var templateHash: String { labels[Names.templateLabel] ?? String(sha256Hex(template.encoded()).prefix(16)) }
    var image: String { container["image"]?.stringValue ?? "" }

    func podName(_ replica: Int) -> String { "\(key.namespace ?? "default")-\(key.name)-\(templateHash.prefix(10))-\(replica)" }

    /// For a pod whose name Linux does not take as that of a host: the first 63 bytes, as Kubernetes has it. Podman takes all of it.
    static func hostname(_ podName: String) -> JSONValue? {
        guard podName.utf8.count > 63 else { return nil }
        // It begins with a letter or a digit.
        return .string(podName.prefix(63).trimmingCharacters(in: CharacterSet(charactersIn: "-.")))
    }

    private func strings(_ value: JSONValue?) -> [String: String] { (value?.objectValue ?? [:]).compactMapValues(\.stringValue) }

    // MARK: Ports and probes

    private var namedPorts: [String: Int] { Self.namedPorts(container) }

    static func namedPorts(_ container: JSONValue) -> [String: Int] {
        var names: [String: Int] = [:]
        for port in container["ports"]?.arrayValue ?? [] {
            if let name = port["name"]?.stringValue, let number = port["containerPort"]?.intValue { names[name] = number }
        }
        return names
    }

    var readinessProbe: Probe? { Probe(container["readinessProbe"], ports: namedPorts) }
    var startupProbe: Probe? { Probe(container["startupProbe"], ports: namedPorts) }

    struct ContainerPort: Hashable {
        var port: Int
        var `protocol`: String
    }

    /// Ports to publish: those of the container, and those that only probes know.
    var containerPorts: [ContainerPort] {
        var found: [ContainerPort] = []
        for port in container["ports"]?.arrayValue ?? [] {
            guard let number = port["containerPort"]?.intValue else { continue }
            let entry = ContainerPort(port: number, protocol: port["protocol"]?.stringValue ?? "TCP")
            if entry.protocol != "SCTP", !found.contains(entry) { found.append(entry) }
        }
        for port in [readinessProbe?.port, startupProbe?.port] {
            if let port, !found.contains(ContainerPort(port: port, protocol: "TCP")) { found.append(ContainerPort(port: port, protocol: "TCP")) }
        }
        return found
    }

    // MARK: The pod

    /// - Throws: `LocalError` with code `refused` when a Secret or ConfigMap that it needs is not there.
    func pod(_ replica: Int, ports: [PublishedPort]) throws -> JSONValue {
        var container = container
        container["ports"] = .array(
            ports.filter { $0.replica == replica }.map(\.asContainerPort))
        // Probes are asked from outside: Podman would need programs in the image and timers of systemd for them.
        for probe in ["livenessProbe", "readinessProbe", "startupProbe"] { container[probe] = nil }
        let env = try ContainerVariables(namespace: key.namespace ?? "default", podName: podName(replica), values: values).resolved(container)
        container["env"] = env.isEmpty ? nil : .array(env)
        container["envFrom"] = nil
        var spec = template["spec"] ?? [:]
        spec["containers"] = [container]
        spec["restartPolicy"] = "Always"
        spec["hostname"] = spec["hostname"] ?? Self.hostname(podName(replica))
        var labels = template["metadata"]?["labels"]?.objectValue ?? [:]
        labels[Self.label] = .string(Self.labelValue(key))
        return [
            "apiVersion": "v1", "kind": "Pod",
            "metadata": [
                "name": .string(podName(replica)), "labels": .object(labels), "annotations": template["metadata"]?["annotations"] ?? [:],
            ],
            "spec": spec,
        ]
    }
}
