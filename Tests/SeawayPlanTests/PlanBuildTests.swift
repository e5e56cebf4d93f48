import Foundation
import KubernetesModel
import SeawayAPI
import Testing

@testable import SeawayPlan

/// From a revision to an image.
struct PlanBuildTests {
    @Test func aNewEnvironmentAsksForItsSourceFirst() {
        let environment = environment()
        #expect(plan(observed(environment), settings).questions == [.source(revision: environment.spec.revision)])
    }

    @Test func theFinalizerComesBeforeEveryOtherEffect() {
        let environment = environment { $0.metadata.finalizers = nil }
        let observed = observed(environment).answering(sourceAnswer(environment)).answering(imageAnswer(environment, .yes))
        #expect(plan(observed, settings).actions.first == .addFinalizer)
    }

    @Test func missingSourcesStopThePlanWithAdvice() {
        let environment = environment()
        let made = plan(observed(environment).answering(sourceAnswer(environment, .no)), settings)
        guard case .failed(.sourceMissing, let message) = made.progress.source else {
            Issue.record("got \(made.progress.source)")
            return
        }
        #expect(message.contains("seactl env sync"))
        #expect(made.actions.isEmpty)
    }

    @Test func aStoreThatIsDownIsTriedAgain() {
        let environment = environment()
        let made = plan(observed(environment).answering(sourceAnswer(environment, .unavailable("timeout"))), settings)
        guard case .working(.sourceStoreUnavailable, _) = made.progress.source else {
            Issue.record("got \(made.progress.source)")
            return
        }
        #expect(made.requeueAfter != nil)
    }

    @Test func anImageThatExistsIsNotBuilt() {
        let environment = environment()
        let made = plan(observed(environment).answering(sourceAnswer(environment)).answering(imageAnswer(environment, .yes)), settings)
        #expect(made.progress.image == .done(.imageExists, "image \(digest(environment).prefix(12)) was built before"))
        #expect(!made.actions.contains { if case .apply(_, .jobs, _) = $0 { true } else { false } })
    }

    @Test func aMissingImageStartsOneJobWithACacheVolume() throws {
        let environment = environment()
        let made = plan(
            observed(environment).answering(sourceAnswer(environment)).answering(imageAnswer(environment, .no))
                .answering([.buildSlot: .yes, .defaultStorageClass: .yes]), settings)
        let types = made.actions.compactMap { if case .apply(_, let type, _) = $0 { type } else { nil } }
        #expect(types == [.persistentVolumeClaims, .jobs])
        #expect(made.progress.image == .working(.building, "starting the build"))
    }

    @Test func withoutAStorageClassLayersAreCachedInTheRegistry() throws {
        let environment = environment()
        let made = plan(
            observed(environment).answering(sourceAnswer(environment)).answering(imageAnswer(environment, .no))
                .answering([.buildSlot: .yes, .defaultStorageClass: .no]), settings)
        guard case .apply(let job, .jobs, true) = made.actions.last, made.actions.count == 1 else {
            Issue.record("got \(made.actions)")
            return
        }
        let arguments = job["spec"]?["template"]?["spec"]?.buildContainer?["args"]?.arrayValue?.compactMap(\.stringValue) ?? []
        #expect(arguments.contains("--cache-to=registry.example:5000/dev/shop/cache"))
    }

    @Test func withoutASlotTheBuildWaits() {
        let environment = environment()
        let made = plan(
            observed(environment).answering(sourceAnswer(environment)).answering(imageAnswer(environment, .no)).answering([
                .defaultStorageClass: .no, .buildSlot: .queued(place: 3),
            ]),
            settings)
        #expect(made.progress.image == .working(.queued, "waiting for a build slot, place 3 in the queue"))
        #expect(made.actions.isEmpty)
    }

    @Test func anOlderJobIsDeletedBeforeTheNextStarts() {
        let environment = environment()
        var state = observed(environment).answering(sourceAnswer(environment)).answering(imageAnswer(environment, .no))
        state.job = job(environment, digest: "older")
        #expect(plan(state, settings).actions == [.delete(.jobs, name: "shop-build", uid: "job-uid")])
        // While it is still going away nothing is done twice.
        state.job?.metadata.deletionTimestamp = now
        #expect(plan(state, settings).actions.isEmpty)
    }

