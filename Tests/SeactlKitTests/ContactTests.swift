import Foundation
import KubernetesClient
import KubernetesModel
import SeawayAPI
import Synchronization
import Testing

@testable import SeactlKit

/// An API server that is away for a while.
@Suite struct ContactTests {
    private static let gone = KubernetesError(.unreachable, "connection refused")

    /// A contact whose time passes as it pauses.
    private func contact(_ test: TestSystem, patience: Duration) -> ServerContact {
        final class Clock: Sendable {
            let time = Mutex(Duration.zero)
        }
        let clock = Clock()
        var system = test.system()
        system.elapsed = { clock.time.withLock { $0 } }
        system.sleep = { pause in
            try Task.checkCancellation()
            // The pause in which no answer comes is not one of these tests.
            guard pause != ServerContact.silence else { return try await Gate.never() }
            clock.time.withLock { $0 += pause }
        }
        let output = Output(PlainRenderer(), elapsed: system.elapsed, write: system.standardOutput.write)
        return ServerContact(output: output, system: system, patience: patience)
    }

    private func answers(_ errors: [any Error]) -> @Sendable () async throws -> Int {
        final class Script: Sendable {
            let errors: Mutex<[any Error]>
            init(_ errors: [any Error]) { self.errors = Mutex(errors) }
        }
        let script = Script(errors)
        return {
            if let error = script.errors.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) { throw error }
            return 1
        }
    }

    @Test func whatNeverAnsweredIsNotWaitedFor() async throws {
        let test = try TestSystem()
        let contact = contact(test, patience: .seconds(120))
        await #expect(throws: Self.gone) { try await contact.keepTrying(self.answers([Self.gone])) }
        #expect(test.stdout == "")
    }

    @Test func itIsWaitedForAndToldOnce() async throws {
        let test = try TestSystem()
        let contact = contact(test, patience: .seconds(120))
        _ = try await contact.keepTrying(answers([]))
        let etcd = KubernetesError(.api(Status(code: 500, message: "etcdserver: request timed out")), "GET: etcdserver: request timed out")
        #expect(try await contact.keepTrying(answers([Self.gone, etcd, Self.gone])) == 1)
        #expect(
            test.stdout == """
                note     the API server does not answer (no connection); waiting for it for up to 2 min 0 s
                note     the API server answers again

                """)
        #expect(try await contact.keepTrying(answers([etcd])) == 1)
        #expect(test.stdout.contains("the API server does not answer (etcdserver: request timed out)"))
    }

    @Test func patienceEnds() async throws {
        let test = try TestSystem()
        let contact = contact(test, patience: .seconds(10))
        _ = try await contact.keepTrying(answers([]))
        await #expect { try await contact.keepTrying(self.answers(Array(repeating: Self.gone, count: 100))) } throws: { error in
            (error as? CommandFailure)?.exit == .clusterFailed
        }
    }

    @Test(arguments: [
        (403, "Forbidden", "no"), (404, "NotFound", "no"), (422, "Invalid", "no"), (409, "Conflict", "no"),
        (500, "InternalError", "failed to create typed patch object: field not declared in schema"),
        (500, "InternalError", "failed calling webhook: connection refused"),
    ]) func refusalsAreAnswers(code: Int, reason: String, message: String) async throws {
        let test = try TestSystem()
        let contact = contact(test, patience: .seconds(120))
        _ = try await contact.keepTrying(answers([]))
        let refusal = KubernetesError(.api(Status(code: code, reason: reason, message: message)), message)
        await #expect(throws: refusal) { try await contact.keepTrying(self.answers([refusal])) }
        #expect(test.stdout == "")
    }
}

/// What is shown where a reason says too little.
@Suite struct ExplanationTests {
    private static let now = Date(timeIntervalSince1970: 1_800_000_000)

    private func event(_ kind: String, _ name: String, _ reason: String, type: String = "Warning", ago: Double, count: Int = 1)
        -> KubernetesModel.Event
    {
        KubernetesModel.Event(
            metadata: ObjectMeta(name: "\(name).\(reason)"), involvedObject: ObjectReference(kind: kind, name: name), type: type, reason: reason,
            message: "\(reason) happened\nand more", count: count, lastTimestamp: Timestamp(Self.now.addingTimeInterval(-ago)))
    }

    private var events: [KubernetesModel.Event] {
        [
            event("Pod", "hello-1", "Unhealthy", ago: 5, count: 3), event("Pod", "hello-1", "Pulled", type: "Normal", ago: 4),
            event("Pod", "hello2", "Unhealthy", ago: 3), event("Job", "hello-build", "FailedCreate", ago: 20),
        ]
    }

    @Test func warningsOfItsOwnObjectsAreShownUntilItIsReady() {
        let failing = Fixture.environment(Fixture.stalled(.deployed, .notReady, "not ready"))
        let text = StatusText.status(failing, events: events, now: Self.now)
        #expect(
            text.hasSuffix(
                """
                LAST SEEN  OBJECT           WARNING       MESSAGE
                20s        Job/hello-build  FailedCreate  FailedCreate happened
                5s         Pod/hello-1      Unhealthy     Unhealthy happened (3 times)

                """), "\(text)")
        #expect(!StatusText.status(Fixture.environment(Fixture.ready()), events: events, now: Self.now).contains("LAST SEEN"))
    }

    @Test func troubleOfTheOperatorIsShownThoughAllRuns() {
        let trouble = CommandFailure(
            .clusterFailed, "the sources cannot be sent", reason: "OperatorUnavailable", detail: "no endpoints", next: ["look"])
        let text = StatusText.status(Fixture.environment(Fixture.ready()), trouble: trouble, now: Self.now)
        #expect(text.contains("Trouble      OperatorUnavailable: no endpoints\n") && text.contains("Next         look\n"), "\(text)")
    }

    /// Of an operator that is newer than this `seactl`, say.
    @Test func aReasonThatNobodyForesawShowsConditionsAndWarnings() async throws {
        let strange = Reason(rawValue: "FluxCapacitorEmpty")
        var script = ScriptedCluster.Script()
        script.environment = Fixture.environment(Fixture.stalled(.deployed, strange, "1.21 GW are missing"))
        script.events = events
        let failure = CommandFailure.stalled(
            "hello/dev", status: try #require(script.environment?.status),
            cause: try #require(script.environment?.status?.condition(.deployed)))
        #expect(failure.needsExplanation)
        let explained = await failure.explained(by: ScriptedCluster(script).access, Fixture.key, now: Self.now)
        let text = explained.lines.joined(separator: "\n")
        for part in ["1.21 GW are missing", "Deployed=False (FluxCapacitorEmpty)", "Pod/hello-1", "Unhealthy happened"] {
            #expect(text.contains(part), "'\(part)' is not in \(text)")
        }
        for reason in Reason.buildFailures.union(Reason.deployFailures) {
            #expect(!CommandFailure(.buildFailed, "x", reason: reason.rawValue).needsExplanation)
        }
    }
}
