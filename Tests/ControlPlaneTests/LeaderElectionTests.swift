import Foundation
import KubernetesClient
import KubernetesModel
import KubernetesRuntime
import Synchronization
import Testing

@Suite(.enabled(if: ControlPlane.isWanted), .timeLimit(.minutes(10))) struct LeaderElectionTests {
    // A busy machine may keep a process from its work for seconds, and a lease that is lost by that is none of these tests.
    private let timing = LeaderElectionTiming(leaseDuration: .seconds(12), renewDeadline: .seconds(10), retryPeriod: .milliseconds(200))

    /// Who began and ended to lead, in order; a test waits for it.
    private final class Diary: Sendable {
        private let lines = Mutex<[String]>([])
        private let changed = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

        func write(_ line: String) {
            lines.withLock { $0.append(line) }
            changed.continuation.yield()
        }

        var all: [String] { lines.withLock { $0 } }

        func wait(for line: String) async {
            if all.contains(line) { return }
            for await _ in changed.stream where all.contains(line) { return }
        }
    }

    private func election(_ client: KubernetesClient, _ namespace: String, _ identity: String) -> LeaderElection {
        LeaderElection(client: client, lease: ObjectKey(namespace: namespace, name: "operator"), identity: identity, timing: timing)
    }

    /// Leads until it is cancelled or loses the lease.
    private func lead(_ client: KubernetesClient, _ namespace: String, _ identity: String, _ diary: Diary) async -> (any Error)? {
        do {
            try await election(client, namespace, identity).withLeadership { leadership in
                diary.write("\(identity) leads")
                while !Task.isCancelled { try? await Task.sleep(for: .seconds(3600)) }
                diary.write("\(identity) ends\(leadership.isLeading() ? ", still leading" : "")")
            }
            return nil
        } catch {
            return error
        }
    }

    private func holder(_ client: KubernetesClient, _ namespace: String) async throws -> String? {
        try await client.get(Lease.self, "operator", namespace: namespace).spec?.holderIdentity
    }

    @Test func oneLeadsAndHandsOverAtOnce() async throws {
        try await ControlPlane.withNamespace { client, namespace in
            let diary = Diary()
            let first = Task { await lead(client, namespace, "a", diary) }
            await diary.wait(for: "a leads")
            let second = Task { await lead(client, namespace, "b", diary) }
            // The lease is much longer than what a release takes: were it waited for, this would not be "at once".
            let before = try await client.get(Lease.self, "operator", namespace: namespace)
            #expect(before.spec?.holderIdentity == "a" && before.spec?.leaseDurationSeconds == 12)
            first.cancel()
            _ = await first.value
            #expect(["", "b"].contains(try await holder(client, namespace)))
            await diary.wait(for: "b leads")
            #expect(diary.all == ["a leads", "a ends, still leading", "b leads"])
            let after = try await client.get(Lease.self, "operator", namespace: namespace)
            #expect(after.spec?.holderIdentity == "b" && after.spec?.leaseTransitions == 1)
            second.cancel()
            _ = await second.value
            #expect(try await holder(client, namespace) == "")
        }
    }

    @Test func aLeaderThatIsCutOffEndsBeforeTheNextBegins() async throws {
        try await ControlPlane.withNamespace { client, namespace in
            let configuration = try ControlPlane.configuration()
            let severed = try SeveredTransport(configuration)
            try await ControlPlane.withClient(severed.client(configuration)) { cut in
                let diary = Diary()
                let first = Task { await lead(cut, namespace, "a", diary) }
                await diary.wait(for: "a leads")
                let second = Task { await lead(client, namespace, "b", diary) }
                severed.cut()
                await diary.wait(for: "b leads")
                #expect(diary.all == ["a leads", "a ends", "b leads"])
                #expect(await first.value is LeadershipLost)
                second.cancel()
                _ = await second.value
            }
        }
    }

    @Test func aLeaseTakenByForceIsLost() async throws {
        try await ControlPlane.withNamespace { client, namespace in
            let diary = Diary()
            let first = Task { await lead(client, namespace, "a", diary) }
            await diary.wait(for: "a leads")
            // Whoever labels the lease takes nothing; the next renewal meets a conflict and goes on.
            _ = try await client.mergePatch(.leases, ["metadata": ["labels": ["seen": "yes"]]], name: "operator", namespace: namespace)
            let labelled = try await client.get(Lease.self, "operator", namespace: namespace)
            try await ControlPlane.wait(client, Lease.self, "operator", namespace: namespace) {
                ($0?.spec?.renewTime).map { time in labelled.spec?.renewTime.map { time > $0 } ?? false } ?? false
            }
            #expect(diary.all == ["a leads"])
            #expect(try await client.get(Lease.self, "operator", namespace: namespace).metadata.labels == ["seen": "yes"])

            _ = try await client.mergePatch(
                .leases, ["spec": ["holderIdentity": "thief", "leaseDurationSeconds": 60]], name: "operator", namespace: namespace)
            #expect(await first.value as? LeadershipLost == LeadershipLost(reason: "'thief' holds the Lease now"))
            #expect(try await holder(client, namespace) == "thief")
        }
    }

    @Test func aDeletedLeaseIsWrittenAnew() async throws {
        try await ControlPlane.withNamespace { client, namespace in
            let diary = Diary()
            let first = Task { await lead(client, namespace, "a", diary) }
            await diary.wait(for: "a leads")
            let before = try await client.get(Lease.self, "operator", namespace: namespace)
            try await client.delete(.leases, name: "operator", namespace: namespace)
            try await ControlPlane.wait(client, Lease.self, "operator", namespace: namespace) {
                $0.map { $0.metadata.uid != before.metadata.uid } ?? false
            }
            #expect(try await holder(client, namespace) == "a")
            #expect(diary.all == ["a leads"])
            first.cancel()
            _ = await first.value
        }
    }

    /// What a process does that was frozen: its lease is long over when it goes on.
    @Test func aGuardedClientWritesNothingOnceTheLeaseIsOver() async throws {
        try await ControlPlane.withNamespace { _, namespace in
            let configuration = try ControlPlane.configuration()
            let counting = try SeveredTransport(configuration)
            try await ControlPlane.withClient(counting.client(configuration)) { client in
                let leading = client.guardingWrites(Leadership(until: .now + .seconds(600)).check)
                _ = try await leading.create(.configMap("a", namespace, ["x": "1"]))
                #expect(counting.writeCount == 1)

                let over = client.guardingWrites(Leadership(until: .now - .seconds(1)).check)
                let writes: [@Sendable () async throws -> Void] = [
                    { _ = try await over.create(.configMap("b", namespace, [:])) },
                    { _ = try await over.apply(.configMap("a", namespace, ["x": "2"]), fieldManager: "test", force: true) },
                    { _ = try await over.mergePatch(.configMaps, ["data": ["x": "2"]], name: "a", namespace: namespace) },
                    { try await over.delete(.configMaps, name: "a", namespace: namespace) },
                    { try await over.deleteCollection(.configMaps, namespace: namespace, labelSelector: "x=y") },
                ]
                for write in writes {
                    let error = await #expect(throws: KubernetesError.self) { try await write() }
                    #expect(error?.code == .notLeading)
                }
                #expect(counting.writeCount == 1)
                #expect(try await over.get(ConfigMap.self, "a", namespace: namespace).data == ["x": "1"])
            }
        }
    }
}
