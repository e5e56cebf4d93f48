import Foundation
import KubernetesClient
import KubernetesModel
import KubernetesRuntime
import Synchronization
import Testing

/// The way to the server breaks at random while 10,000 changes happen: each is seen, and none twice.
@Suite(.enabled(if: ControlPlane.isWanted), .timeLimit(.minutes(10))) struct TenThousandChangesTests {
    /// What an informer reported, one line for each change.
    private final class Seen: Sendable {
        private let state = Mutex<[String: Int]>([:])
        private let changed = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

        func add(_ line: String) {
            state.withLock { $0[line, default: 0] += 1 }
            changed.continuation.yield()
        }

        var lines: Set<String> { state.withLock { Set($0.keys) } }
        var repeated: [String] { state.withLock { $0.filter { $0.value > 1 }.map(\.key) } }

        /// Changes come in order: with the last one, all are there.
        func wait(for last: String) async {
            func isThere() -> Bool { state.withLock { $0[last] != nil } }
            if isThere() { return }
            for await _ in changed.stream where isThere() { return }
        }
    }

    private static let maps = 500

    /// Of ten, eight are patches, one is a new object and one its deletion; 48 requests are under way at any time.
    /// - Returns: what an informer must report of them.
    private func change(_ client: KubernetesClient, _ namespace: String, from first: Int, count: Int) async throws -> Set<String> {
        let expected = Seen()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in first..<(first + count) {
                if index - first >= 48 { try await group.next() }
                group.addTask {
                    let line: String
                    switch index % 10 {
                    case 8:
                        let made = try await client.create(.configMap("extra-\(index)", namespace, ["x": "\(index)"], labels: ["test": "yes"]))
                        line = "extra-\(index) \(made["metadata"]?["resourceVersion"]?.stringValue ?? "")"
                        // Gone again: three effects of one name, in this order.
                        try await client.delete(.configMaps, name: "extra-\(index)", namespace: namespace)
                        expected.add("extra-\(index) deleted")
                    case 9: return
                    default:
                        let name = "m\(index % Self.maps)"
                        let patch = APIRequest.mergePatch(
                            .configMaps, patch: ["data": ["x": .string("\(index)")]], name: name, namespace: namespace)
                        let made = try await client.send(patch, as: ConfigMap.self)
                        line = "\(name) \(made.metadata.resourceVersion ?? "")"
                    }
                    expected.add(line)
                }
            }
            try await group.waitForAll()
        }
        return expected.lines
    }

    @Test func nothingIsMissedAndNothingIsRepeated() async throws {
        let direct = try ControlPlane.configuration()
        let port = try #require(URL(string: direct.server)?.port)
        let proxy = try await TCPProxy.start(to: port, bytesPerConnection: 100_000...900_000)
        var cut = direct
        cut.server = "https://127.0.0.1:\(proxy.port)"
        let counting = try CutTransport(cut)
        try await ControlPlane.withNamespace { client, namespace in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<Self.maps {
                    if index >= 48 { try await group.next() }
                    group.addTask { _ = try await client.create(.configMap("m\(index)", namespace, ["x": "0"], labels: ["test": "yes"])) }
                }
                try await group.waitForAll()
            }
            try await ControlPlane.withClient(counting.client(cut)) { watching in
                let informer = Informer<ConfigMap>(client: watching, namespace: namespace, labelSelector: "test=yes")
                let seen = Seen()
                informer.onChange { key, _, new in seen.add("\(key.name) \(new?.metadata.resourceVersion ?? "deleted")") }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await informer.run() }
                    try await informer.store.waitUntilReady()
                    let before = Set(informer.store.all().map { "\($0.name) \($0.metadata.resourceVersion ?? "")" })
                    #expect(before.count == Self.maps)
                    let listed = counting.lists
                    let expected = try await change(client, namespace, from: 0, count: 10_000)
                    #expect(expected.count == 10_000)
                    let truth = try await client.list(ConfigMap.self, namespace: namespace, labelSelector: "test=yes")
                    let last = Set(truth.items.map { "\($0.name) \($0.metadata.resourceVersion ?? "")" })
                    let end: ConfigMap = try await client.create(.configMap("end", namespace, [:], labels: ["test": "yes"])).decode()
                    let written = expected.union(before).union(["end \(end.metadata.resourceVersion ?? "")"])
                    await seen.wait(for: "end \(end.metadata.resourceVersion ?? "")")
                    #expect(seen.repeated == [])
                    #expect(seen.lines.isSubset(of: written))
                    #expect(last.isSubset(of: seen.lines))
                    // A version too old leads to a list, which leaves out what was overwritten meanwhile.
                    if counting.lists == listed { #expect(seen.lines == written) }
                    #expect(informer.store.count == Self.maps + 1)
                    group.cancelAll()
                }
                print("10,000 changes: \(proxy.cuts) cuts, \(counting.watches) watches, \(counting.lists) lists")
            }
        }
        #expect(proxy.cuts > 5)
        try await proxy.stop()
    }
}
