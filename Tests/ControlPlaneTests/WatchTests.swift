import Foundation
import InstallManifests
import KubernetesClient
import KubernetesModel
import SeawayAPI
import Testing

@Suite(.enabled(if: ControlPlane.isWanted), .timeLimit(.minutes(10))) struct WatchTests {
    private func name(_ event: WatchEvent<ConfigMap>) -> String? {
        switch event {
        case .added(let map): "added \(map.name) \(map.data?["x"] ?? "")"
        case .modified(let map): "modified \(map.name) \(map.data?["x"] ?? "")"
        case .deleted(let map): "deleted \(map.name) \(map.data?["x"] ?? "")"
        default: nil
        }
    }

    @Test func aWatchSeesEverythingAndResumes() async throws {
        try await ControlPlane.withNamespace { client, namespace in
            // Kubernetes puts a ConfigMap of its own into every namespace; a label tells ours.
            let labels = ["test": "yes"]
            let start = try await client.list(ConfigMap.self, namespace: namespace).resourceVersion
            _ = try await client.create(.configMap("a", namespace, ["x": "1"], labels: labels))
            _ = try await client.mergePatch(.configMaps, ["data": ["x": "2"]], name: "a", namespace: namespace)

            let (seen, version) = try await client.withWatch(
                ConfigMap.self, namespace: namespace, labelSelector: "test=yes", resourceVersion: start, timeoutSeconds: 60
            ) { events in
                var seen: [String] = []
                for try await event in events {
                    if let name = name(event) { seen.append(name) }
                    if seen.count == 2 { return (seen, event.resourceVersion) }
                }
                return (seen, nil)
            }
            #expect(seen == ["added a 1", "modified a 2"])

            // What happens while nobody watches is seen by the next watch.
            try await client.delete(.configMaps, name: "a", namespace: namespace)
            let later = try await client.withWatch(
                ConfigMap.self, namespace: namespace, labelSelector: "test=yes", resourceVersion: version, timeoutSeconds: 60
            ) { events in
                for try await event in events { if let name = name(event) { return name } }
                return ""
            }
            #expect(later == "deleted a 2")
        }
    }

    @Test func theServerEndsAWatch() async throws {
        try await ControlPlane.withNamespace { client, namespace in
            let count = try await client.withWatch(Pod.self, namespace: namespace, timeoutSeconds: 1) { events in
                try await events.reduce(into: 0) { count, _ in count += 1 }
            }
            #expect(count == 0)
        }
    }

    @Test func cancellationEndsAWatchAtOnce() async throws {
        try await ControlPlane.withNamespace { client, namespace in
            let (started, continuation) = AsyncStream<Void>.makeStream()
            let task = Task {
                try await client.withWatch(ConfigMap.self, namespace: namespace) { events in
                    continuation.yield()
                    for try await _ in events {}
                }
            }
            for await _ in started { break }
            task.cancel()
            let result = await task.result
            #expect(throws: CancellationError.self) { try result.get() }
        }
    }

    @Test func aVersionTooOldIsGone() async throws {
        try await ControlPlane.withNamespace { client, namespace in
            try await ControlPlane.installEnvironments(client, try #require(try InstallManifests.customResourceDefinition()))
            // The server has known this kind for less long than its first versions.
            do {
                let last = try await client.withWatch(Environment.self, resourceVersion: "1", timeoutSeconds: 10) { events in
                    var last: WatchEvent<Environment>?
                    for try await event in events { last = event }
                    return last
                }
                guard case .error(let status) = last else {
                    Issue.record("the watch ended with \(String(describing: last))")
                    return
                }
                #expect(status.isGone)
            } catch let error as KubernetesError {
                #expect(error.isGone)
            }
        }
    }

    @Test func hundredsOfWatchesLeaveRoomForRequests() async throws {
        try await ControlPlane.withNamespace { client, namespace in
            try await withThrowingTaskGroup(of: Void.self) { group in
                let (started, continuation) = AsyncStream<Void>.makeStream()
                for _ in 0..<200 {
                    group.addTask {
                        try await client.withWatch(ConfigMap.self, namespace: namespace) { events in
                            continuation.yield()
                            for try await _ in events {}
                        }
                    }
                }
                var count = 0
                for await _ in started {
                    count += 1
                    if count == 200 { break }
                }
                _ = try await client.create(.configMap("a", namespace, [:]))
                #expect(try await client.get(ConfigMap.self, "a", namespace: namespace).name == "a")
                group.cancelAll()
                while let result = await group.nextResult() {
                    #expect(throws: CancellationError.self) { try result.get() }
                }
            }
        }
    }
}
