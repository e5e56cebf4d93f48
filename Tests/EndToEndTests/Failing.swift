import Foundation
import KubernetesClient
import KubernetesModel
import SeawayAPI
import Testing

/// What a developer is told of a failure, wherever it is looked for.
struct ToldFailure: Sendable {
    var reason: Reason
    var exit: Int32
    /// Texts that the error, the status and `env status` all have.
    var saying: [String] = []
    /// The step whose condition tells it; `nil` when the cluster knows nothing of it.
    var step: ConditionType?

    init(_ reason: Reason, exit: Int32, at step: ConditionType?, saying: String...) {
        self.reason = reason
        self.exit = exit
        self.step = step
        self.saying = saying
    }
}

extension Application {
    /// As `with`, but only a few at once: builds that starve each other take longer than builds in turn.
    static func taken(_ files: [String: String]? = nil, _ body: @Sendable (Application, TestCluster) async throws -> Void) async throws {
        try await turns.take {
            try await TestCluster.with { cluster in
                try await Application.with(cluster, files: files) { try await body($0, cluster) }
            }
        }
    }

    private static let turns = Turns(3)

    /// Writes a manifest with more fields than the others have.
    /// - Parameters:
    ///   - build: fields of `build`, as flow mappings or scalars: `deadline: 5s`.
    ///   - fields: fields of the environment.
    func configure(replicas: Int = 1, build: [String] = [], _ fields: String...) throws {
        try write(
            "manifest.yaml",
            manifest(replicas: replicas).replacing("    build:\n", with: "    build:\n" + build.map { "      \($0)\n" }.joined())
                + fields.map { "    \($0)\n" }.joined())
    }

    /// Syncs, and checks that the failure is told alike by `sync`, the conditions, an event and `env status`.
    @discardableResult
    func fails(
        _ told: ToldFailure, _ arguments: String..., comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> Ended {
        let ended = try await seactl(["env", "sync"] + arguments)
        #expect(ended.exitCode == told.exit, "\(ended)", sourceLocation: sourceLocation)
        for text in [told.reason.rawValue] + told.saying {
            #expect(ended.errors.contains(text), "'\(text)' is not in \(ended)", sourceLocation: sourceLocation)
        }
        if let step = told.step { try await isTold(told, at: step, sourceLocation: sourceLocation) }
        return ended
    }

    /// Checks that the conditions, an event and `env status` tell a failure.
    func isTold(_ told: ToldFailure, at step: ConditionType, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let status = try #require(try await cluster.environment(self).status, sourceLocation: sourceLocation)
        #expect(ConditionInvariants.violations(status) == [], sourceLocation: sourceLocation)
        #expect(status.reason == told.reason.rawValue, "\(status)", sourceLocation: sourceLocation)
        #expect(status.condition(step)?.reason == told.reason, "\(status)", sourceLocation: sourceLocation)
        #expect(status.condition(.ready)?.status == .false, sourceLocation: sourceLocation)
        let shown = try await seactl("env", "status")
        #expect(shown.exitCode == 0, sourceLocation: sourceLocation)
        for text in [told.reason.rawValue] + told.saying {
            #expect(status.message?.contains(text) == true || text == told.reason.rawValue, "'\(text)': \(status)", sourceLocation: sourceLocation)
            #expect(shown.output.contains(text), "'\(text)' is not in \(shown)", sourceLocation: sourceLocation)
        }
        try await hasEvent(told.reason, sourceLocation: sourceLocation)
    }

    /// Waits for an event of the Environment with that reason.
    func hasEvent(_ reason: Reason, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let name = self.name
        _ = try await cluster.eventually("an event \(reason) of \(name)") {
            let events = try await cluster.client.list(
                Event.self, namespace: namespace, fieldSelector: "involvedObject.kind=Environment,involvedObject.name=\(name)")
            return events.items.contains { $0.reason == reason.rawValue } ? true : nil
        }
    }

    /// Syncs with success, and checks what is served then.
    /// - Returns: its URL.
    @discardableResult
    func works(_ arguments: String..., says page: String, sourceLocation: SourceLocation = #_sourceLocation) async throws -> String {
        let ended = try await seactl(["env", "sync"] + arguments)
        try #require(ended.exitCode == 0, "\(ended)", sourceLocation: sourceLocation)
        let url = try #require(ended.output.split(whereSeparator: \.isWhitespace).last { $0.hasPrefix("http://") }.map(String.init))
        try await serves(url, page, sourceLocation: sourceLocation)
        return url
    }

    func serves(_ url: String, _ page: String, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let answer = try await fetch(url)
        #expect(answer == (200, page + "\n"), "\(answer)", sourceLocation: sourceLocation)
    }

    /// The pods of the build that is there now.
    func buildPods() async throws -> [Pod] {
        try await cluster.client.list(Pod.self, namespace: namespace, labelSelector: "\(Names.buildLabel)=\(name)").items
    }

    /// Waits until the builder runs.
    func builds() async throws {
        _ = try await cluster.eventually("the builder to run") {
            let running = try await buildPods().contains { pod in
                pod.status?.containerStatuses?.contains { $0.name == Names.buildContainer && $0.state?.running != nil } ?? false
            }
            return running ? true : nil
        }
    }
}

/// Lets a few at once do something.
actor Turns {
    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(_ limit: Int) { free = limit }

    nonisolated func take(_ body: () async throws -> Void) async throws {
        await enter()
        do {
            try await body()
        } catch {
            await leave()
            throw error
        }
        await leave()
    }

    private func enter() async {
        guard free == 0 else {
            free -= 1
            return
        }
        await withCheckedContinuation { waiting.append($0) }
    }

    private func leave() {
        guard waiting.isEmpty else { return waiting.removeFirst().resume() }
        free += 1
    }
}

extension TestCluster {
    /// Does something while every status of the Environment is held to the rules.
    func checkingStatuses<Result: Sendable>(
        of application: Application, _ body: @Sendable () async throws -> Result
    ) async throws -> Result {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                var generation = 0
                // Ends with the group; a watch that the server ends early has seen enough.
                try? await client.withWatch(Environment.self, namespace: application.namespace, name: application.name) { events in
                    for try await event in events {
                        let seen: Environment? =
                            switch event {
                            case .added(let environment), .modified(let environment): environment
                            default: nil
                            }
                        guard let environment = seen, let status = environment.status else { continue }
                        #expect(ConditionInvariants.violations(status) == [], "\(status)")
                        let observed = status.observedGeneration ?? 0
                        #expect(observed >= generation && observed <= environment.metadata.generation ?? 0, "\(status)")
                        generation = observed
                    }
                }
            }
            let result = try await body()
            group.cancelAll()
            return result
        }
    }
}

extension Application {
    /// A kubeconfig whose user acts as another one.
    func kubeconfig(of user: String) async throws -> String {
        let view = try await run(
            ProcessInfo.processInfo.environment["KUBECTL"] ?? "kubectl",
            ["--kubeconfig", cluster.kubeconfig, "config", "view", "--minify", "--raw", "--flatten", "-o", "json"])
        var config = try JSONValue(parsing: Data(view.output.utf8))
        var users = try #require(config["users"]?.arrayValue, "\(view)")
        users[0]["user"]?["as"] = .string(user)
        config["users"] = .array(users)
        let file = directory + ".kubeconfig"
        try config.encoded().write(to: URL(filePath: file))
        return file
    }
}
