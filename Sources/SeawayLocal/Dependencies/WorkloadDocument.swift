import Foundation
import KubernetesModel
import SeawayAPI

/// The pods of a dependency's Pod, Deployment or DaemonSet as Podman plays them. Pure.
struct WorkloadDocument {
    var object: JSONValue
    var namespace: String
    var values: ConfigurationValues
    /// Absolute; the files of volumes are in a folder of each pod below it.
    var filesDirectory: String

    private var isPod: Bool { object["kind"]?.stringValue == "Pod" }
    private var kind: String { object["kind"]?.stringValue ?? "" }
    private var name: String { object["metadata"]?["name"]?.stringValue ?? "" }
    private var template: JSONValue { isPod ? object : object["spec"]?["template"] ?? [:] }
    private var spec: JSONValue { template["spec"] ?? [:] }
    /// A DaemonSet has a pod for each node, and this machine is the only one.
    var replicas: Int { kind == "Deployment" ? object["spec"]?["replicas"]?.intValue ?? 1 : 1 }
    var containers: [JSONValue] { spec["containers"]?.arrayValue ?? [] }
    var containerNames: [String] { containers.compactMap { $0["name"]?.stringValue } }
    var images: [String] { (containers + (spec["initContainers"]?.arrayValue ?? [])).compactMap { $0["image"]?.stringValue } }
    var restartPolicy: String { isPod ? spec["restartPolicy"]?.stringValue ?? "Always" : "Always" }
    /// Seconds that it gets to stop.
    var gracePeriod: Int { spec["terminationGracePeriodSeconds"]?.intValue ?? 10 }
    /// Seconds.
    var minReady: Double { Double(object["spec"]?["minReadySeconds"]?.intValue ?? 0) }
    var labels: JSONValue { template["metadata"]?["labels"] ?? [:] }

    /// What it is called on its namespace's network: its own name and those of the Services that select it, also in the forms that
    /// a cluster's DNS knows.
    var networkNames: [String] {
        let annotation = object["metadata"]?["annotations"]?[LocalKinds.namesAnnotation]?.stringValue ?? ""
        var names = [name]
        for word in annotation.split(separator: ",").map(String.init) where !names.contains(word) { names.append(word) }
        return names.flatMap { [$0, "\($0).\(namespace)", "\($0).\(namespace).svc", "\($0).\(namespace).svc.cluster.local"] }
    }

    /// Different for whatever is played differently; what is the same goes on running.
    func podName(_ replica: Int) throws -> String {
        let shape: JSONValue = [
            "kind": .string(kind), "pod": try pod("", replica: replica, ports: []),
            "files": .object(try files().mapValues { .string(sha256Hex($0)) }),
        ]
        return "\(namespace)-\(name)-\(sha256Hex(shape.encoded()).prefix(10))-\(replica)"
    }

    func shownName(_ podName: String) -> String { isPod ? name : podName }

    // MARK: Ports and probes

    /// A port that must be reachable from this machine.
    struct WantedPort: Hashable {
        var port: Int
        var `protocol`: String
        /// As the object names it; `nil` where any will do.
        var hostPort: Int?
    }

    /// Ports with a `hostPort`, and those that probes ask.
    var wantedPorts: [WantedPort] {
        var found: [WantedPort] = []
        for container in containers {
            for port in container["ports"]?.arrayValue ?? [] {
                guard let number = port["containerPort"]?.intValue, let host = port["hostPort"]?.intValue else { continue }
                found.append(WantedPort(port: number, protocol: port["protocol"]?.stringValue ?? "TCP", hostPort: host))
            }
        }
        for probe in containers.flatMap({ [probe("readinessProbe", $0), probe("startupProbe", $0)] }) {
            guard let port = probe?.port, !found.contains(where: { $0.port == port && $0.protocol == "TCP" }) else { continue }
            found.append(WantedPort(port: port, protocol: "TCP"))
        }
        return found
    }

    private func probe(_ field: String, _ container: JSONValue) -> Probe? { Probe(container[field], ports: PodDocument.namedPorts(container)) }

    /// The probes of a container.
    func probes(_ name: String) -> (startup: Probe?, readiness: Probe?) {
        guard let container = containers.first(where: { $0["name"]?.stringValue == name }) else { return (nil, nil) }
        return (probe("startupProbe", container), probe("readinessProbe", container))
    }

    // MARK: The pod