    @Test func anotherAttemptReplacesAFailedJobOfTheSameRevision() {
        var environment = environment()
        let failed = job(environment, status: .init(conditions: [.init(type: "Failed", status: "True", reason: "BackoffLimitExceeded")]))
        environment.spec.attempt = 1
        var state = observed(environment).answering(sourceAnswer(environment)).answering(imageAnswer(environment, .no))
        state.job = failed
        #expect(plan(state, settings).actions == [.delete(.jobs, name: "shop-build", uid: "job-uid")])
    }

    @Test func aFailedBuildTellsItsLastLines() {
        let environment = environment()
        var state = observed(environment).answering(sourceAnswer(environment))
        state.job = job(environment)
        state.buildPods = [
            pod("shop-build-x", app: .init(name: "build", state: .init(terminated: .init(exitCode: 2, reason: "Error"))))
        ]
        let question = Question.log(pod: "shop-build-x", container: "build", previous: false)
        #expect(plan(state, settings).questions == [question])
        let made = plan(state.answering([question: .lines(["STEP 2/3: RUN false", "exit status 1"])]), settings)
        #expect(
            made.progress.image
                == .failed(.buildFailed, "the build ended with exit code 2; its last lines:\n  STEP 2/3: RUN false\n  exit status 1"))
    }

    @Test(arguments: [
        ("OOMKilled", Reason.buildOutOfMemory), ("Error", Reason.buildFailed),
    ])
    func theEndOfTheBuilderNamesTheReason(ended: String, reason: Reason) {
        let environment = environment()
        var state = observed(environment).answering(sourceAnswer(environment))
        state.job = job(environment)
        state.buildPods = [pod("p", app: .init(name: "build", state: .init(terminated: .init(exitCode: 137, reason: ended))))]
        let made = plan(state.answering([.log(pod: "p", container: "build", previous: false): .lines([])]), settings)
        guard case .failed(reason, _) = made.progress.image else {
            Issue.record("got \(made.progress.image)")
            return
        }
    }

    @Test func aBuildPastItsDeadlineSaysSo() {
        let environment = environment()
        var state = observed(environment).answering(sourceAnswer(environment))
        state.job = job(environment, status: .init(conditions: [.init(type: "Failed", status: "True", reason: "DeadlineExceeded")]))
        #expect(plan(state, settings).progress.image == .failed(.buildDeadlineExceeded, "the build took longer than 1800 s"))
    }

    /// Kubernetes 1.20 forgets the deadline of a Job now and then, when it has the name of an earlier one.
    @Test func aDeadlineThatKubernetesForgotIsKept() {
        let environment = environment()
        var state = observed(environment).answering(sourceAnswer(environment))
        state.job = job(environment, status: .init(startTime: now))
        state.now = Timestamp(now.date.addingTimeInterval(1800))
        state.buildPods = [pod("build", app: ContainerStatus(name: Names.buildContainer, state: .init(running: .init(startedAt: now))))]
        #expect(plan(state, settings).progress.image == .working(.building, "building the image"))
        #expect(plan(state, settings).actions.isEmpty)
        state.buildPods = []
        state.now = Timestamp(now.date.addingTimeInterval(1805))
        let overdue = plan(state, settings)
        #expect(overdue.progress.image == .failed(.buildDeadlineExceeded, "the build took longer than 1800 s"))
        #expect(overdue.actions.contains { if case .delete(.jobs, _, _) = $0 { true } else { false } })
    }

    @Test func aPushIsBelievedOnceTheRegistryHasTheImage() throws {
        let environment = environment()
        var state = observed(environment).answering(sourceAnswer(environment))
        state.job = job(environment)
        let running = ContainerStatus(name: Names.buildContainer, state: .init(running: .init(startedAt: now)))
        state.buildPods = [pod("build", app: running)]
        #expect(plan(state, settings).progress.image == .working(.building, "building the image"))
        state.pushedPods = Set(state.buildPods.compactMap(\.metadata.uid))
        #expect(plan(state, settings).questions == [.image(tag: digest(environment))])
        #expect(!plan(state.answering(imageAnswer(environment, .no)), settings).progress.image.isDone)
        #expect(plan(state.answering(imageAnswer(environment, .yes)), settings).progress.image.isDone)
    }

    @Test func aBuilderDoesNotWaitForSourcesThatNobodyFetches() throws {
        let environment = environment()
        var state = observed(environment).answering(sourceAnswer(environment))
        state.job = job(environment)
        var build = pod("build", app: .init(name: Names.buildContainer, state: .init(running: .init(startedAt: now))))
        build.status?.containerStatuses?.append(.init(name: Names.sourceContainer, state: .init(terminated: .init(exitCode: 137))))
        state.buildPods = [build]
        state.answers[.log(pod: "build", container: Names.sourceContainer, previous: false)] = .lines([])
        let made = plan(state, settings)
        #expect(made.progress.image == .failed(.buildFailed, "the sources could not be fetched for the build; it wrote no log"))
        #expect(made.actions == [.delete(.jobs, name: Names.buildJob(of: "shop"), uid: state.job?.metadata.uid ?? "")])
    }

    @Test func theBuildPodHoldsNoCredentials() throws {
        let environment = environment()
        let pod = Rendering(environment: environment, digest: digest(environment), settings: settings).buildJob(cache: .volume)["spec"]?[
            "template"]?["spec"]
        #expect(pod?["automountServiceAccountToken"] == false)
        let builder = try #require(pod?.buildContainer)
        let mounts = builder["volumeMounts"]?.arrayValue?.compactMap { $0["name"]?.stringValue }
        #expect(mounts == ["context", "handover", "layers"])
        #expect(builder["securityContext"]?["allowPrivilegeEscalation"] == false)
        #expect(builder["securityContext"]?["privileged"] == nil)
        #expect(builder["envFrom"] == nil)
    }

    @Test func applicationVariablesNeverReachTheBuild() {
        var environment = environment()
        environment.spec.vars = .init(env: [["name": "DATABASE_PASSWORD", "value": "hunter2"]])
        let job = Rendering(environment: environment, digest: digest(environment), settings: settings).buildJob(cache: .volume)
        #expect(!String(decoding: job.encoded(), as: UTF8.self).contains("hunter2"))
    }

    @Test func buildArgumentsAreArgumentsAndNotShell() {
        var environment = environment()
        environment.spec.build = .init()
        environment.spec.build?.buildArgs = ["BASE": "x; rm -rf / #"]
        environment.spec.build?.target = "dev"
        let job = Rendering(environment: environment, digest: digest(environment), settings: settings).buildJob(cache: .volume)
        let builder = job["spec"]?["template"]?["spec"]?.buildContainer
        let arguments = builder?["args"]?.arrayValue?.compactMap(\.stringValue) ?? []
        #expect(arguments.contains("--build-arg=BASE=x; rm -rf / #"))
        #expect(arguments.contains("--target=dev"))
        #expect(builder?["command"]?.arrayValue?.contains { $0.stringValue?.contains("rm -rf") == true } == false)
    }

    @Test func onlyWhatChangesTheImageChangesItsDigest() {
        let base = environment()
        var replicas = base
        replicas.spec.replicas = 3
        replicas.spec.vars = .init(env: [["name": "A", "value": "b"]])
        replicas.spec.attempt = 4
        #expect(digest(base) == digest(replicas))
        let changes: [(inout EnvironmentSpec) -> Void] = [
            { $0.revision = String(repeating: "b", count: 64) },
            {
                $0.build = .init()
                $0.build?.target = "dev"
            },
            {
                $0.build = .init()
                $0.build?.buildArgs = ["A": "b"]
            },
            {
                $0.build = .init()
                $0.build?.dockerfile = "Containerfile"
            },
        ]
        let digests = changes.map { change in
            var environment = base
            change(&environment.spec)
            return digest(environment)
        }
        #expect(Set(digests + [digest(base)]).count == changes.count + 1)
    }
}
