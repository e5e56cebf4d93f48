import Foundation
import KubernetesModel
import SeawayAPI
import SeawayPlan
import Source
import Synchronization

// The build Job, done by Podman.
extension LocalEngine {
    private enum End: Sendable {
        case exited(Int)
        case deadline
        case superseded
    }

    /// Builds the image and writes how it went into the record, as the Job's and its pod's status.
    func build(_ job: Job, of key: ObjectKey) async throws {
        guard let record = try store.read(key) else { return }
        let environment = record.environment
        let tag = job.metadata.annotations?[Names.buildDigestAnnotation] ?? ""
        let output = try BuildOutput(file: store.buildLog(key))
        let retries = environment.spec.build?.retries ?? 0
        var end = End.exited(-1)
        for _ in 0...retries {
            end = try await run(environment, tag: tag, job, output)
            guard case .exited(let code) = end, code != 0 else { break }
        }
        if case .exited = end {} else { try await removeLeftovers(of: job, key, layers: output.layers) }
        let finished = end
        try await store.update(key) { stored in
            guard stored?.job?.metadata.uid == job.metadata.uid else { return }
            stored?.layers += output.layers.filter { !(record.layers.contains($0)) }
            switch finished {
            case .superseded:
                stored?.job = nil
                stored?.buildPod = nil
            case .deadline: stored?.finishBuild(at: timestamp, exitCode: 137, reason: "DeadlineExceeded")
            case .exited(let code):
                stored?.finishBuild(at: timestamp, exitCode: code, reason: "BackoffLimitExceeded")
                if code == 0 {
                    stored?.images.removeAll { $0 == tag }
                    stored?.images.append(tag)
                }
            }
        }
    }

    private func run(_ environment: Environment, tag: String, _ job: Job, _ output: BuildOutput) async throws -> End {
        guard let scan = sources.scan(environment.key), scan.tree.revision.hex == environment.spec.revision else {
            output.append("Error: the sources of this revision are not at hand; sync again")
            return .exited(1)
        }
        let build = environment.spec.build ?? .init()
        let dockerfile = build.dockerfile ?? EnvironmentSpec.Build.defaultDockerfile
        guard scan.tree.entries.contains(where: { $0.path == dockerfile }) else {
            output.append("Error: stat \(dockerfile): no such file or directory")
            return .exited(125)
        }
        let archive = ContextArchive(scan, context: build.context, dockerfile: dockerfile)
        var podman = podman
        for variable in build.env ?? [] {
            if let name = variable["name"]?.stringValue, let value = variable["value"]?.stringValue { podman.variables[name] = value }
        }
        let memory = build.resources?["limits"]?["memory"]?.stringValue.flatMap(Quantity.bytes)
        if memory != nil, !podman.limitsMemory {
            output.append("the limit of memory is not kept: Podman needs root or version 2 of the control groups for it")
        }
        let arguments = Self.arguments(
            build, dockerfile: archive.dockerfile, image: image(of: environment, tag), memory: podman.limitsMemory ? memory : nil)
        let builder = podman
        return try await withThrowingTaskGroup(of: End.self) { group in
            group.addTask {
                .exited(
                    try await builder.build(arguments) { send in
                        try await archive.write(send)
                    } onLine: {
                        output.append($0)
                    })
            }
            group.addTask {
                try await Task.sleep(for: .seconds(job.spec?.activeDeadlineSeconds ?? OperatorDefaults.buildDeadline))
                return .deadline
            }
            group.addTask {
                while try store.read(environment.key)?.environment.isNewer(than: environment) == false {
                    try await Task.sleep(for: .milliseconds(500))
                }
                return .superseded
            }
            defer { group.cancelAll() }
            return try await group.next() ?? .exited(-1)
        }
    }

    /// Removes the containers in which a build that was ended worked. Podman keeps them, and with them the images they stand on.
    func removeLeftovers(of job: Job, _ key: ObjectKey, layers: [String]) async throws {
        struct Leftover: Decodable {
            var id: String
            var image: String
            var names: [String]
            var created: Int

            enum CodingKeys: String, CodingKey {
                case id = "Id"
                case image = "ImageID"
                case names = "Names"
                case created = "Created"
            }
        }
        let started = job.status?.startTime.map { Int($0.date.timeIntervalSince1970) } ?? .max
        // `STEP 1/9: FROM registry/base:1`: the first one is named after the last part of the image's name.
        let bases = buildLogLines(key, last: .max).filter { $0.hasPrefix("STEP ") && $0.contains(": FROM ") }.compactMap { line -> String? in
            let words = line.split(separator: " ")
            guard let from = words.firstIndex(of: "FROM"), words.indices.contains(from + 1) else { return nil }
            return words[from + 1].split(separator: "/").last?.split(separator: ":").first.map(String.init)
        }
        let result = try await podman.run(["ps", "--all", "--external", "--format", "json"])
        let all = (try? JSONDecoder().decode([Leftover].self, from: Data(result.output.utf8))) ?? []
        let ours = all.filter { container in
            guard let name = container.names.first, name.contains("-working-container"), container.created >= started else { return false }
            return layers.contains { container.image.hasPrefix($0) } || bases.contains { name.hasPrefix("\($0)-working-container") }
        }
        if !ours.isEmpty { _ = try await podman.run(["rm", "--force"] + ours.map(\.id)) }
    }

