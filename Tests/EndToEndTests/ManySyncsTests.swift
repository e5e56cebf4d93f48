import Foundation
import KubernetesClient
import KubernetesModel
import KubernetesRuntime
import SeawayAPI
import Synchronization
import Testing

/// More people sync at once than may build at once.
@Suite(.enabled(if: !TestCluster.isSkipped), .timeLimit(.minutes(40)))
struct ManySyncsTests {
    private static let slots = 4

    @Test func aDozenSyncsShareTheBuildSlotsFairly() async throws {
        try await TestCluster.with { cluster in
            // One namespace wants three times as much as two others.
            let id = UUID().uuidString.prefix(6).lowercased()
            let applications = [(8, "many"), (2, "few"), (2, "other")].flatMap { count, name in
                (1...count).map { number in
                    Application(
                        name: "web-\(number)", namespace: "e2e-\(id)-\(name)",
                        directory: FileManager.default.temporaryDirectory.appending(path: "seaway-\(id)-\(name)-\(number)").path, cluster: cluster)
                }
            }
            let result: Result<Void, any Error>
            do {
                result = .success(try await sync(applications, cluster))
            } catch {
                result = .failure(error)
            }
            for application in applications { await application.remove() }
            try result.get()
        }
    }

    private func sync(_ applications: [Application], _ cluster: TestCluster) async throws {
        for namespace in Set(applications.map(\.namespace)) {
            _ = try await cluster.client.create(["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(namespace)]])
        }
        for application in applications {
            let text = "\(application.namespace) \(application.name)"
            for (path, text) in application.webServer(says: text) { try application.write(path, text) }
            // Layers that were kept would make some builds too short to wait for.
            try application.configure(build: ["cache: {type: none}"])
        }
        let builds = Builds()
        try await withThrowingTaskGroup(of: Ended?.self) { group in
            for application in applications { group.addTask { try await application.sync().ended } }
            group.addTask {
                try await builds.follow(cluster, Set(applications.map(\.namespace)))
                return nil
            }
            var waited = 0
            for _ in applications {
                guard let ended = try await group.next() ?? nil else { throw CancellationError() }
                try #require(ended.exitCode == 0, "\(ended)")
                if ended.output.contains(/waiting for a build slot, place \d+ in the queue/) { waited += 1 }
            }
            group.cancelAll()
            #expect(waited >= applications.count - 2 * Self.slots, "\(waited) saw their place in the queue")
        }
        for application in applications {
            let status = try #require(try await cluster.environment(application).status)
            try await application.serves(try #require(status.urls?.first), "\(application.namespace) \(application.name)")
        }
        let spans = builds.spans
        #expect(spans.count == applications.count, "one build each: \(spans)")
        for span in spans {
            let atOnce = spans.count { $0.began <= span.began && span.began < ($0.ended ?? .max) }
            #expect(atOnce <= Self.slots, "\(atOnce) at once: \(spans)")
        }
        // Who wants little does not wait for who wants much: the last build of all is of the namespace that wants most.
        let last = spans.max { $0.began < $1.began }
        #expect(last?.key.namespace?.hasSuffix("-many") == true, "\(spans)")
    }

    /// A build, by the order in which the API server knew of its beginning and its end.
    fileprivate struct Span {
        var key: ObjectKey
        var began: UInt64
        var ended: UInt64?
    }

    /// What was built, and when: from the build's pod until the Environment tells that its image is there.
    private final class Builds: Sendable {
        private let began = Mutex<[ObjectKey: [UInt64]]>([:])
        private let ended = Mutex<[ObjectKey: UInt64]>([:])

        var spans: [Span] {
            let ends = ended.withLock { $0 }
            return began.withLock { $0 }.flatMap { key, begins in begins.map { Span(key: key, began: $0, ended: ends[key]) } }
        }

        func follow(_ cluster: TestCluster, _ namespaces: Set<String>) async throws {
            let pods = Informer<Pod>(client: cluster.client, labelSelector: "\(Names.managedByLabel)=\(Names.managedByValue)")
            pods.onChange { key, old, new in
                guard old == nil, let new, let name = new.metadata.labels?[Names.buildLabel], let namespace = key.namespace,
                    namespaces.contains(namespace), let version = new.metadata.resourceVersion.flatMap({ UInt64($0) })
                else { return }
                self.began.withLock { $0[ObjectKey(namespace: namespace, name: name), default: []].append(version) }
            }
            let environments = Informer<Environment>(client: cluster.client)
            environments.onChange { key, _, new in
                guard new?.status?.isTrue(.imageBuilt) == true, let version = new?.metadata.resourceVersion.flatMap({ UInt64($0) }) else { return }
                self.ended.withLock { ended in if ended[key] == nil { ended[key] = version } }
            }
            async let followed: Void = environments.run()
            try await pods.run()
            try await followed
        }
    }
}
