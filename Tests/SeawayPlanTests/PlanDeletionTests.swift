import KubernetesModel
import SeawayAPI
import Testing

@testable import SeawayPlan

/// Cleaning up.
struct PlanDeletionTests {
    private func deleting() throws -> Observed {
        var state = try deployed(environment { $0.metadata.deletionTimestamp = now }, available: 1)
        state.deployment?.metadata.uid = "d"
        state.service?.metadata.uid = "s"
        state.ingress?.metadata.uid = "i"
        return state
    }

    @Test func ownedObjectsGoFirst() throws {
        let actions = plan(try deleting(), settings).actions
        #expect(
            actions == [
                .delete(.ingresses, name: "shop", uid: "i"), .delete(.services, name: "shop", uid: "s"),
                .delete(.deployments, name: "shop", uid: "d"),
            ])
    }

    @Test func sourcesAndImagesStayWhileAPodRuns() throws {
        var state = try deleting()
        state.deployment = nil
        state.service = nil
        state.ingress = nil
        #expect(plan(state, settings).actions.isEmpty)
        state.pods = []
        #expect(plan(state, settings).questions == [.objectsLeft])
        #expect(plan(state.answering([.objectsLeft: .yes]), settings).actions.isEmpty)
        state = state.answering([.objectsLeft: .no])
        #expect(plan(state, settings).actions == [.removeSources, .removeImages, .removeFinalizer])
    }

    @Test func whoHasNoFinalizerOfOursIsLeftAlone() throws {
        var state = try deleting()
        state.environment.metadata.finalizers = ["someone/else"]
        #expect(plan(state, settings).actions.isEmpty)
    }

    @Test func aStoreThatIsDownKeepsTheFinalizerAndTriesAgain() throws {
        var state = try deleting()
        state.deployment = nil
        state.service = nil
        state.ingress = nil
        state.pods = []
        state = state.answering([.objectsLeft: .no])
        let settlement = settle(plan(state, settings), [.unavailable("the store is down")], of: state.environment, now: now)
        #expect(settlement.retries)
        #expect(settlement.status?.message == "deleting: the store is down")
    }
}
