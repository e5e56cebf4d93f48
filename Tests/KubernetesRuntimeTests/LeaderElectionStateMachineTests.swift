import Foundation
import KubernetesModel
import Testing

@testable import KubernetesRuntime

@Suite struct LeaderElectionStateMachineTests {
    typealias Machine = LeaderElectionStateMachine
    private let start = ContinuousClock.now
    private let wall = Timestamp(Date(timeIntervalSince1970: 1_000_000_000))

    private func at(_ seconds: Double) -> Machine.Instant { start + .seconds(seconds) }
    private func lease(_ holder: String?, version: String, renewed: Double = 0, transitions: Int = 0) -> Lease {
        Lease(
            metadata: ObjectMeta(name: "l", namespace: "n", uid: "u", resourceVersion: version),
            spec: .init(
                holderIdentity: holder, leaseDurationSeconds: 15, acquireTime: MicroTimestamp(wall),
                renewTime: MicroTimestamp(Timestamp(wall.date.addingTimeInterval(renewed))), leaseTransitions: transitions))
    }

    /// Asks for the next step, which must be that one, and answers it after `took` seconds.
    private func play(_ machine: inout Machine, at time: Double, took: Double = 0, _ answer: Machine.Answer) -> Machine.Step {
        let step = machine.next(now: at(time), wall: wall)
        machine.answered(step, answer, sent: at(time), now: at(time + took), random: 0)
        return step
    }

    private func holder(_ step: Machine.Step) -> String? {
        switch step {
        case .create(let spec), .update(let spec, _): spec.holderIdentity
        default: nil
        }
    }

    private func leader(at time: Double = 0) -> Machine {
        var machine = Machine(identity: "me", timing: .standard)
        _ = play(&machine, at: time, .missing)
        _ = play(&machine, at: time, .found(lease("me", version: "1")))
        return machine
    }

