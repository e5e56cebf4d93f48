import Foundation
import KubernetesModel
import SeawayAPI
import Testing

@testable import SeawayPlan

let now = Timestamp(Date(timeIntervalSince1970: 1_700_000_000))

let settings = OperatorSettings(
    registry: "registry.example:5000", registryPull: "localhost:31555", registryInsecure: true, builderImage: "builder:1",
    seawayImage: "seaway:1", endpoint: "https://seaway.seaway-system.svc:8443", certificateAuthority: "PEM", ingressClass: "traefik",
    ingressDomain: "localhost", ingressPort: 31080, ingressAddress: "ingress:80")

/// An Environment that was accepted and finalized, with one port and an Ingress.
func environment(_ change: (inout Environment) -> Void = { _ in }) -> Environment {
    var spec = EnvironmentSpec(revision: String(repeating: "a", count: 64))
    spec.replicas = 1
    spec.ports = [.init(name: "http", port: 8080)]
    var ingress = EnvironmentSpec.Ingress()
    ingress.enabled = true
    spec.network = .init(ingress: ingress)
    var environment = Environment(
        metadata: ObjectMeta(name: "shop", namespace: "dev", uid: "env-uid", generation: 1, finalizers: [Names.finalizer]), spec: spec)
    change(&environment)
    return environment
}

func digest(_ environment: Environment) -> String {
    BuildDigest.compute(environment.spec, builderImage: settings.builderImages[settings.builder(of: environment.spec)])
}

/// Labels of the pods that `environment` wants.
func labels(_ environment: Environment) -> [String: String] {
    [Names.templateLabel: Rendering(environment: environment, digest: digest(environment), settings: settings).templateHash]
}

extension Observed {
    /// Answers that let a plan reach the step under test.
    func answering(_ answers: [Question: Answer]) -> Observed {
        var copy = self
        copy.answers.merge(answers) { _, new in new }
        return copy
    }
}

/// A Dockerfile that does not help to explain anything.
func observed(_ environment: Environment) -> Observed {
    Observed(now: now, environment: environment).answering([.sourceFile(path: "Dockerfile"): .no])
}

func sourceAnswer(_ environment: Environment, _ answer: Answer = .yes) -> [Question: Answer] {
    [.source(revision: environment.spec.revision): answer]
}

func imageAnswer(_ environment: Environment, _ answer: Answer) -> [Question: Answer] {
    [.image(tag: digest(environment)): answer]
}

func job(_ environment: Environment, digest: String? = nil, status: Job.Status? = nil) -> Job {
    Job(
        metadata: ObjectMeta(
            name: "shop-build", namespace: "dev", uid: "job-uid",
            annotations: [
                Names.buildDigestAnnotation: digest ?? SeawayPlanTests.digest(environment),
                Names.attemptAnnotation: String(environment.spec.attempt ?? 0),
            ],
            creationTimestamp: now),
        status: status)
}

func pod(_ name: String, labels: [String: String] = [:], app: ContainerStatus? = nil, owner: String = "job-uid", deleted: Timestamp? = nil) -> Pod {
    Pod(
        metadata: ObjectMeta(
            name: name, namespace: "dev", uid: "\(name)-uid", labels: labels,
            ownerReferences: [.init(apiVersion: "batch/v1", kind: "Job", name: "shop-build", uid: owner)], creationTimestamp: now,
            deletionTimestamp: deleted),
        status: .init(containerStatuses: app.map { [$0] }))
}

/// What the cluster looks like once `environment` is applied and its Deployment counts `available` pods.
func deployed(_ environment: Environment, available: Int, pods: [Pod]? = nil) throws -> Observed {
    let rendering = Rendering(environment: environment, digest: digest(environment), settings: settings)
    var result = observed(environment).answering(sourceAnswer(environment)).answering(imageAnswer(environment, .yes))
    result.deployment = try rendering.deployment.decode(Deployment.self)
    result.deployment?.metadata.generation = 1
    result.deployment?.status = .init(
        observedGeneration: 1, replicas: 1, updatedReplicas: 1, readyReplicas: available, availableReplicas: available)
    result.service = try rendering.service?.decode(Service.self)
    result.ingress = try rendering.ingress?.decode(Ingress.self)
    result.pods = pods ?? [pod("shop-1", labels: labels(environment))]
    return result
}

extension JSONValue {
    /// The builder's container in the spec of a build pod.
    var buildContainer: JSONValue? { self["containers"]?.arrayValue?.first { $0["name"]?.stringValue == Names.buildContainer } }
}

/// The plan, whose status is held to the rules whenever a test makes one. It hides the function of the same name that it calls.
func plan(_ observed: Observed, _ settings: OperatorSettings) -> Plan {
    let made = SeawayPlan.plan(observed, settings)
    // One that asks has nothing to tell yet.
    guard made.questions.isEmpty else { return made }
    let status = StatusWriter(environment: observed.environment, progress: made.progress, now: observed.now).status
    #expect(ConditionInvariants.violations(status) == [], "\(made.progress)")
    return made
}

/// The settlement, whose status is held to the rules.
func settle(_ plan: Plan, _ outcomes: [Outcome], of environment: Environment, now: Timestamp) -> Settlement {
    let settlement = SeawayPlan.settle(plan, outcomes, of: environment, now: now)
    if let status = settlement.status { #expect(ConditionInvariants.violations(status) == [], "\(plan.progress)") }
    return settlement
}
