import Foundation
import KubernetesModel
import SeawayAPI
import Testing

@testable import SeawayPlan

/// What is waited for, for how long, and what is said of it.
struct PlanFailureTests {
    private func later(_ state: Observed, _ seconds: Double, told made: Plan) -> Observed {
        var next = state
        next.environment.status = settle(made, [], of: state.environment, now: state.now).status ?? state.environment.status
        next.now = Timestamp(state.now.date.addingTimeInterval(seconds))
        return next
    }

    @Test func aRegistryThatIsAwayIsAskedWithGrowingPausesAndGivenUp() {
        let environment = environment()
        var state = observed(environment).answering(sourceAnswer(environment)).answering(imageAnswer(environment, .unavailable("refused")))
        var pauses: [Double] = []
        var elapsed = 0.0
        for _ in 0..<100 {
            let made = plan(state, settings)
            guard case .working(.registryUnavailable, let message) = made.progress.image else {
                guard case .failed(.registryUnavailable, let message) = made.progress.image else {
                    Issue.record("got \(made.progress.image)")
                    return
                }
                #expect(elapsed >= 120 && elapsed < 125 && message.contains("refused"))
                #expect(pauses == pauses.sorted() || pauses.dropLast() == pauses.dropLast().sorted()[...])
                // Given up until the spec changes: no pause that is over begins it anew.
                #expect(made.requeueAfter == nil)
                let still = plan(later(state, 1000, told: made), settings)
                #expect(still.progress.image == made.progress.image)
                return
            }
            #expect(message.contains("trying again"))
            let pause = made.requeueAfter ?? 0
            #expect((0.1...15).contains(pause))
            pauses.append(pause)
            elapsed += pause
            state = later(state, pause, told: made)
        }
        Issue.record("never given up: \(pauses)")
    }

    @Test func aStoreThatIsAwayIsGivenUp() {
        let environment = environment()
        let state = observed(environment).answering(sourceAnswer(environment, .unavailable("refused")))
        let first = plan(state, settings)
        #expect(first.requeueAfter == 1)
        let last = plan(later(state, 120, told: first), settings)
        guard case .failed(.sourceStoreUnavailable, _) = last.progress.source else {
            Issue.record("got \(last.progress.source)")
            return
        }
        // It may answer again.
        var healed = later(state, 120, told: last)
        healed.answers.merge(sourceAnswer(environment)) { $1 }
        #expect(plan(healed, settings).progress.source.isDone)
    }

    @Test func theBuildOfAnEarlierRevisionIsSuperseded() {
        let environment = environment()
        var state = observed(environment).answering(sourceAnswer(environment)).answering(imageAnswer(environment, .no))
        state.job = job(environment, digest: "older")
        let made = plan(state, settings)
        #expect(made.progress.image == .working(.superseded, "ending the build of an earlier revision"))
        let settlement = settle(made, [.done], of: environment, now: now)
        #expect(settlement.events.map(\.reason) == [.superseded] && settlement.keepsBuildSlot)
    }

    @Test(arguments: [false, true]) func aJobOfAnEarlierRevisionIsRemovedAlsoWhenNothingIsBuilt(hasEnded: Bool) {
        let environment = environment()
        var state = observed(environment).answering(sourceAnswer(environment)).answering(imageAnswer(environment, .yes))
        var older = job(environment, digest: "older")
        if hasEnded { older.status = .init(conditions: [.init(type: "Complete", status: "True")]) }
        state.job = older
        #expect(plan(state, settings).actions.contains(.delete(.jobs, name: older.name, uid: "job-uid")))
        // One that is on its way out is let go, and the present one's stays for its log.
        older.metadata.deletionTimestamp = now
        state.job = older
        #expect(!plan(state, settings).actions.contains(.delete(.jobs, name: older.name, uid: "job-uid")))
        state.job = job(environment)
        #expect(!plan(state, settings).actions.contains(.delete(.jobs, name: older.name, uid: "job-uid")))
    }

    @Test func aBuildPodThatIsRefusedIsToldInTheClustersWords() {
        let environment = environment()
        var state = observed(environment).answering(sourceAnswer(environment))
        state.job = job(environment)
        #expect(plan(state, settings).requeueAfter ?? 0 < 5)
        state.now = Timestamp(now.date.addingTimeInterval(3))
        #expect(plan(state, settings).questions == [.warnings(uid: "job-uid")])
        state.answers[.warnings(uid: "job-uid")] = .lines(["FailedCreate: exceeded quota: limit"])
        let made = plan(state, settings)
        #expect(made.progress.image == .failed(.refused, "the cluster refuses the build pod: FailedCreate: exceeded quota: limit"))
        // Told once, it is not asked for again.
        var next = later(state, 60, told: made)
        next.answers[.warnings(uid: "job-uid")] = nil
        #expect(plan(next, settings).progress.image == made.progress.image)
    }

