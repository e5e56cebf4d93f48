import Foundation
import KubernetesModel
import SeawayAPI
import SeawayDependencies
import Synchronization

// Pods of dependencies: what nodes and controllers do with them in a cluster.
extension LocalEngine {
    func document(_ kept: KeptObject, in namespace: String, _ objects: [String: KeptObject]) throws -> WorkloadDocument {
        WorkloadDocument(
            object: kept.object, namespace: namespace, values: try values(namespace, objects), filesDirectory: store.filesDirectory(namespace))
    }

    /// What Secrets and ConfigMaps hold: those of the manifest and those of dependencies.
    func values(_ namespace: String, _ objects: [String: KeptObject]) throws -> ConfigurationValues {
        var values = KeptObject.values(objects.values)
        values.secrets.merge(try store.secrets(namespace).mapValues { $0.data ?? [:] }) { first, _ in first }
        return values
    }

    // MARK: Act

    /// Plays what is wanted and not there, and takes away what is not wanted any more. Pods that are as wanted go on.
    func run(_ id: String, in namespace: String) async throws {
        let lock = try await FileLock.wait(store.workloadLock(namespace))
        defer { _ = lock }
        let objects = try store.objects(namespace)
        guard let kept = objects[id] else { return }
        let document = try document(kept, in: namespace, objects)
        let names = try (0..<document.replicas).map(document.podName)
        let inspections = try await inspect(kept.pods.flatMap { pod in pod.containers.map(pod.container) })
        func isThere(_ pod: DependencyPod) -> Bool { pod.containers.allSatisfy { inspections[pod.container($0)] != nil } }
        let leaving = kept.pods.filter { !names.contains($0.name) || $0.hasFailed || !isThere($0) }
        if !leaving.isEmpty { try await removePods(leaving, of: id, in: namespace) }
        let staying = kept.pods.filter { !leaving.contains($0) }
        // A machine that was switched off, or somebody, stopped it. One that crashed is started by Podman.
        if document.restartPolicy == "Always" {
            for pod in staying where pod.containers.contains(where: { inspections[pod.container($0)]?.exit != nil }) {
                _ = try await podman.run(["pod", "start", pod.name])
            }
        }
        let missing = names.indices.filter { index in !staying.contains { $0.name == names[index] } }
        guard !missing.isEmpty else { return }
        try await ensureNetwork(namespace)
        for replica in missing { try await play(replica, names[replica], document, id, namespace) }
    }

    private func play(_ replica: Int, _ name: String, _ document: WorkloadDocument, _ id: String, _ namespace: String) async throws {
        var pod = DependencyPod(
            name: name, shownName: document.shownName(name), replica: replica, containers: document.containerNames,
            ports: try ports(document, replica), createdAt: timestamp)
        let played = try document.pod(name, replica: replica, ports: pod.ports)
        try writeFiles(of: document, pod: name, namespace)
        // Remembered before it is there: what breaks off leaves nothing that nobody knows of.
        try await remember(pod, id, namespace)
        let aliases = document.networkNames.map { "alias=\($0)" }.joined(separator: ",")
        try await podman.mustEventually(["pod", "rm", "--ignore", "-f", name])
        let result = try await play(played, network: "\(network(namespace)):\(aliases)")
        guard result.isSuccess else {
            try await removePods([pod], of: id, in: namespace)
            throw LocalError(.refused, "its pod cannot be run: \(result.reason)", next: ["correct it and run the command again"])
        }
        pod.infra = Self.infra(in: result.output)
        try await remember(pod, id, namespace)
    }

    private func remember(_ pod: DependencyPod, _ id: String, _ namespace: String) async throws {
        try await store.updateObjects(namespace) { objects in
            objects[id]?.pods.removeAll { $0.name == pod.name }
            objects[id]?.pods.append(pod)
        }
    }

    private func ports(_ document: WorkloadDocument, _ replica: Int) throws -> [PublishedPort] {
        var ports: [PublishedPort] = []
        for wanted in document.wantedPorts {
            guard let free = Loopback.freePort([wanted.hostPort ?? 0], isUDP: wanted.protocol == "UDP"),
                !ports.contains(where: { $0.hostPort == free && $0.protocol == wanted.protocol })
            else {
                let what = wanted.hostPort.map { "port \($0) of this machine (hostPort) is taken" } ?? "no port of this machine is free"
                throw LocalError(.refused, what, next: ["end what listens there, or name another hostPort"])
            }
            ports.append(PublishedPort(replica: replica, port: wanted.port, protocol: wanted.protocol, hostPort: free))
        }
        return ports
    }

    private func writeFiles(of document: WorkloadDocument, pod: String, _ namespace: String) throws {
        let base = "\(store.filesDirectory(namespace))/\(pod)"
        for folder in document.folders {
            try StateFiles.directory("\(base)/\(folder)")
            // As in a cluster, whoever the container runs as may read it, and write into an empty one. Its parents keep others out.
            try StateFiles.setMode(0o777, "\(base)/\(folder)")
        }
        for (path, data) in try document.files() { try StateFiles.write(Array(data), to: "\(base)/\(path)", mode: 0o644) }
    }

