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
    var secrets: [String: Secret] = [:]
    var configMaps: [String: [String: String]] = [:]

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

    private func strings(_ value: JSONValue?) -> [String: String] { (value?.objectValue ?? [:]).compactMapValues(\.stringValue) }

    // MARK: Ports and probes

    private var namedPorts: [String: Int] {
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
            ports.filter { $0.replica == replica }.map {
                [
                    "containerPort": .int($0.port), "hostPort": .int($0.hostPort), "hostIP": "127.0.0.1", "protocol": .string($0.protocol),
                ]
            })
        // Probes are asked from outside: Podman would need programs in the image and timers of systemd for them.
        for probe in ["livenessProbe", "readinessProbe", "startupProbe"] { container[probe] = nil }
        let env = try environment(replica)
        container["env"] = env.isEmpty ? nil : .array(env)
        container["envFrom"] = nil
        var spec = template["spec"] ?? [:]
        spec["containers"] = [container]
        spec["restartPolicy"] = "Always"
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

    /// Variables with the values of the Secrets and ConfigMaps that they name: Podman 4.3 cannot read them from a played Secret.
    private func environment(_ replica: Int) throws -> [JSONValue] {
        var result: [JSONValue] = []
        for source in container["envFrom"]?.arrayValue ?? [] {
            let prefix = source["prefix"]?.stringValue ?? ""
            for (kind, reference) in [("ConfigMap", source["configMapRef"]), ("Secret", source["secretRef"])] {
                guard let reference, let name = reference["name"]?.stringValue else { continue }
                guard let values = kind == "Secret" ? secretValues(name) : configMaps[name] else {
                    if reference["optional"]?.boolValue == true { continue }
                    throw missing(kind, name, key: nil)
                }
                result += values.sorted { $0.key < $1.key }.map { ["name": .string(prefix + $0.key), "value": .string($0.value)] }
            }
        }
        for variable in container["env"]?.arrayValue ?? [] {
            guard let from = variable["valueFrom"], let name = variable["name"] else {
                result.append(variable)
                continue
            }
            if let value = try value(from, replica) { result.append(["name": name, "value": .string(value)]) }
        }
        return result
    }

    private func value(_ from: JSONValue, _ replica: Int) throws -> String? {
        for (kind, reference) in [("ConfigMap", from["configMapKeyRef"]), ("Secret", from["secretKeyRef"])] {
            guard let reference, let name = reference["name"]?.stringValue, let member = reference["key"]?.stringValue else { continue }
            if let value = (kind == "Secret" ? secretValues(name) : configMaps[name])?[member] { return value }
            if reference["optional"]?.boolValue == true { return nil }
            throw missing(kind, name, key: member)
        }
        switch from["fieldRef"]?["fieldPath"]?.stringValue {
        case "metadata.name": return podName(replica)
        case "metadata.namespace": return key.namespace ?? "default"
        case "status.hostIP": return "127.0.0.1"
        case "spec.nodeName": return "localhost"
        case let path?:
            throw LocalError(.refused, "the field \(path) of a variable has no meaning on one machine", next: ["give the variable a value"])
        case nil: return nil
        }
    }

    private func secretValues(_ name: String) -> [String: String]? {
        secrets[name].map { ($0.data ?? [:]).mapValues { String(decoding: $0, as: UTF8.self) } }
    }

    private func missing(_ kind: String, _ name: String, key member: String?) -> LocalError {
        let what = member.map { "the key \($0) of \(kind) \(name)" } ?? "\(kind) \(name)"
        return LocalError(
            .refused, "the container cannot be created: \(what) is not there",
            next: [kind == "Secret" ? "name it under `secrets` in the manifest" : "put it into a dependency of the manifest"])
    }
}