    @Test func anInvalidDockerfileIsToldWithItsLine() {
        let environment = environment()
        var state = observed(environment).answering(sourceAnswer(environment))
        state.job = job(environment)
        state.buildPods = [pod("p", app: .init(name: "build", state: .init(terminated: .init(exitCode: 125, reason: "Error"))))]
        state.answers[.log(pod: "p", container: "build", previous: false)] = .lines([
            "STEP 2/3: RUNN  true", #"Error: building at STEP "RUNN ": Build error: Unknown instruction: "RUNN" &x"#,
        ])
        state.answers[.sourceFile(path: "Dockerfile")] = .lines(["FROM scratch", "# RUNN true", "RUNN true"])
        guard case .failed(.dockerfileInvalid, let message) = plan(state, settings).progress.image else {
            Issue.record("got \(plan(state, settings).progress.image)")
            return
        }
        #expect(message.contains("Dockerfile:3: RUNN true"))
    }

    /// A base image that cannot be pulled while the registry is away is no mistake of the Dockerfile.
    @Test func aBuildThatMetTheRegistrysOutageBeginsAnew() {
        let environment = environment()
        var state = observed(environment).answering(sourceAnswer(environment)).answering(imageAnswer(environment, .unavailable("refused")))
        state.job = job(environment)
        state.buildPods = [pod("build", app: .init(name: Names.buildContainer, state: .init(terminated: .init(exitCode: 125))))]
        state.answers[.log(pod: "build", container: Names.buildContainer, previous: false)] = .lines([
            "STEP 1/4: FROM registry.example:5000/base", "Error: creating build container: pinging container registry registry.example:5000: refused",
        ])
        let first = plan(state, settings)
        guard case .working(.registryUnavailable, let message) = first.progress.image else {
            Issue.record("got \(first.progress.image)")
            return
        }
        #expect(message.contains("registry.example:5000/base") && first.actions.isEmpty && first.requeueAfter != nil)

        var healed = later(state, 60, told: first)
        healed.answers.merge(imageAnswer(environment, .no)) { $1 }
        #expect(plan(healed, settings).actions == [.delete(.jobs, name: "shop-build", uid: "job-uid")])

        guard case .failed(.registryUnavailable, _) = plan(later(state, 121, told: first), settings).progress.image else {
            Issue.record("not given up")
            return
        }
        // What counts is how long it has been away since the build met that, not how long the build took.
        var late = state
        late.now = Timestamp(now.date.addingTimeInterval(600))
        let ended = ContainerStatus.Terminated(exitCode: 125, finishedAt: Timestamp(now.date.addingTimeInterval(598)))
        late.buildPods = [pod("build", app: .init(name: Names.buildContainer, state: .init(terminated: ended)))]
        guard case .working(.registryUnavailable, _) = plan(late, settings).progress.image else {
            Issue.record("got \(plan(late, settings).progress.image)")
            return
        }
        // With a registry that answers, the name is wrong.
        state.answers.merge(imageAnswer(environment, .no)) { $1 }
        guard case .failed(.baseImageUnavailable, _) = plan(state, settings).progress.image else {
            Issue.record("got \(plan(state, settings).progress.image)")
            return
        }
    }

    @Test func sourcesThatAreGoneWhenTheBuildFetchesThemAreToldAsSuch() {
        let environment = environment()
        let stored = observed(environment).answering(sourceAnswer(environment))
        var state = stored
        state.environment.status = settle(plan(stored, settings), [], of: environment, now: now).status
        state.environment.status?.conditions = [.init(.sourceReady, .true, .sourceStored, "stored", observedGeneration: 1, since: now)]
        state.environment.status?.buildDigest = digest(environment)
        state.job = job(environment)
        state.buildPods = [pod("build", app: .init(name: Names.sourceContainer, state: .init(terminated: .init(exitCode: 1))))]
        for (answer, reason) in [(Answer.no, Reason.sourceMissing), (.unavailable("refused"), .sourceStoreUnavailable)] {
            let made = plan(state.answering(sourceAnswer(environment, answer)), settings)
            guard case .failed(reason, _) = made.progress.source else {
                Issue.record("got \(made.progress)")
                continue
            }
        }
    }

