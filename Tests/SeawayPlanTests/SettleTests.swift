import Foundation
import KubernetesModel
import SeawayAPI
import Testing

@testable import SeawayPlan

/// From a plan and its outcomes to what people read.
struct SettleTests {
    private func settled(_ state: Observed, _ outcomes: [Outcome]? = nil) -> Settlement {
        let made = plan(state, settings)
        return settle(made, outcomes ?? made.actions.map { _ in .done }, of: state.environment, now: state.now)
    }

    private let url = Question.url("http://shop.dev.localhost:31080/")

    @Test func readyTellsRevisionImageAndURL() throws {
        let environment = environment()
        let status = try #require(settled(try deployed(environment, available: 1).answering([url: .yes])).status)
        #expect(status.isTrue(.ready))
        #expect(status.stage == "Revision deployed")
        #expect(status.deployedRevision == environment.spec.revision)
        #expect(status.image == "localhost:31555/dev/shop:\(digest(environment))")
        #expect(status.urls == ["http://shop.dev.localhost:31080/"])
        #expect(ConditionInvariants.violations(status) == [])
    }

    @Test func theSameStateIsWrittenOnce() throws {
        var state = try deployed(environment(), available: 1).answering([url: .yes])
        state.environment.status = try #require(settled(state).status)
        state.now = Timestamp(now.date.addingTimeInterval(60))
        let again = settled(state)
        #expect(again.status == nil)
        #expect(again.events.isEmpty)
    }

    @Test func aFailureAfterASuccessSaysBoth() throws {
        var state = try deployed(environment(), available: 1).answering([url: .yes])
        state.environment.status = try #require(settled(state).status)
        let old = state.environment.spec.revision
        state.environment.spec.revision = String(repeating: "b", count: 64)
        state.environment.metadata.generation = 2
        state.answers = sourceAnswer(state.environment)
        state.job = job(state.environment)
        state.buildPods = [pod("p", app: .init(name: "build", state: .init(terminated: .init(exitCode: 1))))]
        state.answers[.log(pod: "p", container: "build", previous: false)] = .lines(["no such file"])
        let status = try #require(settled(state).status)
        #expect(status.deployedRevision == old)
        #expect(status.image?.isEmpty == false)
        #expect(status.reason == "BuildFailed")
        #expect(status.isTrue(.stalled))
        #expect(status.message?.contains("no such file") == true)
        #expect(ConditionInvariants.violations(status) == [])
    }

    @Test func everyStateOnTheWayKeepsTheInvariants() throws {
        let environment = environment()
        let source = sourceAnswer(environment)
        let missing = observed(environment).answering(source).answering(imageAnswer(environment, .no))
        var building = missing
        building.job = job(environment)
        let states: [Observed] = [
            observed(environment).answering(sourceAnswer(environment, .no)),
            observed(environment).answering(sourceAnswer(environment, .unavailable("x"))),
            missing.answering([
                .defaultStorageClass: .no, .buildSlot: .queued(place: 3),
            ]), missing.answering([.buildSlot: .yes, .defaultStorageClass: .yes]), building,
            observed(environment).answering(source).answering(imageAnswer(environment, .unavailable("x"))),
            observed(environment).answering(source).answering(imageAnswer(environment, .yes)),
            try deployed(environment, available: 0), try deployed(environment, available: 1).answering([url: .no]),
        ]
        for state in states {
            let status = try #require(settled(state).status)
            #expect(ConditionInvariants.violations(status) == [], "\(status.stage ?? "")")
        }
    }

    @Test func aRefusedActionStallsTheStepItBelongsTo() throws {
        let environment = environment()
        let state = observed(environment).answering(sourceAnswer(environment)).answering(imageAnswer(environment, .yes))
        let settlement = settled(state, [.refused(.nameTaken, "Deployment dev/shop exists")])
        let status = try #require(settlement.status)
        #expect(status.condition(.deployed)?.reason == .nameTaken)
        #expect(status.isTrue(.stalled))
        #expect(!settlement.retries)
        #expect(ConditionInvariants.violations(status) == [])
    }

    @Test func anUnreachableServerIsTriedAgain() throws {
        let environment = environment()
        let state = observed(environment).answering(sourceAnswer(environment)).answering(imageAnswer(environment, .yes))
        let settlement = settled(state, [.done, .unavailable("connection refused")])
        #expect(settlement.retries)
        #expect(settlement.status?.isTrue(.reconciling) == true)
    }

    @Test func transitionTimesMoveWithTheStatusAlone() throws {
        let environment = environment()
        var state = try deployed(environment, available: 0)
        state.environment.status = try #require(settled(state).status)
        let before = state.environment.status?.condition(.ready)?.lastTransitionTime
        state.now = Timestamp(now.date.addingTimeInterval(5))
        state.environment.metadata.generation = 2
        state.deployment?.status?.updatedReplicas = 0
        state.deployment?.status?.conditions = [.init(type: "ReplicaFailure", status: "True", message: "quota")]
        let status = try #require(settled(state).status)
        #expect(status.condition(.ready)?.lastTransitionTime == before)
        #expect(status.condition(.deployed)?.lastTransitionTime == state.now)
    }

    @Test func everyChangeOfReasonIsOneEvent() throws {
        let environment = environment()
        var state = observed(environment).answering(sourceAnswer(environment)).answering(imageAnswer(environment, .no)).answering([
            .defaultStorageClass: .no, .buildSlot: .queued(place: 3),
        ])
        let first = settled(state)
        #expect(first.events.map(\.reason) == [.queued])
        state.environment.status = first.status
        #expect(settled(state).events.isEmpty)
    }
}