    /// - Parameter name: Podman's for it.
    /// - Throws: `LocalError` with code `refused` for what has no meaning here, and Secrets and ConfigMaps that are not there.
    func pod(_ name: String, replica: Int, ports: [PublishedPort]) throws -> JSONValue {
        let variables = ContainerVariables(namespace: namespace, podName: name, values: values)
        func playable(_ container: JSONValue) throws -> JSONValue {
            var container = container
            // Probes are asked from outside: Podman would need programs in the image and timers of systemd for them.
            for field in ["livenessProbe", "readinessProbe", "startupProbe", "envFrom", "ports"] { container[field] = nil }
            let env = try variables.resolved(self.container(container["name"]?.stringValue))
            container["env"] = env.isEmpty ? nil : .array(env)
            return container
        }
        var spec = spec
        var playables = try containers.map(playable)
        // The network is the pod's: which container a port is written at does not matter.
        if !playables.isEmpty, !ports.isEmpty { playables[0]["ports"] = .array(ports.filter { $0.replica == replica }.map(\.asContainerPort)) }
        spec["containers"] = .array(playables)
        if let initial = spec["initContainers"]?.arrayValue { spec["initContainers"] = .array(try initial.map(playable)) }
        // Podman takes the policy for those of initialization, too, and 4.3 cannot remove one that it has just started again.
        let hasInitial = spec["initContainers"]?.arrayValue?.isEmpty == false
        spec["restartPolicy"] = .string(hasInitial && restartPolicy == "Always" ? "OnFailure" : restartPolicy)
        if let volumes = spec["volumes"]?.arrayValue { spec["volumes"] = .array(try volumes.map { try volume($0, pod: name) }) }
        spec["hostname"] = spec["hostname"] ?? PodDocument.hostname(name)
        return [
            "apiVersion": "v1", "kind": "Pod",
            "metadata": [
                "name": .string(name), "labels": [PodDocument.label: .string("\(namespace)/\(self.name)")],
                "annotations": template["metadata"]?["annotations"] ?? [:],
            ],
            "spec": spec,
        ]
    }

    private func container(_ name: String?) -> JSONValue {
        (containers + (spec["initContainers"]?.arrayValue ?? [])).first { $0["name"]?.stringValue == name } ?? [:]
    }

    // MARK: Volumes

    /// The name of Podman's volume for a claim.
    static func volumeName(_ namespace: String, claim: String) -> String { "seaway-\(namespace)-\(claim)" }

    private func volume(_ volume: JSONValue, pod: String) throws -> JSONValue {
        let name = volume["name"]?.stringValue ?? ""
        if let claim = volume["persistentVolumeClaim"]?["claimName"]?.stringValue {
            return ["name": .string(name), "persistentVolumeClaim": ["claimName": .string(Self.volumeName(namespace, claim: claim))]]
        }
        if volume["hostPath"] != nil { return volume }
        guard ["configMap", "secret", "projected", "emptyDir"].contains(where: { volume[$0] != nil }) else {
            let type = volume.objectValue?.keys.first { $0 != "name" } ?? "of no type"
            throw LocalError(.refused, "the volume \(name) (\(type)) has no meaning on one machine", next: ["use a PersistentVolumeClaim"])
        }
        return ["name": .string(name), "hostPath": ["path": .string("\(filesDirectory)/\(pod)/\(name)"), "type": "Directory"]]
    }

    /// Volumes that are folders of this machine: those that a ConfigMap or Secret fills, and empty ones.
    var folders: [String] {
        (spec["volumes"]?.arrayValue ?? []).filter { volume in
            ["configMap", "secret", "projected", "emptyDir"].contains { volume[$0] != nil }
        }.compactMap { $0["name"]?.stringValue }
    }

    /// The files of these folders: `VOLUME/PATH`, and what is in them.
    func files() throws -> [String: Data] {
        var files: [String: Data] = [:]
        for volume in spec["volumes"]?.arrayValue ?? [] {
            let name = volume["name"]?.stringValue ?? ""
            var sources: [(kind: String, source: JSONValue)] = []
            if let source = volume["configMap"] { sources.append(("ConfigMap", source)) }
            if let source = volume["secret"] { sources.append(("Secret", source)) }
            for source in volume["projected"]?["sources"]?.arrayValue ?? [] {
                guard let one = source["configMap"].map({ ("ConfigMap", $0) }) ?? source["secret"].map({ ("Secret", $0) }) else {
                    throw LocalError(.refused, "the volume \(name) projects what has no meaning on one machine", next: ["use ConfigMaps and Secrets"])
                }
                sources.append(one)
            }
            for (kind, source) in sources {
                for (path, data) in try content(kind, source) { files["\(name)/\(path)"] = data }
            }
        }
        return files
    }

    private func content(_ kind: String, _ source: JSONValue) throws -> [String: Data] {
        let name = source["name"]?.stringValue ?? source["secretName"]?.stringValue ?? ""
        guard let values = try values.required(kind, name, from: source) else { return [:] }
        guard let items = source["items"]?.arrayValue else { return values }
        var files: [String: Data] = [:]
        for item in items {
            guard let key = item["key"]?.stringValue, let path = item["path"]?.stringValue else { continue }
            guard !path.hasPrefix("/"), !path.split(separator: "/").contains("..") else {
                throw LocalError(.refused, "the path \(path) of \(kind) \(name) leads out of its volume", next: ["correct `path`"])
            }
            files[path] = try self.values.required(kind, name, from: source, key: key)?[key]
        }
        return files
    }
}

extension PublishedPort {
    var asContainerPort: JSONValue {
        ["containerPort": .int(port), "hostPort": .int(hostPort), "hostIP": "127.0.0.1", "protocol": .string(self.protocol)]
    }
}
