import InstallManifests
import KubernetesClient
import KubernetesModel
import SeawayAPI

/// `seactl install`: applies the operator's objects and waits until it runs.
struct InstallAction: Sendable {
    var cluster: Cluster
    var output: Output
    var system: System
    var objects: [JSONValue]

    /// What the installation in the cluster was made with; the defaults where there is none.
    static func remembered(in cluster: Cluster) async throws -> InstallOptions {
        let deployment = try await cluster.objects.deployment(ObjectKey(namespace: Names.systemNamespace, name: "seaway"))
        guard let text = deployment?.metadata.annotations?[InstallOptions.annotation] else { return InstallOptions() }
        do {
            return try InstallOptions(remembering: text)
        } catch {
            throw CommandFailure(.badInput, "\(error)", next: ["give all options and --reset"])
        }
    }

    func run() async throws {
        var deployments: [(key: ObjectKey, generation: Int, selector: String)] = []
        for object in Self.ordered(objects) {
            let applied = try await cluster.objects.apply(object)
            output.emit(.note("\(Self.describe(object)) applied"))
            let name = object["metadata"]?["name"]?.stringValue ?? ""
            switch object["kind"]?.stringValue {
            case "CustomResourceDefinition":
                try await untilEstablished(name)
            case "Deployment":
                let labels = object["spec"]?["selector"]?["matchLabels"]?.objectValue ?? [:]
                let selector = labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.stringValue ?? "")" }.joined(separator: ",")
                let key = ObjectKey(namespace: object["metadata"]?["namespace"]?.stringValue, name: name)
                deployments.append((key, applied["metadata"]?["generation"]?.intValue ?? 0, selector))
            default: break
            }
        }
        for deployment in deployments {
            try await untilAvailable(deployment.key, generation: deployment.generation, selector: deployment.selector)
        }
    }

    /// What others need first: namespaces, then kinds, then the rest; what starts pods comes last.
    static func ordered(_ objects: [JSONValue]) -> [JSONValue] {
        func rank(_ object: JSONValue) -> Int {
            switch object["kind"]?.stringValue {
            case "Namespace": 0
            case "CustomResourceDefinition": 1
            case "Deployment", "StatefulSet", "DaemonSet", "Job": 3
            default: 2
            }
        }
        return objects.enumerated().sorted { (rank($0.element), $0.offset) < (rank($1.element), $1.offset) }.map(\.element)
    }

    /// `Deployment seaway-system/seaway`.
    static func describe(_ object: JSONValue) -> String {
        let key = ObjectKey(namespace: object["metadata"]?["namespace"]?.stringValue, name: object["metadata"]?["name"]?.stringValue ?? "?")
        return "\(object["kind"]?.stringValue ?? "object") \(key)"
    }

    private func untilEstablished(_ name: String) async throws {
        while try await cluster.objects.customResourceDefinition(name)?.isEstablished != true {
            try await system.sleep(.milliseconds(200))
        }
    }

    private func untilAvailable(_ key: ObjectKey, generation: Int, selector: String) async throws {
        var told = ""
        while true {
            let deployment = try await cluster.objects.deployment(key)
            let pods = try await cluster.pods.list(key.namespace ?? "default", selector)
            switch InstallProgress.judge(deployment: deployment, generation: generation, pods: pods) {
            case .available:
                output.emit(.note("Deployment \(key) is available"))
                return
            case .failed(let reason, let message, let crashed):
                throw CommandFailure(
                    .deployFailed, "Deployment \(key) does not come up", reason: reason,
                    detail: ([message] + (await log(of: crashed))).joined(separator: "\n"),
                    next: ["correct the cause and run `seactl install` again", "more: `kubectl -n \(key.namespace ?? "default") describe pods`"])
            case .waiting(let text):
                if text != told { output.emit(.note("Deployment \(key): \(text)")) }
                told = text
            }
            try await system.sleep(.milliseconds(500))
        }
    }

    /// The end of the log of a container that crashed.
    private func log(of pod: Pod?) async -> [String] {
        guard let pod, let container = pod.status?.containerStatuses?.first(where: { $0.ready != true })?.name else { return [] }
        let lines = LineBuffer(limit: 10)
        let restarted = (PodChoice.status(of: container, in: pod)?.restartCount ?? 0) > 0
        do {
            let request = LogRequest(
                pod: pod.name, namespace: pod.namespace ?? "default", container: container, previous: restarted, tailLines: 10)
            try await cluster.pods.log(request) { lines.append($0) }
        } catch {
            return ["the log of pod \(pod.name) cannot be read: \(error)"]
        }
        return lines.all.map { "| \($0)" }
    }

    static func timeOut(after limit: Duration) -> CommandFailure {
        CommandFailure(
            .timedOut, "Seaway does not run after \(Format.seconds(limit))",
            next: ["`kubectl -n \(Names.systemNamespace) get pods` shows what it waits for; --timeout waits longer"])
    }
}
