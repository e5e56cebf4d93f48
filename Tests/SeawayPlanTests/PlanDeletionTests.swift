import Foundation
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

    // MARK: Temporary Environments

    private func temporary(lastSync: Timestamp?) -> Environment {
        environment {
            $0.spec.ttlSeconds = 3600
            $0.metadata.creationTimestamp = now
            if let lastSync { $0.metadata.annotations = [Names.syncedAtAnnotation: lastSync.description] }
        }
    }

    @Test func aTemporaryEnvironmentIsLookedAtWhenItsTimeIsOver() throws {
        var state = try deployed(temporary(lastSync: now), available: 1).answering([.url("http://shop.dev.localhost:31080/"): .yes])
        state.now = Timestamp(now.date.addingTimeInterval(3000))
        let made = plan(state, settings)
        #expect(made.progress.rolloutFinished && made.requeueAfter == 600)
        // A sync lets it live on.
        state.environment.metadata.annotations = [Names.syncedAtAnnotation: state.now.description]
        #expect(plan(state, settings).requeueAfter == 3600)
        state.environment.spec.ttlSeconds = nil
        #expect(plan(state, settings).requeueAfter == nil)
    }

    @Test(arguments: [nil, now]) func aTemporaryEnvironmentEndsByItself(lastSync: Timestamp?) throws {
        var state = try deployed(temporary(lastSync: lastSync), available: 1)
        state.now = Timestamp(now.date.addingTimeInterval(3599))
        #expect(plan(state, settings).actions != [.deleteEnvironment])
        state.now = Timestamp(now.date.addingTimeInterval(3600))
        let made = plan(state, settings)
        #expect(made.actions == [.deleteEnvironment] && made.questions.isEmpty)
        let status = settle(made, [.done], of: state.environment, now: state.now).status
        #expect(status?.reason == Reason.expired.rawValue && status?.isTrue(.stalled) == false)
        #expect(status?.message?.contains("its last sync is 3600 s ago") == true)
    }

    @Test func theNamespaceIsAskedForOnlyWhenTheTimeIsOver() throws {
        for (elapsed, isOver) in [(3600.0, true), (10.0, false)] {
            var expired = temporary(lastSync: now)
            expired.metadata.deletionTimestamp = now
            var state = observed(expired).answering([.objectsLeft: .no])
            state.now = Timestamp(now.date.addingTimeInterval(elapsed))
            #expect(
                plan(state, settings).actions == [.removeSources, .removeImages] + (isOver ? [.removeNamespace] : []) + [.removeFinalizer])
        }
    }
}