    func removePods(_ pods: [DependencyPod], of id: String, in namespace: String) async throws {
        let names = pods.map(\.name)
        let objects = try store.objects(namespace)
        let grace = try objects[id].map { try document($0, in: namespace, objects).gracePeriod } ?? 10
        try await removePods(names, grace: grace)
        for name in names { try StateFiles.remove("\(store.filesDirectory(namespace))/\(name)") }
        try await store.updateObjects(namespace) { $0[id]?.pods.removeAll { names.contains($0.name) } }
    }

    // MARK: Look

    /// An object with the status that a cluster would show.
    func withPresentStatus(_ id: String, _ kept: KeptObject, in namespace: String, _ all: [String: KeptObject]) async throws -> JSONValue {
        var object = kept.object
        if kept.isWorkload {
            object["status"] = try await look(id, kept, in: namespace, all).status
        } else if kept.groupKind.kind == "PersistentVolumeClaim" {
            let isThere = try await podman.run(["volume", "exists", WorkloadDocument.volumeName(namespace, claim: kept.name)]).isSuccess
            object["status"] = ["phase": isThere ? "Bound" : "Lost"]
        }
        return object
    }

    /// The status of a workload, and its pods as a cluster would show them.
    func look(_ id: String, _ kept: KeptObject, in namespace: String, _ all: [String: KeptObject]) async throws -> (
        status: JSONValue, pods: [JSONValue]
    ) {
        let document = try document(kept, in: namespace, all)
        let inspections = try await inspect(kept.pods.flatMap { pod in pod.containers.map(pod.container) })
        var seen: [(pod: WorkloadStatus.Pod, played: DependencyPod)] = []
        for played in kept.pods { seen.append((try await look(played, document, inspections), played)) }
        try await noteExits(seen.map { ($0.played, $0.pod) }, id, namespace)
        let status = WorkloadStatus(document: document, generation: kept.object["metadata"]?["generation"]?.intValue ?? 1, pods: seen.map(\.pod))
        return (status.value, seen.map { status.shown($0.pod, $0.played, uid: kept.object["metadata"]?["uid"]) })
    }

    private func look(
        _ played: DependencyPod, _ document: WorkloadDocument, _ inspections: [String: ContainerInspection]
    ) async throws -> WorkloadStatus.Pod {
        var pod = WorkloadStatus.Pod(hasFailed: played.hasFailed)
        for name in played.containers {
            let container = played.container(name)
            let inspection = inspections[container]
            let (startup, readiness) = document.probes(name)
            var state = Readiness()
            if let inspection, inspection.isRunning {
                let start = "\(container) \(inspection.state.startedAt)"
                state = try await ask(
                    container, inspection, startup: startup, readiness: readiness, before: probed[start],
                    hostPort: { port in played.ports.first { $0.port == port && $0.protocol == "TCP" }?.hostPort })
                probed[start] = state
            }
            let isReady = state.readySince.map { now().timeIntervalSinceReferenceDate - $0 >= document.minReady } ?? false
            let exit = inspection?.exit ?? played.lastExits[name]
            pod.containers.append(.init(name: name, inspection: inspection, isReady: isReady, lastExit: exit))
        }
        return pod
    }

    /// Keeps how containers ended, and stops what crashes again and again: Podman would start it without end and without a pause.
    private func noteExits(_ seen: [(played: DependencyPod, pod: WorkloadStatus.Pod)], _ id: String, _ namespace: String) async throws {
        let crashing = seen.filter { $0.pod.isCrashing && !$0.played.hasFailed }.map(\.played.name)
        var exits: [String: [String: ContainerStatus.Terminated]] = [:]
        var starts: [String: [String: String]] = [:]
        for (played, pod) in seen where !played.hasFailed {
            for container in pod.containers {
                guard let inspection = container.inspection, let exit = inspection.exit, played.lastExits[container.name] != exit else { continue }
                exits[played.name, default: [:]][container.name] = exit
                starts[played.name, default: [:]][container.name] = inspection.state.startedAt
            }
        }
        guard !crashing.isEmpty || !exits.isEmpty else { return }
        try await store.updateObjects(namespace) { objects in
            guard var kept = objects[id] else { return }
            for index in kept.pods.indices {
                let name = kept.pods[index].name
                if crashing.contains(name) { kept.pods[index].hasFailed = true }
                kept.pods[index].lastExits.merge(exits[name] ?? [:]) { $1 }
                kept.pods[index].lastStarts.merge(starts[name] ?? [:]) { $1 }
            }
            objects[id] = kept
        }
        if !crashing.isEmpty { _ = try await podman.run(["pod", "stop", "--ignore", "-t", "1"] + crashing) }
    }
}

/// What probes of dependencies answered, from one look to the next, by container and start.
final class ProbedContainers: Sendable {
    private let states = Mutex<[String: Readiness]>([:])

    subscript(start: String) -> Readiness {
        get { states.withLock { $0[start] ?? Readiness() } }
        set { states.withLock { $0[start] = newValue } }
    }
}
