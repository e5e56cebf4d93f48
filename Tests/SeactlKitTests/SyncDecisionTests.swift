import KubernetesModel
import SeawayAPI
import Testing

@testable import SeactlKit

@Suite struct SyncDecisionTests {
    private func decide(_ existing: Environment?, _ wanted: WantedEnvironment = Fixture.wanted, takeOver: Bool = false) -> SyncDecision {
        .make(existing: existing, wanted: wanted, takeOver: takeOver)
    }

    @Test func upToDateOnlyWhenItRuns() {
        #expect(decide(Fixture.environment(Fixture.ready())) == .upToDate(urls: [Fixture.url]))
        #expect(decide(Fixture.environment(Fixture.building())) == .proceed(Fixture.wanted))
        #expect(decide(Fixture.environment(generation: 2, Fixture.ready(1))) == .proceed(Fixture.wanted))
        #expect(decide(nil) == .proceed(Fixture.wanted))
        var other = Fixture.wanted
        other.spec.replicas = 3
        #expect(decide(Fixture.environment(Fixture.ready()), other) == .proceed(other))
    }

    @Test func aFailedRevisionIsTriedAgain() {
        let failed = Fixture.environment(Fixture.stalled(.imageBuilt, .buildFailed, "x"))
        var again = Fixture.wanted
        again.spec.attempt = 1
        #expect(decide(failed) == .proceed(again))

        var second = failed
        second.spec.attempt = 1
        again.spec.attempt = 2
        #expect(decide(second) == .proceed(again))

        var running = Fixture.environment(Fixture.ready())
        running.spec.attempt = 2
        #expect(decide(running) == .upToDate(urls: [Fixture.url]))

        var changed = Fixture.wanted
        changed.spec.revision = "other"
        #expect(decide(second, changed) == .proceed(changed), "a new revision begins at no attempt")
    }

    @Test func foreignEnvironmentsAreRefused() {
        var foreign = Fixture.environment(Fixture.ready())
        foreign.metadata.annotations = [Names.ownerAnnotation: "bob"]
        guard case .refuse(let failure) = decide(foreign) else {
            Issue.record("not refused")
            return
        }
        #expect(failure.exit == .badInput)
        #expect(failure.headline.contains("bob"))
        #expect(failure.next.joined().contains("--take-over"))
        #expect(decide(foreign, takeOver: true) == .proceed(Fixture.wanted), "the owner changes, so it is applied")

        var stage = Fixture.environment(Fixture.ready())
        stage.metadata.labels = [Names.environmentNameLabel: "stage"]
        guard case .refuse(let clash) = decide(stage, takeOver: true) else {
            Issue.record("not refused")
            return
        }
        #expect(clash.exit == .badInput)
        #expect(clash.headline.contains("'stage'"))

        var deleting = Fixture.environment(Fixture.ready())
        deleting.metadata.deletionTimestamp = Fixture.since
        guard case .refuse(let going) = decide(deleting) else {
            Issue.record("not refused")
            return
        }
        #expect(going.exit == .clusterFailed)
    }

    @Test func theAppliedObjectHoldsOnlyWhatSeactlOwns() throws {
        let object = try Fixture.wanted.object(syncedAt: Fixture.since)
        #expect(
            object == [
                "apiVersion": "seaway.ctx.sh/v1beta1", "kind": "Environment",
                "metadata": [
                    "name": "hello", "namespace": "hello-dev", "labels": ["seaway.ctx.sh/environment-name": "dev"],
                    "annotations": ["seaway.ctx.sh/owner": "ann", "seaway.ctx.sh/synced-at": "2027-01-15T07:55:00Z"],
                ],
                "spec": ["revision": .string(Fixture.revision)],
            ])
    }
}

@Suite struct ContextGuardTests {
    private func check(last: String?, explicit: Bool = false, yes: Bool = false, canAsk: Bool = false) -> ContextGuard {
        .check(last: last, current: "prod", isExplicit: explicit, isConfirmed: yes, canAsk: canAsk)
    }

    @Test func proceedsWhenNothingChangedOrTheUserSaysSo() {
        #expect(check(last: nil) == .proceed)
        #expect(check(last: "prod") == .proceed)
        #expect(check(last: "dev", explicit: true) == .proceed)
        #expect(check(last: "dev", yes: true) == .proceed)
    }

    @Test func asksAPersonAndRefusesAScript() {
        guard case .ask(let question) = check(last: "dev", canAsk: true) else {
            Issue.record("not asked")
            return
        }
        #expect(question.contains("'dev'") && question.contains("'prod'"))
        guard case .refuse(let failure) = check(last: "dev") else {
            Issue.record("not refused")
            return
        }
        #expect(failure.exit == .badInput)
        #expect(failure.next == ["--context dev uses the cluster of the last sync", "--context prod or --yes goes on with the current one"])
    }
}
