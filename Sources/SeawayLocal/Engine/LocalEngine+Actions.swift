import Foundation
import KubernetesModel
import SeawayAPI
import SeawayPlan

// The plan's actions, and what goes with the environment.
extension LocalEngine {
    func perform(_ action: Action, _ record: inout LocalRecord, _ isGone: inout Bool) async throws -> Outcome {
        switch action {
        case .addFinalizer:
            record.environment.metadata.finalizers = [Names.finalizer]
        case .removeFinalizer:
            isGone = true
        case .deleteEnvironment:
            record.environment.metadata.deletionTimestamp = timestamp
        case .apply(let object, let type, _):
            try applied(object, type, &record)
        case .delete(let type, _, _):
            switch type.plural {
            case ResourceType.jobs.plural:
                record.job = nil
                record.buildPod = nil
            case ResourceType.deployments.plural:
                try await remove(record.pods)
                record.pods = []
                record.deployment = nil
            case ResourceType.services.plural: record.service = nil
            case ResourceType.ingresses.plural: record.ingress = nil
            default: break
            }
        case .removeImages:
            try await removeImages(of: record)
            try await removeNetwork(of: record)
            try await removeSecrets(of: record)
        // Sources are read where they are, and there is no namespace but a folder that goes with the last environment.
        case .removeSources, .removeNamespace: break
        }
        return .done
    }

    private func applied(_ object: JSONValue, _ type: ResourceType, _ record: inout LocalRecord) throws {
        switch type.plural {
        case ResourceType.jobs.plural:
            var job = try object.decode(Job.self)
            job.metadata.uid = UUID().uuidString.lowercased()
            job.metadata.creationTimestamp = timestamp
            job.status = .init(active: 1, startTime: timestamp)
            record.job = job
            record.buildPod = Pod(
                metadata: ObjectMeta(
                    name: "\(job.name)-\(UInt32.random(in: .min ... .max))", namespace: job.namespace, uid: UUID().uuidString.lowercased(),
                    labels: try object["spec"]?["template"]?["metadata"]?["labels"]?.decode([String: String].self),
                    ownerReferences: [OwnerReference(apiVersion: "batch/v1", kind: "Job", name: job.name, uid: job.metadata.uid ?? "")],
                    creationTimestamp: timestamp),
                status: .init(
                    phase: "Running",
                    containerStatuses: [ContainerStatus(name: Names.buildContainer, state: .init(running: .init(startedAt: timestamp)))]))
        case ResourceType.deployments.plural:
            record.deployment = object
            record.deploymentGeneration += 1
        case ResourceType.services.plural: record.service = object
        case ResourceType.ingresses.plural: record.ingress = object
        // The layer cache is Podman's own.
        default: break
        }
    }

    // MARK: What goes with the environment

    /// Stops pods and has their ports and firewall rules given back before it returns: Podman may do that later, and would then
    /// take the rules of a pod that uses the same port by that time.
    func stop(_ pods: [PlayedPod], seconds: Int) async throws {
        guard !pods.isEmpty else { return }
        guard try await podman.stop(pods: pods.map(\.name), grace: seconds) else {
            // They do not run any more, and Podman can do nothing else with them.
            return try await removePods(pods.map(\.name))
        }
        let infra = pods.compactMap(\.infra)
        if !infra.isEmpty { _ = try await podman.run(["container", "cleanup"] + infra) }
    }

    func remove(_ pods: [PlayedPod]) async throws {
        try await removePods(pods.map(\.name), grace: settings.terminationGracePeriod)
    }

    /// - Parameter grace: seconds that they get to stop.
    func removePods(_ names: [String], grace: Int) async throws {
        guard !names.isEmpty else { return }
        // Asked to stop first, all at once: `pod rm` waits for one container after the other.
        _ = try await podman.stop(pods: names, grace: grace)
        try await removePods(names)
    }

    private func removePods(_ names: [String]) async throws { try await podman.mustEventually(["pod", "rm", "--ignore", "-f"] + names) }

    func removeImages(of record: LocalRecord) async throws {
        for tag in record.images { _ = try await podman.run(["rmi", "--ignore", image(of: record.environment, tag)]) }
        // Steps of builds that failed belong to no image. Later ones stand on earlier ones; one that somebody else's image
        // stands on too stays.
        var left = record.layers
        while !left.isEmpty {
            var kept: [String] = []
            for layer in left.reversed() where try await isDangling(layer) {
                if try await !podman.run(["rmi", layer]).isSuccess { kept.insert(layer, at: 0) }
            }
            if kept.count == left.count { break }
            left = kept
        }
        if try store.isUnused(except: record.environment.key) { try await removeHelperImage() }
    }

    /// Podman's own image for pods, where it was not on this machine before.
    func removeHelperImage() async throws {
        guard FileManager.default.fileExists(atPath: store.helperImageMark) else { return }
        let pause = try await podman.run(["images", "-q", "--filter", "reference=localhost/podman-pause"])
        for id in Set(pause.output.split(whereSeparator: \.isNewline).map(String.init)) { _ = try await podman.run(["rmi", "--ignore", id]) }
    }

    private func isDangling(_ layer: String) async throws -> Bool {
        let result = try await podman.run(["image", "inspect", "--format", "{{len .RepoTags}}", layer])
        return result.isSuccess && result.output.hasPrefix("0")
    }

    private func removeNetwork(of record: LocalRecord) async throws {
        let namespace = record.environment.namespace ?? "default"
        let isAlone = try store.keys(namespace: namespace).allSatisfy { $0 == record.environment.key }
        guard isAlone, try store.objects(namespace).isEmpty else { return }
        _ = try await podman.run(["network", "rm", network(namespace)])
    }

    private func removeSecrets(of record: LocalRecord) async throws {
        let name = record.environment.name
        try await store.updateSecrets(record.environment.namespace ?? "default") { secrets in
            secrets = secrets.filter { $0.value.metadata.labels?[Names.environmentLabel] != name }
        }
    }

    /// The network of a namespace's applications, where they find each other by name.
    func network(_ namespace: String) -> String { "seaway-\(namespace)" }

    func ensureNetwork(_ namespace: String) async throws {
        let lock = try await FileLock.wait("\(store.directory)/locks/network")
        defer { _ = lock }
        guard try await !podman.run(["network", "exists", network(namespace)]).isSuccess else { return }
        try await podman.must(["network", "create", "--label", "\(PodDocument.label)=\(namespace)", network(namespace)])
    }
}