    /// What Podman is told. Pure.
    /// - Parameter memory: limit in bytes.
    static func arguments(_ build: EnvironmentSpec.Build, dockerfile: String, image: String, memory: Int?) -> [String] {
        var arguments = ["build", "--force-rm", "--tag", image, "--file", dockerfile]
        for (name, value) in (build.buildArgs ?? [:]).sorted(by: { $0.key < $1.key }) { arguments += ["--build-arg", "\(name)=\(value)"] }
        if let target = build.target { arguments += ["--target", target] }
        if let platform = build.platform { arguments += ["--platform", platform] }
        if build.cache?.type == "none" { arguments.append("--no-cache") }
        if let memory { arguments += ["--memory", "\(memory)", "--memory-swap", "\(memory)"] }
        return arguments + ["-"]
    }

    func buildLogLines(_ key: ObjectKey, last count: Int) -> [String] {
        guard let data = FileManager.default.contents(atPath: store.buildLog(key)) else { return [] }
        return Array(String(decoding: data, as: UTF8.self).split(whereSeparator: \.isNewline).suffix(count).map(String.init))
    }
}

/// What a build says: kept in a file for those who look later, its last lines and step images at hand.
final class BuildOutput: Sendable {
    private struct State {
        var lines: [String] = []
        var layers: [String] = []
    }
    private let state = Mutex(State())
    private let handle: FileHandle

    init(file: String) throws {
        try StateFiles.write([], to: file)
        guard let handle = FileHandle(forWritingAtPath: file) else { throw StateFiles.unusable(file) }
        self.handle = handle
    }

    deinit { try? handle.close() }

    var lines: [String] { state.withLock(\.lines) }
    var layers: [String] { state.withLock(\.layers) }

    /// The images of steps that lines name: `--> 03acef37c4b`.
    static func layers(in lines: [String]) -> [String] {
        lines.compactMap { line in
            guard line.hasPrefix("--> "), let id = line.split(separator: " ").last?.prefix(11), id.count == 11, id.allSatisfy(\.isHexDigit)
            else { return nil }
            return String(id)
        }
    }

    func append(_ line: String) {
        state.withLock { state in
            state.lines = state.lines.suffix(99) + [line]
            state.layers += Self.layers(in: [line]).filter { !state.layers.contains($0) }
            // A full disk shows in the build itself.
            try? handle.write(contentsOf: Data((line + "\n").utf8))
        }
    }
}

extension LocalRecord {
    fileprivate mutating func finishBuild(at time: Timestamp, exitCode: Int, reason: String) {
        job?.status?.active = 0
        job?.status?.completionTime = time
        let isDone = exitCode == 0
        job?.status?.conditions = [
            ObjectCondition(type: isDone ? "Complete" : "Failed", status: "True", reason: isDone ? nil : reason, lastTransitionTime: time)
        ]
        buildPod?.status?.phase = isDone ? "Succeeded" : "Failed"
        buildPod?.status?.containerStatuses = [
            ContainerStatus(
                name: Names.buildContainer,
                state: .init(terminated: .init(exitCode: exitCode, reason: isDone ? "Completed" : "Error", finishedAt: time)))
        ]
    }
}

extension Environment {
    fileprivate func isNewer(than other: Environment) -> Bool {
        metadata.generation != other.metadata.generation || metadata.deletionTimestamp != nil
    }
}

extension Quantity {
    /// The bytes of a quantity of memory; `nil` when it is none. More than fits is all there is.
    static func bytes(_ text: String) -> Int? {
        let units: [String: Double] = [
            "": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "Ki": 1024, "Mi": 1_048_576, "Gi": 1_073_741_824, "Ti": 1_099_511_627_776,
        ]
        let number = text.prefix { $0.isNumber || $0 == "." }
        guard let value = Double(number), let unit = units[String(text.dropFirst(number.count))] else { return nil }
        return Int(exactly: (value * unit).rounded()) ?? .max
    }
}
