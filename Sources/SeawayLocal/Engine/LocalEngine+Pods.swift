import Foundation
import KubernetesModel
import SeawayAPI
import SeawayPlan

/// What is known of an environment's pods from one look to the next.
struct PodWatch {
    /// As a cluster would show them.
    var pods: [Pod] = []
    var deployment: Deployment?
    /// By container and start.
    var readiness: [String: Readiness] = [:]
    /// Whether a pod that is ready now counts as having been so long enough.
    var trustsAge = false
    /// Whether probes are asked. Who wants to know of containers alone does not write into their logs.
    var asksProbes = true
    /// The last answer of a probe that was no success.
    var lastFailure: String?
    var inspections: [String: ContainerInspection] = [:]
    /// What Podman would not start, by the generation that wanted it: asking again would stop what serves meanwhile again.
    var refusal: (generation: Int?, outcome: Outcome)?

    init(trustsAge: Bool = false) { self.trustsAge = trustsAge }
}

extension LocalEngine {
    private var seconds: Double { now().timeIntervalSinceReferenceDate }

    // MARK: Look

    /// Looks at the containers and asks the probes that are due.
    func observe(_ record: inout LocalRecord, _ watch: inout PodWatch) async throws {
        let inspections = try await inspect(record.pods.map(\.container))
        watch.inspections = inspections
        watch.pods = []
        watch.lastFailure = nil
        guard let object = record.deployment else {
            watch.deployment = nil
            watch.pods = record.pods.compactMap {
                $0.observed(inspections[$0.container], isReady: false, namespace: record.environment.namespace ?? "default")
            }
            return
        }
        let document = try document(record, object)
        var known: [String: Readiness] = [:]
        var available = 0
        for (index, pod) in record.pods.enumerated() {
            let inspection = inspections[pod.container]
            if let inspection, let exit = inspection.exit, !pod.hasFailed {
                record.pods[index].lastExit = exit
                record.pods[index].lastStart = inspection.state.startedAt
            }
            var readiness = Readiness()
            if watch.asksProbes, let inspection, inspection.isRunning, !pod.isFallback, pod.template == document.templateHash {
                let id = "\(pod.container) \(inspection.state.startedAt)"
                readiness = try await ask(
                    pod.container, inspection, startup: document.startupProbe, readiness: document.readinessProbe,
                    before: watch.readiness[id] ?? Readiness(),
                    hostPort: { [ports = record.ports] port in
                        ports.first { $0.replica == pod.replica && $0.port == port && $0.protocol == "TCP" }?.hostPort
                    })
                known[id] = readiness
                let since = readiness.readySince ?? seconds
                if readiness.isReady, watch.trustsAge || seconds - since >= document.minReady { available += 1 }
            }
            if let failure = readiness.lastFailure, !readiness.isReady { watch.lastFailure = failure }
            if let seen = record.pods[index].observed(inspection, isReady: readiness.isReady, namespace: record.environment.namespace ?? "default") {
                watch.pods.append(seen)
            }
        }
        watch.readiness = known
        if let failure = watch.lastFailure { record.probeFailure = failure }
        watch.deployment = try deployment(record, document, available: available, existing: Set(inspections.keys), watch.lastFailure)
    }

    /// Containers by name; those that are gone are missing.
    func inspect(_ containers: [String]) async throws -> [String: ContainerInspection] {
        guard !containers.isEmpty else { return [:] }
        // It ends with an error when one of them is gone, and tells of the others all the same.
        let result = try await podman.run(["container", "inspect"] + containers)
        let found = (try? JSONDecoder().decode([ContainerInspection].self, from: Data(result.output.utf8))) ?? []
        return Dictionary(found.map { ($0.name, $0) }) { first, _ in first }
    }

    /// Asks the probe of a running container that is due.
    /// - Parameters:
    ///   - before: what is known of this start of the container.
    ///   - hostPort: where on this machine's loopback address a container's port is.
    func ask(
        _ container: String, _ inspection: ContainerInspection, startup: Probe?, readiness probe: Probe?, before: Readiness,
        hostPort: (Int) -> Int?
    ) async throws -> Readiness {
        var readiness = before
        guard startup != nil || probe != nil else {
            readiness.takeRunning(now: seconds)
            return readiness
        }
        let age = inspection.startedAt.map { now().timeIntervalSince($0.date) } ?? 0
        while let due = readiness.due(startup: startup, readiness: probe, age: age, now: seconds) {
            let answer = try await ProbeRunner(podman: podman).ask(due, container: container, hostPort: hostPort)
            readiness.take(answer, startup: startup, readiness: probe, now: seconds)
            // The startup probe's success lets the readiness probe be asked at once.
            if answer != .passed || due != startup { break }
        }
        return readiness
    }

