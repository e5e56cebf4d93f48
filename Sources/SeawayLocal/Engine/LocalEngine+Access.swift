import Foundation
import KubernetesModel
import SeawayAPI

// What a cluster's API offers of pods: lists, logs, exec.
extension LocalEngine {
    /// The application's pods as a cluster would show them, or the pod of the build.
    public func pods(of key: ObjectKey, build: Bool) async throws -> [Pod] {
        guard var record = try store.read(key) else { return [] }
        if build { return [record.buildPod].compactMap(\.self) }
        // Those that were put aside for a newer revision do not count.
        record.pods.removeAll(where: \.isFallback)
        var watch = PodWatch(trustsAge: true)
        watch.asksProbes = false
        try await observe(&record, &watch)
        return watch.pods
    }

    /// The environment that a pod belongs to.
    public func key(ofPod name: String, namespace: String) async throws -> ObjectKey? {
        try store.keys(namespace: namespace).first { key in
            let record = try store.read(key)
            return record?.buildPod?.name == name || record?.pods.contains { $0.name == name } == true
        }
    }

    /// Hands over a log line by line.
    /// - Throws: `LocalError` when there is no such pod.
    public func log(
        of key: ObjectKey, pod name: String, container: String, follow: Bool, tailLines: Int?, _ onLine: @escaping @Sendable (String) -> Void
    ) async throws {
        if container == Names.buildContainer { return try await buildLog(key, pod: name, follow: follow, tailLines: tailLines, onLine) }
        guard let pod = try store.read(key)?.pods.first(where: { $0.name == name }) else {
            throw LocalError(.refused, "there is no pod \(name)", next: ["`seactl env status` tells how the environment is"])
        }
        if !follow, let tailLines {
            if tailLines > 0 { try await podman.logTail(pod.container, lines: tailLines).forEach(onLine) }
            return
        }
        var arguments = ["logs"]
        if follow { arguments.append("--follow") }
        if let tailLines {
            arguments += ["--tail", "\(tailLines)"]
        } else if follow, let run = try await inspect([pod.container])[pod.container], run.restartCount > 0 {
            // Podman keeps one log for all runs of a container; a cluster shows the last.
            arguments += ["--since", run.state.startedAt]
        }
        let code = try await podman.stream(arguments + [pod.container], onLine: onLine)
        guard code == 0 else { throw LocalError(.podmanFailed, "`podman logs \(pod.container)` ended with exit code \(code)") }
    }

    private func buildLog(
        _ key: ObjectKey, pod name: String, follow: Bool, tailLines: Int?, _ onLine: @Sendable (String) -> Void
    ) async throws {
        var shown = 0
        var first = true
        while true {
            // Asked before the file is read: what a build that is over wrote is all there then.
            let pod = try store.read(key)?.buildPod
            let isOver = pod?.metadata.name != name || pod?.status?.phase != "Running"
            let data = FileManager.default.contents(atPath: store.buildLog(key)) ?? Data()
            let end = isOver ? data.count : (data.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0)
            if end > shown {
                var lines = String(decoding: data[shown..<end], as: UTF8.self).split(whereSeparator: \.isNewline).map(String.init)
                if first, let tailLines { lines = lines.suffix(tailLines) }
                lines.forEach(onLine)
                shown = end
            }
            first = false
            if isOver || !follow { return }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// Runs a command in the application's container, on this process's own streams.
    /// - Parameter pod: default the first one that runs.
    /// - Returns: its exit code.
    /// - Throws: `LocalError` when no container runs.
    public func exec(in key: ObjectKey, pod name: String? = nil, command: [String], interactive: Bool, terminal: Bool) async throws -> Int {
        let running = try await pods(of: key, build: false).filter {
            $0.status?.containerStatuses?.first?.state?.running != nil && (name == nil || $0.name == name)
        }
        guard let pod = running.first, let played = try store.read(key)?.pods.first(where: { $0.name == pod.name }) else {
            throw LocalError(.refused, "no container of \(key) runs", next: ["`seactl env status` tells why"])
        }
        var arguments = ["exec"]
        if interactive { arguments.append("--interactive") }
        if terminal { arguments.append("--tty") }
        return try await podman.attach(arguments + [played.container] + command)
    }
}
