import KubernetesModel
import SeawayAPI
import Testing

@testable import SeactlKit

@Suite struct SyncOutcomeTests {
    private func judge(_ environment: Environment?, generation: Int = 1) -> SyncOutcome {
        SyncOutcome.judge(
            environment: environment, applied: AppliedRevision(revision: Fixture.revision, generation: generation, uid: "uid-1"))
    }

    @Test func readyOnlyForTheRevisionAndGenerationThatWereApplied() {
        let isReady: (SyncOutcome) -> Bool = { if case .ready = $0 { true } else { false } }
        #expect(isReady(judge(Fixture.environment(Fixture.ready()))))
        #expect(!isReady(judge(Fixture.environment(generation: 2, Fixture.ready(1)), generation: 2)), "a status of an older generation")
        #expect(!isReady(judge(Fixture.environment(Fixture.ready(deployed: "other")))), "another revision runs")
        #expect(!isReady(judge(Fixture.environment(nil))), "no status yet")

        var stale = Fixture.ready(1)
        stale.observedGeneration = 2
        #expect(!isReady(judge(Fixture.environment(generation: 2, stale), generation: 2)), "conditions of an older generation")

        var working = Fixture.ready()
        working.conditions?.append(Condition(.reconciling, .true, .rollingOut, "", observedGeneration: 1, since: Fixture.since))
        #expect(!isReady(judge(Fixture.environment(working))), "still reconciling")

        var stalled = Fixture.ready()
        stalled.conditions?.append(Condition(.stalled, .true, .crashLoop, "crash", observedGeneration: 1, since: Fixture.since))
        #expect(!isReady(judge(Fixture.environment(stalled))), "stalled is never ready")
    }

    @Test(arguments: [
        (ConditionType.imageBuilt, Reason.buildFailed, CommandStatus.buildFailed),
        (.imageBuilt, .buildDeadlineExceeded, .buildFailed),
        (.imageBuilt, .buildOutOfMemory, .buildFailed),
        (.imageBuilt, .registryUnavailable, .buildFailed),
        (.imageBuilt, .unschedulable, .buildFailed),
        (.imageBuilt, Reason(rawValue: "SomethingNew"), .buildFailed),
        (.deployed, .crashLoop, .deployFailed),
        (.deployed, .imagePullFailed, .deployFailed),
        (.deployed, .unschedulable, .deployFailed),
        (.deployed, .refused, .deployFailed),
        (.deployed, .notReady, .deployFailed),
        (.deployed, .nameTaken, .deployFailed),
        (.deployed, Reason(rawValue: "SomethingNew"), .deployFailed),
        (.sourceReady, .sourceMissing, .clusterFailed),
        (.sourceReady, .invalidSpec, .badInput),
    ])
    func aStalledEnvironmentFails(step: ConditionType, reason: Reason, exit: CommandStatus) {
        guard case .failed(let failure, _) = judge(Fixture.environment(Fixture.stalled(step, reason, "headline\n  last line"))) else {
            Issue.record("not failed")
            return
        }
        #expect(failure.exit == exit)
        #expect(failure.reason == reason.rawValue)
        #expect(failure.detail == "headline\n  last line")
        #expect(failure.headline.contains("hello/dev (namespace hello-dev)"))
        #expect(!failure.next.isEmpty)
    }

    @Test func anOldFailureIsNotThisOnes() {
        let old = Fixture.environment(generation: 2, Fixture.stalled(.imageBuilt, .buildFailed, "old", generation: 1))
        #expect(judge(old, generation: 2) == .inProgress([StageReport(stage: .build, state: .running("waiting for the operator"))]))
    }

    @Test func goneReplacedOrSuperseded() {
        #expect(judge(nil) == .failed(.deletedWhileWaiting, []))
        var deleting = Fixture.environment(Fixture.ready())
        deleting.metadata.deletionTimestamp = Fixture.since
        #expect(judge(deleting) == .failed(.deletedWhileWaiting, []))
        var another = Fixture.environment(Fixture.ready())
        another.metadata.uid = "uid-2"
        #expect(judge(another) == .failed(.deletedWhileWaiting, []))
        let other = Fixture.environment(generation: 2, revision: "bbbbbbbbbbbbbbbb", Fixture.ready(2, deployed: "bbbbbbbbbbbbbbbb"))
        guard case .failed(let failure, _) = judge(other) else {
            Issue.record("somebody else's revision is not ours")
            return
        }
        #expect(failure.exit == .buildFailed && failure.reason == "Superseded")
        #expect(failure.headline.contains("bbbbbbbbbbbb"))
    }

    @Test func stagesFollowTheConditions() {
        #expect(
            judge(Fixture.environment(Fixture.building())).reports == [
                StageReport(stage: .build, state: .running("building the image"), reason: "Building")
            ])
        #expect(
            judge(Fixture.environment(Fixture.rollingOut())).reports == [
                StageReport(stage: .build, state: .done("image abc was built"), reason: "ImagePushed"),
                StageReport(stage: .deploy, state: .running("rolling out 1/2"), reason: "RollingOut"),
            ])
        #expect(
            judge(Fixture.environment(Fixture.stalled(.deployed, .crashLoop, "x"))).reports.last
                == StageReport(stage: .deploy, state: .failed("CrashLoop"), reason: "CrashLoop"))
        let noStore = Fixture.status([
            (.ready, .false, .sourceStoreUnavailable, "no answer"), (.sourceReady, .false, .sourceStoreUnavailable, "no answer"),
        ])
        #expect(
            judge(Fixture.environment(noStore)).reports == [
                StageReport(stage: .build, state: .running("no answer"), reason: "SourceStoreUnavailable")
            ])
    }
}