    @Test func theFirstCreatesTheLease() {
        var machine = Machine(identity: "me", timing: .standard)
        #expect(play(&machine, at: 0, .missing) == .read)
        let step = play(&machine, at: 1, took: 3, .found(lease("me", version: "1")))
        #expect(
            step
                == .create(
                    .init(
                        holderIdentity: "me", leaseDurationSeconds: 15, acquireTime: MicroTimestamp(wall), renewTime: MicroTimestamp(wall),
                        leaseTransitions: 0)))
        // Counted from before the request was sent, not from its answer.
        #expect(machine.leadsUntil == at(11))
    }

    @Test func twoCreateAtOnceAndOneLeads() {
        var machine = Machine(identity: "me", timing: .standard)
        _ = play(&machine, at: 0, .missing)
        _ = play(&machine, at: 0, .conflict)
        #expect(machine.leadsUntil == nil)
        #expect(machine.next(now: at(1), wall: wall) == .wait(until: at(2)))
        #expect(play(&machine, at: 2, .found(lease("other", version: "1"))) == .read)
        #expect(machine.next(now: at(3), wall: wall) == .wait(until: at(4)))
        #expect(machine.holder == "other")
    }

    /// The times in the record are of another machine's clock: they are compared with nothing.
    @Test(arguments: [-100_000.0, 0, 100_000]) func aLeaseExpiresByTheClockHereAlone(skew: Double) {
        var machine = Machine(identity: "me", timing: .standard)
        _ = play(&machine, at: 0, .found(lease("other", version: "5", renewed: skew, transitions: 3)))
        for time in stride(from: 2.0, to: 15, by: 2) {
            #expect(play(&machine, at: time, .found(lease("other", version: "5", renewed: skew, transitions: 3))) == .read)
        }
        _ = play(&machine, at: 16, .found(lease("other", version: "5", renewed: skew, transitions: 3)))
        guard case .update(let spec, "5") = machine.next(now: at(16), wall: wall) else {
            Issue.record("does not take over")
            return
        }
        #expect(spec.holderIdentity == "me" && spec.leaseTransitions == 4 && spec.acquireTime == MicroTimestamp(wall))
    }

    @Test func whoRenewsKeepsTheLease() {
        var machine = Machine(identity: "me", timing: .standard)
        for round in 0..<40 {
            let step = play(&machine, at: Double(round) * 3, .found(lease("other", version: "\(round)", renewed: Double(round) * 3)))
            #expect(step == .read)
        }
    }

    @Test func aLabelIsNoRenewal() {
        var machine = Machine(identity: "me", timing: .standard)
        _ = play(&machine, at: 0, .found(lease("other", version: "5")))
        _ = play(&machine, at: 14, .found(lease("other", version: "6")))
        _ = play(&machine, at: 16, .found(lease("other", version: "7")))
        guard case .update(_, "7") = machine.next(now: at(16), wall: wall) else {
            Issue.record("does not take over")
            return
        }
    }

    @Test(arguments: ["", nil, "me"]) func aFreeLeaseIsTakenAtOnce(holder: String?) {
        var machine = Machine(identity: "me", timing: .standard)
        _ = play(&machine, at: 0, .found(lease(holder, version: "5", transitions: 1)))
        guard case .update(let spec, "5") = machine.next(now: at(0), wall: wall) else {
            Issue.record("does not take over")
            return
        }
        #expect(spec.leaseTransitions == (holder == "me" ? 1 : 2))
    }

    @Test func aLeaderRenewsEveryTwoSeconds() {
        var machine = leader()
        #expect(machine.next(now: at(1), wall: wall) == .wait(until: at(2)))
        let step = play(&machine, at: 2, took: 1, .found(lease("me", version: "2")))
        guard case .update(_, "1") = step else {
            Issue.record("\(step)")
            return
        }
        #expect(machine.leadsUntil == at(12))
        #expect(machine.next(now: at(3), wall: wall) == .wait(until: at(4)))
    }

    @Test func aLeaderThatIsCutOffStopsBeforeOthersBegin() {
        var machine = leader()
        for time in [2.0, 4, 6, 8] {
            #expect(holder(play(&machine, at: time, .failed)) == "me")
            #expect(machine.leadsUntil == at(10))
        }
        // Not later than the deadline, however long the pause.
        _ = play(&machine, at: 9.5, .failed)
        #expect(machine.next(now: at(9.9), wall: wall) == .wait(until: at(10)))
        guard case .lost = machine.next(now: at(10), wall: wall) else {
            Issue.record("still leads")
            return
        }
        #expect(machine.leadsUntil == nil && machine.release(wall: wall) == nil)
    }

    @Test func aLeaderThatWasFrozenDoesNotRenew() {
        var machine = leader()
        guard case .lost = machine.next(now: at(3600), wall: wall) else {
            Issue.record("renews after an hour")
            return
        }
    }

    @Test func aConflictIsLookedInto() {
        var machine = leader()
        _ = play(&machine, at: 2, .conflict)
        #expect(play(&machine, at: 2, .found(lease("me", version: "7"))) == .read)
        // The reading is no renewal.
        #expect(machine.leadsUntil == at(10))
        guard case .update(_, "7") = play(&machine, at: 2.5, .found(lease("me", version: "8"))) else {
            Issue.record("does not renew")
            return
        }
        #expect(machine.leadsUntil == at(12.5))

        _ = play(&machine, at: 5, .conflict)
        _ = play(&machine, at: 5, .found(lease("other", version: "9")))
        #expect(machine.next(now: at(5), wall: wall) == .lost("'other' holds the Lease now"))
        #expect(machine.holder == "other")
    }

    @Test func aDeletedLeaseIsWrittenAnewUnlessAnotherWasFaster() {
        var machine = leader()
        _ = play(&machine, at: 2, .missing)
        guard case .create(let spec) = machine.next(now: at(2), wall: wall) else {
            Issue.record("does not create")
            return
        }
        #expect(spec.leaseTransitions == 0)
        _ = play(&machine, at: 2, .conflict)
        _ = play(&machine, at: 2, .found(lease("other", version: "20")))
        #expect(machine.leadsUntil == nil)
    }

    @Test func releasingNamesNobody() {
        let machine = leader()
        guard case .update(let spec, "1")? = machine.release(wall: wall) else {
            Issue.record("does not release")
            return
        }
        #expect(spec.holderIdentity == "" && spec.leaseDurationSeconds == 1)
        #expect(Machine(identity: "me", timing: .standard).release(wall: wall) == nil)
    }

    @Test func theRecordedDurationIsNeverShorterThanTheReal() {
        #expect(LeaderElectionTiming(leaseDuration: .milliseconds(1500)).leaseSeconds == 2)
        #expect(LeaderElectionTiming(leaseDuration: .zero).leaseSeconds == 1)
        #expect(LeaderElectionTiming.standard.leaseSeconds == 15)
    }

    @Test func leadershipEndsByItself() throws {
        let leadership = Leadership(until: at(10))
        #expect(leadership.isLeading(at: at(9.9)) && !leadership.isLeading(at: at(10)))
        #expect(!Leadership().isLeading())
        #expect(throws: (any Error).self) { try Leadership(until: start - .seconds(1)).check() }
    }
}
