import Foundation
import KubernetesModel
import SeawayAPI
import Testing

@testable import SeawayPlan

/// Sequences that once went wrong.
struct PlanRegressionTests {
    @Test func aQueuedBuildKeepsItsPlace() {
        let environment = environment()
        let state = observed(environment).answering(sourceAnswer(environment)).answering(imageAnswer(environment, .no)).answering([
            .defaultStorageClass: .no, .buildSlot: .queued(place: 3),
        ])
        #expect(settle(plan(state, settings), [], of: environment, now: now).keepsBuildSlot)
    }

    @Test func aRefusedJobGivesItsSlotBack() {
        let environment = environment()
        let state = observed(environment).answering(sourceAnswer(environment)).answering(imageAnswer(environment, .no))
            .answering([.buildSlot: .yes, .defaultStorageClass: .no])
        let made = plan(state, settings)
        #expect(settle(made, [.done], of: environment, now: now).keepsBuildSlot)
        #expect(!settle(made, [.refused(.refused, "exceeded quota")], of: environment, now: now).keepsBuildSlot)
    }

    @Test func aPodOfAnEarlierJobDoesNotSpeakForTheNewOne() {
        let environment = environment()
        var state = observed(environment).answering(sourceAnswer(environment))
        state.job = job(environment)
        state.buildPods = [pod("old", app: .init(name: "build", state: .init(terminated: .init(exitCode: 0))), owner: "earlier-job")]
        #expect(plan(state, settings).progress.image == .working(.building, "waiting for the build pod"))
    }

    @Test func aStatusRemovesWhatItNoLongerTells() throws {
        var status = EnvironmentStatus()
        status.build = .init(startedAt: now)
        let patch = try status.replacingPatch()
        #expect(patch["rollout"] == .null)
        #expect(patch["build"]?["finishedAt"] == .null)
        #expect(patch["build"]?["startedAt"]?.stringValue == now.description)
    }

    @Test func anImageThatVanishedIsBuiltAgainAfterTheNextSync() throws {
        var state = try deployed(environment(), available: 1).answering([.url("http://shop.dev.localhost:31080/"): .yes])
        let made = plan(state, settings)
        state.environment.status = settle(made, made.actions.map { _ in .done }, of: state.environment, now: now).status
        state.answers = [:]
        #expect(plan(state, settings).questions.isEmpty)
        state.environment.metadata.generation = 2
        #expect(plan(state, settings).questions == [.image(tag: digest(state.environment))])
    }

    /// A rollout that began `now`, with a pod, whose URL is answered as for a host that nobody has.
    private func unrouted(ready: String, since: Timestamp = now) throws -> Observed {
        let environment = environment()
        var pod = pod("shop-1", labels: labels(environment))
        pod.status = .init(podIP: "10.0.0.7", conditions: [.init(type: "Ready", status: ready, lastTransitionTime: since)])
        var state = try deployed(environment, available: 1, pods: [pod]).answering([.url(url): .no])
        state.environment.status = settle(plan(state, settings), [], of: environment, now: now).status
        return state
    }

    private let url = "http://shop.dev.localhost:31080/"
    private var ownPage: Question { .ownPage(url: url, pod: "10.0.0.7:8080") }

    private func later(_ seconds: Double) -> Timestamp { Timestamp(now.date.addingTimeInterval(seconds)) }

    @Test func aPageThatLooksLikeAMissingRouteIsTheApplicationsInTheEnd() throws {
        var state = try unrouted(ready: "True")
        // Routes come within two seconds as a rule: until then nobody is asked.
        #expect(plan(state, settings).progress.deployment == .working(.rollingOut, "\(url) is not routed yet"))
        state.now = later(3)
        #expect(plan(state, settings).questions == [ownPage])
        #expect(plan(state.answering([ownPage: .no]), settings).progress.deployment.isDone)
        for other in [Answer.yes, .unavailable("nobody there")] {
            #expect(!plan(state.answering([ownPage: other]), settings).progress.deployment.isDone)
        }
        state.now = later(11)
        #expect(plan(state, settings).progress.deployment.isDone)
    }

    @Test func aRouteIsWaitedForFromWhenAPodIsKnownToBeReady() throws {
        // The Deployment counts it already; the pod, as its own watch told, has not been ready since it was made.
        var state = try unrouted(ready: "False")
        state.now = later(11)
        #expect(plan(state, settings).progress.deployment == .working(.rollingOut, "\(url) is not routed yet"))
        state = try unrouted(ready: "True", since: later(10))
        state.now = later(11)
        #expect(!plan(state, settings).progress.deployment.isDone)
    }

    @Test func aJobThatFailedBeforeItsPodIsSeenToHaveEndedIsNoFailureYet() throws {
        let environment = environment()
        let failed = ObjectCondition(
            type: "Failed", status: "True", reason: "BackoffLimitExceeded", message: "the limit is reached", lastTransitionTime: now)
        var state = observed(environment).answering(sourceAnswer(environment))
        state.job = job(environment, status: .init(conditions: [failed]))
        let running = pod("p", app: .init(name: "build", state: .init(running: .init(startedAt: now))))
        state.buildPods = [running]
        state.now = later(1)
        #expect(plan(state, settings).progress.image == .working(.building, "building the image"))
        #expect(plan(state, settings).requeueAfter == 4.1)
        // Its end tells more than the Job.
        state.buildPods = [pod("p", app: .init(name: "build", state: .init(terminated: .init(exitCode: 1, reason: "Error"))))]
        #expect(plan(state, settings).questions == [.log(pod: "p", container: "build", previous: false)])

        // It may never be told, by a pod that was deleted or whose node is gone.
        state.buildPods = [running]
        state.now = later(6)
        #expect(plan(state, settings).progress.image == .failed(.buildFailed, "the limit is reached"))
        var evicted = running
        evicted.status = .init(phase: "Failed", reason: "Evicted", message: "the node was low on memory")
        state.buildPods = [evicted]
        let made = plan(state, settings)
        #expect(made.progress.image == .failed(.buildFailed, "the build's pod failed: Evicted: the node was low on memory"))
        // What was told stays when the pod goes.
        state.environment.status = settle(made, [], of: environment, now: state.now).status
        state.buildPods = []
        #expect(plan(state, settings).progress.image == made.progress.image)
    }

    @Test func aPodThatNoNodeTakesIsAFailureAfterAWhile() throws {
        let environment = environment()
        var pending = pod("shop-1", labels: labels(environment))
        pending.status = .init(conditions: [.init(type: "PodScheduled", status: "False", reason: "Unschedulable", message: "0/1 nodes fit")])
        var state = try deployed(environment, available: 0, pods: [pending])
        state.environment.status = settle(plan(state, settings), [], of: environment, now: now).status
        state.now = Timestamp(now.date.addingTimeInterval(31))
        #expect(plan(state, settings).progress.deployment == .failed(.unschedulable, "no node takes the pods: 0/1 nodes fit"))
    }

    @Test func aChangeByHandIsAppliedOver() throws {
        var state = try deployed(environment(), available: 1)
        state.deployment?.spec?.replicas = 4
        let types = plan(state, settings).actions.compactMap { if case .apply(_, let type, false) = $0 { type } else { nil } }
        #expect(types == [.deployments])
    }

    @Test func longLogLinesAreCut() {
        let message = withLog("failed", .lines(Array(repeating: String(repeating: "x", count: 50_000), count: 40)))
        #expect(message.utf8.count < 10_000)
    }
}
