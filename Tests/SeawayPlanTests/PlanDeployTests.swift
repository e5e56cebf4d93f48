import Foundation
import KubernetesModel
import SeawayAPI
import Testing

@testable import SeawayPlan

/// From an image to an application that answers.
struct PlanDeployTests {
    @Test func anImageIsDeployedWithServiceAndIngress() {
        let environment = environment()
        let made = plan(observed(environment).answering(sourceAnswer(environment)).answering(imageAnswer(environment, .yes)), settings)
        let types = made.actions.compactMap { if case .apply(_, let type, true) = $0 { type } else { nil } }
        #expect(types == [.deployments, .services, .ingresses])
    }

    @Test func nothingIsWrittenWhenNothingDiffers() throws {
        let made = plan(try deployed(environment(), available: 1).answering([.url("http://shop.dev.localhost:31080/"): .yes]), settings)
        #expect(made.actions.isEmpty)
        #expect(made.progress.deployment.isDone)
        #expect(made.progress.rolloutFinished)
    }

    @Test func changedReplicasTouchTheDeploymentAlone() throws {
        let before = environment()
        var state = try deployed(before, available: 1)
        state.environment.spec.replicas = 3
        let types = plan(state, settings).actions.compactMap { if case .apply(_, let type, false) = $0 { type } else { nil } }
        #expect(types == [.deployments])
    }

    @Test func readyWaitsForTheURL() throws {
        let state = try deployed(environment(), available: 1)
        let question = Question.url("http://shop.dev.localhost:31080/")
        #expect(plan(state, settings).questions == [question])
        let waiting = plan(state.answering([question: .no]), settings)
        #expect(!waiting.progress.deployment.isDone)
        #expect(waiting.requeueAfter != nil)
    }

    @Test func podsOfAnOlderRevisionAreNotCounted() throws {
        var state = try deployed(environment(), available: 1)
        state.deployment?.status?.replicas = 2
        #expect(!plan(state, settings).progress.deployment.isDone)
        state.deployment?.status?.replicas = 1
        state.deployment?.status?.observedGeneration = 0
        #expect(!plan(state, settings).progress.deployment.isDone)
    }

    @Test func podsThatAreGoingAwayAreWaitedForButNotForEver() throws {
        let environment = environment()
        var state = try deployed(environment, available: 1)
        // A deletion timestamp lies a grace period after the deletion.
        let justDeleted = Timestamp(now.date.addingTimeInterval(Double(settings.terminationGracePeriod)))
        state.pods.append(pod("old", labels: [Names.templateLabel: "older"], deleted: justDeleted))
        let waiting = plan(state, settings)
        #expect(waiting.progress.deployment == .working(.rollingOut, "waiting for the pods of the earlier revision to end"))
        #expect(waiting.requeueAfter == 2.5)
        state.now = Timestamp(now.date.addingTimeInterval(4))
        #expect(plan(state, settings).questions == [.url("http://shop.dev.localhost:31080/")])
    }

    @Test func anotherAttemptStartsThePodsAnewAndForgetsTheOldOnes() throws {
        let before = environment()
        let own = labels(before)
        let crashed = ContainerStatus(
            name: "app", restartCount: 5, state: .init(waiting: .init(reason: "CrashLoopBackOff")), lastState: .init(terminated: .init(exitCode: 1)))
        let again = environment { $0.spec.attempt = 1 }
        let state = try deployed(again, available: 0, pods: [pod("shop-1", labels: own, app: crashed)])
        #expect(plan(state, settings).progress.deployment == .working(.rollingOut, "0 of 1 pods ready"))
        let templates = [before, again].map {
            Rendering(environment: $0, digest: "d", settings: settings).deployment["spec"]?["template"]?["metadata"]
        }
        #expect(templates[0] != templates[1])
    }

    @Test func podsWhoseContainersEndedAreNotWaitedFor() throws {
        var state = try deployed(environment(), available: 1)
        let ended = ContainerStatus(name: "app", state: .init(terminated: .init(exitCode: 0)))
        state.pods.append(pod("old", labels: [Names.templateLabel: "older"], app: ended, deleted: now))
        #expect(plan(state, settings).questions == [.url("http://shop.dev.localhost:31080/")])
    }

    @Test func aCrashLoopTellsTheLogOfTheCrashedContainer() throws {
        let environment = environment()
        let own = labels(environment)
        let crashed = ContainerStatus(
            name: "app", ready: false, restartCount: 2, state: .init(waiting: .init(reason: "CrashLoopBackOff")),
            lastState: .init(terminated: .init(exitCode: 3, reason: "Error")))
        let state = try deployed(environment, available: 0, pods: [pod("shop-1", labels: own, app: crashed)])
        let question = Question.log(pod: "shop-1", container: "app", previous: true)
        #expect(plan(state, settings).questions == [question])
        let made = plan(state.answering([question: .lines(["boom"])]), settings)
        #expect(made.progress.deployment == .failed(.crashLoop, "the application exited with code 3 (2 restarts); its last lines:\n  boom"))
    }

    @Test func oneRestartIsNoCrashLoop() throws {
        let environment = environment()
        let own = labels(environment)
        let restarted = ContainerStatus(
            name: "app", ready: false, restartCount: 1, state: .init(running: .init()), lastState: .init(terminated: .init(exitCode: 1)))
        let state = try deployed(environment, available: 0, pods: [pod("shop-1", labels: own, app: restarted)])
        #expect(plan(state, settings).progress.deployment == .working(.rollingOut, "0 of 1 pods ready"))
    }