    /// The Deployment as a cluster would show it.
    private func deployment(
        _ record: LocalRecord, _ document: PodDocument, available: Int, existing: Set<String>, _ failure: String?
    ) throws -> Deployment {
        var deployment = try document.deployment.decode(Deployment.self)
        deployment.metadata.uid = record.environment.metadata.uid
        deployment.metadata.generation = record.deploymentGeneration
        let current = record.pods.filter { $0.template == document.templateHash && !$0.isFallback && existing.contains($0.container) }
        deployment.status = .init(
            observedGeneration: record.deploymentGeneration, replicas: current.count, updatedReplicas: current.count, readyReplicas: available,
            availableReplicas: available)
        // Told as Kubernetes tells it, with the probe's answer.
        if available < document.replicas, let started = record.environment.status?.rollout?.startedAt,
            record.environment.status?.observedGeneration == record.environment.metadata.generation,
            now().timeIntervalSince(started.date) >= Double(settings.progressDeadline)
        {
            let message = failure ?? "\(available) of \(document.replicas) pods are ready"
            deployment.status?.conditions = [
                ObjectCondition(type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded", message: message)
            ]
        }
        return deployment
    }

    func document(_ record: LocalRecord, _ object: JSONValue) throws -> PodDocument {
        let namespace = record.environment.namespace ?? "default"
        return PodDocument(key: record.environment.key, deployment: object, values: try values(namespace, store.objects(namespace)))
    }

    // MARK: Act

    /// Starts what the Deployment wants and is not there. The earlier revision makes room, and is kept until this one is ready.
    func ensurePods(_ record: inout LocalRecord, _ watch: inout PodWatch, isFailed: Bool) async throws -> Outcome {
        guard let object = record.deployment, !isFailed else { return .done }
        let document = try document(record, object)
        let wanted = (0..<document.replicas).map(document.podName)
        let surplus = record.pods.filter { $0.template == document.templateHash && !$0.isFallback && !wanted.contains($0.name) }
        if !surplus.isEmpty {
            try await remove(surplus)
            record.pods.removeAll { surplus.contains($0) }
        }
        let present = Set(record.pods.filter { watch.inspections[$0.container] != nil && !$0.isFallback }.map(\.name))
        // A machine that was switched off, or somebody, stopped it. One that crashed is started by Podman.
        for pod in record.pods
        where !pod.hasFailed && wanted.contains(pod.name) && watch.inspections[pod.container]?.state.status == "exited" && pod.lastExit != nil {
            if (watch.inspections[pod.container]?.restartCount ?? 0) == 0 { _ = try await podman.run(["pod", "start", pod.name]) }
        }
        let missing = wanted.indices.filter { !present.contains(wanted[$0]) }
        guard !missing.isEmpty else { return .done }

        try await makeRoom(&record, for: document)
        try await ensureNetwork(record.environment.namespace ?? "default")
        for replica in missing {
            let outcome = try await play(replica, document, &record)
            guard outcome == .done else { return outcome }
        }
        return .done
    }

    /// Stops the pods of other templates; those that ran are kept as what to fall back on.
    private func makeRoom(_ record: inout LocalRecord, for document: PodDocument) async throws {
        let others = record.pods.filter { $0.template != document.templateHash }
        guard !others.isEmpty else { return }
        let ran = record.environment.status?.deployedRevision != nil
        let served = others.filter { !$0.hasFailed }
        let newest = (served.last { !$0.isFallback } ?? served.last)?.template
        let kept = served.filter { ran && $0.template == newest }
        // Before anything is done: whoever is interrupted meanwhile knows what to start again.
        for index in record.pods.indices where kept.contains(record.pods[index]) { record.pods[index].isFallback = true }
        try await remove(others.filter { !kept.contains($0) })
        record.pods.removeAll { pod in others.contains(pod) && !kept.contains(pod) }
        try await stop(kept, seconds: settings.terminationGracePeriod)
        try await waitForRelease(of: kept.flatMap { $0.ports ?? [] })
    }

    /// Ports are let go of a moment after Podman says that a pod has stopped. The newer pod is to have the same ones.
    private func waitForRelease(of ports: [PublishedPort]) async throws {
        let end = ContinuousClock.now + .seconds(2)
        for port in ports {
            while Loopback.freePort([port.hostPort], isUDP: port.protocol == "UDP") == nil, ContinuousClock.now < end {
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    private func play(_ replica: Int, _ document: PodDocument, _ record: inout LocalRecord) async throws -> Outcome {
        let name = document.podName(replica)
        // Of an attempt that was interrupted between the two.
        record.pods.removeAll { $0.name == name }
        for attempt in 0..<3 {
            var ports = record.ports.filter { $0.replica != replica }
            for port in document.containerPorts {
                let before = record.ports.first { $0.replica == replica && $0.port == port.port && $0.protocol == port.protocol }?.hostPort
                // Ports below 1024 are for root alone on most machines.
                let natural = port.port < 1024 ? port.port + 8000 : port.port
                let first = attempt == 0 ? before ?? natural + replica : 0
                let taken = Set(ports.map(\.hostPort))
                let candidate = first
                let candidates = candidate == 0 ? [0] : (0..<10).map { candidate + $0 } + [0]
                let usable = candidates.filter { $0 == 0 || !taken.contains($0) }
                guard let free = Loopback.freePort(usable, isUDP: port.protocol == "UDP") else {
                    return .refused(.refused, "no port of this machine is free for port \(port.port) of the container")
                }
                ports.append(PublishedPort(replica: replica, port: port.port, protocol: port.protocol, hostPort: free))
            }
            let pod: JSONValue
            do {
                pod = try document.pod(replica, ports: ports)
            } catch let error as LocalError where error.code == .refused {
                return .refused(.refused, error.message)
            }
            let network = "\(network(record.environment.namespace ?? "default")):alias=\(record.environment.name)"
            try await podman.mustEventually(["pod", "rm", "--ignore", "-f", name])
            let result = try await play(pod, network: network)
            if result.isSuccess {
                record.ports = ports
                record.probeFailure = nil
                record.pods.append(
                    PlayedPod(
                        name: name, template: document.templateHash, replica: replica, labels: document.labels, annotations: document.annotations,
                        createdAt: timestamp, infra: Self.infra(in: result.output), ports: ports.filter { $0.replica == replica }))
                return .done
            }
            try await podman.mustEventually(["pod", "rm", "--ignore", "-f", name])
            guard result.complaint.contains("address already in use") else {
                return .refused(.refused, "the container cannot be created: \(result.reason)")
            }
        }
        return .refused(.refused, "the application's ports are taken by other programs of this machine again and again")
    }

    /// One at a time: two first ones would each make Podman's helper image, and one of them would be nobody's.
    func play(_ pod: JSONValue, network: String) async throws -> Podman.Result {
        let lock = try await FileLock.wait("\(store.directory)/locks/network")
        defer { _ = lock }
        let helper = try await podman.run(["images", "-q", "--filter", "reference=localhost/podman-pause"])
        if helper.output.isEmpty { try StateFiles.write([], to: store.helperImageMark) }
        return try await podman.run(["kube", "play", "--network", network, "-"], input: String(decoding: pod.encoded(), as: UTF8.self))
    }

    /// `kube play` prints `Pod:` and the identity; the infra container is named after its first twelve digits.
    static func infra(in output: String) -> String? {
        let lines = output.split(whereSeparator: \.isNewline)
        guard let index = lines.firstIndex(of: "Pod:"), lines.indices.contains(index + 1) else { return nil }
        return "\(lines[index + 1].prefix(12))-infra"
    }

    /// The new revision runs: the earlier one and its image are not needed any more.
    func forgetEarlier(_ record: inout LocalRecord) async throws {
        record.probeFailure = nil
        let earlier = record.pods.filter(\.isFallback)
        if !earlier.isEmpty {
            try await remove(earlier)
            record.pods.removeAll(where: \.isFallback)
        }
        // One earlier image stays, so that going back needs no build.
        if let running = record.environment.status?.buildDigest {
            record.images.removeAll { $0 == running }
            record.images.append(running)
        }
        while record.images.count > 2 {
            let tag = record.images.removeFirst()
            _ = try await podman.run(["rmi", "--ignore", image(of: record.environment, tag)])
        }
    }

    /// The new revision failed: the earlier one serves again, on the ports that it had.
    func bringBackEarlier(_ record: inout LocalRecord) async throws {
        try await stopFailed(&record)
        for index in record.pods.indices where record.pods[index].isFallback {
            // What failed may still be leaving, with its ports.
            do {
                try await podman.mustEventually(["pod", "start", record.pods[index].name])
            } catch is LocalError {
                // Why the newer one failed is what is to be told; the next sync starts it.
            }
            record.pods[index].isFallback = false
            if let ports = record.pods[index].ports {
                record.ports.removeAll { $0.replica == record.pods[index].replica }
                record.ports += ports
            }
        }
    }

    /// Podman would start what crashes again, without end and without a pause.
    func stopFailed(_ record: inout LocalRecord) async throws {
        let failed = record.pods.filter { !$0.isFallback && !$0.hasFailed }
        try await stop(failed, seconds: 1)
        for index in record.pods.indices where failed.contains(record.pods[index]) { record.pods[index].hasFailed = true }
    }

    // MARK: URLs

    /// Where the application answers: every TCP port of its Service, the first replica's first.
    func urls(of record: LocalRecord) -> [String] {
        let service = record.service?["spec"]
        guard service?["type"]?.stringValue != "ExternalName" else { return [] }
        let targets = (service?["ports"]?.arrayValue ?? []).filter { ($0["protocol"]?.stringValue ?? "TCP") == "TCP" }.compactMap {
            port -> (port: Int, isSecure: Bool)? in
            guard let number = port["targetPort"]?.intValue ?? port["port"]?.intValue else { return nil }
            return (number, number == 443 || port["name"]?.stringValue == "https")
        }
        // Ports are kept for replicas that may come back.
        let replicas = Set(record.pods.filter { !$0.isFallback }.map(\.replica))
        return record.ports.sorted { ($0.replica, $0.port) < ($1.replica, $1.port) }.compactMap { published in
            guard published.protocol == "TCP", replicas.contains(published.replica), let target = targets.first(where: { $0.port == published.port })
            else { return nil }
            return "\(target.isSecure ? "https" : "http")://127.0.0.1:\(published.hostPort)/"
        }
    }
}