    /// A registry that is away when the node pulls is waited for, and the node's next try after that, too.
    @Test func aPullThatMetTheRegistrysOutageIsWaitedFor() throws {
        let environment = environment()
        let waiting = ContainerStatus(name: "app", state: .init(waiting: .init(reason: "ImagePullBackOff", message: "connection refused")))
        let starting = try deployed(environment, available: 0)
        var state = later(starting, 1, told: plan(starting, settings))
        state.pods = [pod("shop-1", labels: labels(environment), app: waiting)]
        state.answers.merge(imageAnswer(environment, .unavailable("refused"))) { $1 }
        let first = plan(state, settings)
        guard case .working(.registryUnavailable, let message) = first.progress.deployment else {
            Issue.record("got \(first.progress.deployment)")
            return
        }
        #expect(message.contains("connection refused"))
        var healed = later(state, 60, told: first)
        healed.answers.merge(imageAnswer(environment, .yes)) { $1 }
        let second = plan(healed, settings)
        guard case .working(.registryUnavailable, _) = second.progress.deployment else {
            Issue.record("got \(second.progress.deployment)")
            return
        }
        #expect(second.requeueAfter != nil)
        guard case .failed(.imagePullFailed, _) = plan(later(state, 121, told: first), settings).progress.deployment,
            case .failed(.imagePullFailed, _) = plan(later(healed, 300, told: second), settings).progress.deployment
        else {
            Issue.record("not given up")
            return
        }
    }

    @Test func aLostImageIsBuiltAgainOnce() throws {
        let environment = environment()
        let waiting = ContainerStatus(name: "app", state: .init(waiting: .init(reason: "ErrImagePull", message: "not found")))
        var state = try deployed(environment, available: 0, pods: [pod("shop-1", labels: labels(environment), app: waiting)])
        let complete = Job.Status(completionTime: now, conditions: [.init(type: "Complete", status: "True")])
        state.job = job(environment, status: complete)
        state.answers.merge(imageAnswer(environment, .no)) { $1 }
        let made = plan(state, settings)
        guard case .working(.imageMissing, _) = made.progress.image else {
            Issue.record("got \(made.progress)")
            return
        }
        #expect(made.actions == [.delete(.jobs, name: "shop-build", uid: "job-uid")])
        #expect(settle(made, [.done], of: environment, now: now).events.map(\.reason) == [.imageMissing])

        // The Job is gone: the next one remembers why it is made.
        var next = later(state, 1, told: made).answering([.buildSlot: .yes, .defaultStorageClass: .no])
        next.job = nil
        let again = plan(next, settings)
        guard case .apply(let rebuilt, .jobs, true)? = again.actions.last, case .working(.imageMissing, _) = again.progress.image else {
            Issue.record("got \(again)")
            return
        }
        #expect(rebuilt["metadata"]?["annotations"]?[Names.rebuildAnnotation] == "true")

        // Lost again, after the node had its time: a failure.
        var last = later(next, 1, told: again)
        last.job = job(environment, status: complete)
        last.job?.metadata.annotations?[Names.rebuildAnnotation] = "true"
        #expect(plan(last, settings).progress.deployment == .working(.rollingOut, "waiting for the node to pull the image that was built again"))
        last.now = Timestamp(now.date.addingTimeInterval(60))
        guard case .failed(.imagePullFailed, _) = plan(last, settings).progress.deployment else {
            Issue.record("got \(plan(last, settings).progress)")
            return
        }
    }

    @Test func whatKeepsAPodFromBeingReadyIsTold() throws {
        let environment = environment()
        let running = ContainerStatus(name: "app", ready: false, state: .init(running: .init(startedAt: now)))
        var state = try deployed(environment, available: 0, pods: [pod("shop-1", labels: labels(environment), app: running)])
        state.now = Timestamp(now.date.addingTimeInterval(3))
        #expect(plan(state, settings).questions == [.warnings(uid: "shop-1-uid")])
        state.answers[.warnings(uid: "shop-1-uid")] = .lines(["BackOff: older", "Unhealthy: Readiness probe failed: 503"])
        let made = plan(state, settings)
        #expect(made.progress.deployment == .working(.notReady, "0 of 1 pods ready; pod shop-1: Unhealthy: Readiness probe failed: 503"))
        // Another warning wakes us; until then only the deadline does.
        #expect(made.requeueAfter ?? 0 > 290)
    }
}