    @Test func crashesOfAnOlderRevisionDoNotFailTheNewOne() throws {
        let environment = environment()
        let crashed = ContainerStatus(
            name: "app", restartCount: 9, state: .init(waiting: .init(reason: "CrashLoopBackOff")), lastState: .init(terminated: .init(exitCode: 3)))
        let state = try deployed(environment, available: 0, pods: [pod("old", labels: [Names.templateLabel: "older"], app: crashed)])
        #expect(plan(state, settings).progress.deployment == .working(.rollingOut, "0 of 1 pods ready"))
    }

    @Test(arguments: [
        ("ImagePullBackOff", Reason.imagePullFailed), ("ErrImagePull", Reason.imagePullFailed),
        ("CreateContainerConfigError", Reason.refused),
    ])
    func aContainerThatCannotStartHasItsOwnReason(waiting: String, reason: Reason) throws {
        let environment = environment()
        let own = labels(environment)
        let status = ContainerStatus(name: "app", state: .init(waiting: .init(reason: waiting, message: "details")))
        let state = try deployed(environment, available: 0, pods: [pod("shop-1", labels: own, app: status)])
        guard case .failed(reason, let message) = plan(state, settings).progress.deployment else {
            Issue.record("got \(plan(state, settings).progress.deployment)")
            return
        }
        #expect(message.contains("details"))
    }

    @Test func aQuotaIsARefusal() throws {
        var state = try deployed(environment(), available: 0, pods: [])
        state.deployment?.status?.updatedReplicas = 0
        state.deployment?.status?.conditions = [.init(type: "ReplicaFailure", status: "True", message: "exceeded quota: pods")]
        #expect(plan(state, settings).progress.deployment == .failed(.refused, "the cluster refuses the pods: exceeded quota: pods"))
    }

    /// Kubernetes tells of the earlier pods' refusal until it has given them up.
    @Test func aRefusalOfEarlierPodsIsNotThisRollouts() throws {
        var state = try deployed(environment(), available: 0, pods: [])
        state.environment.status = settle(plan(state, settings), [], of: state.environment, now: now).status
        state.deployment?.status?.updatedReplicas = 0
        var refusal = ObjectCondition(type: "ReplicaFailure", status: "True", message: "exceeded quota: pods")
        func deployment() -> Step? {
            state.deployment?.status?.conditions = [refusal]
            return plan(state, settings).progress.deployment
        }
        let refused = Step.failed(.refused, "the cluster refuses the pods: exceeded quota: pods")
        refusal.lastTransitionTime = Timestamp(now.date.addingTimeInterval(-60))
        #expect(deployment() == .working(.rollingOut, "0 of 1 pods ready"))
        #expect(plan(state, settings).requeueAfter == 4)
        refusal.lastTransitionTime = now
        #expect(deployment() == refused)
        refusal.lastTransitionTime = Timestamp(now.date.addingTimeInterval(-60))
        state.now = Timestamp(now.date.addingTimeInterval(5))
        #expect(deployment() == refused)
    }

    @Test func disabledNetworkIsRemoved() throws {
        var state = try deployed(environment(), available: 1)
        state.service?.metadata.uid = "s"
        state.ingress?.metadata.uid = "i"
        state.environment.spec.ports = nil
        state.environment.spec.network = nil
        let actions = plan(state, settings).actions
        #expect(actions.contains(.delete(.services, name: "shop", uid: "s")))
        #expect(actions.contains(.delete(.ingresses, name: "shop", uid: "i")))
    }

    @Test func publishedManifestsGetPort9000() {
        var environment = environment()
        environment.spec.ports = nil
        let rendering = Rendering(environment: environment, digest: "d", settings: settings)
        #expect(rendering.service?["spec"]?["ports"]?[0]?["port"] == 9000)
        #expect(rendering.ingress?["spec"]?["rules"]?[0]?["host"] == "shop.dev.localhost")
    }

    @Test func anotherContentOfASecretStartsThePodsAnew() throws {
        func rendering(_ secrets: [EnvironmentSpec.SecretReference]?) -> Rendering {
            let environment = environment { $0.spec.secrets = secrets }
            return Rendering(environment: environment, digest: digest(environment), settings: settings)
        }
        func annotation(_ rendering: Rendering) -> JSONValue? {
            rendering.deployment["spec"]?["template"]?["metadata"]?["annotations"]?[Names.secretsAnnotation]
        }
        let first = rendering([.init(name: "tls", version: "3"), .init(name: "db", version: "7")])
        #expect(annotation(first) == "db=7,tls=3")
        let second = rendering([.init(name: "db", version: "8"), .init(name: "tls", version: "3")])
        #expect(annotation(second) == "db=8,tls=3")
        #expect(first.templateHash != second.templateHash, "pods of the earlier content do not count")
        #expect(first.digest == second.digest, "no build")
        // In which order the manifest names them is nothing to restart for.
        #expect(first.templateHash == rendering([.init(name: "db", version: "7"), .init(name: "tls", version: "3")]).templateHash)
        #expect(annotation(rendering(nil)) == nil && annotation(rendering([])) == nil)
    }
}
