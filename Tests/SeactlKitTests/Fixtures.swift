import Foundation
import KubernetesModel
import SeawayAPI
import Source

@testable import SeactlKit

/// Environments in the states that an operator writes.
enum Fixture {
    static let tree: SourceTree = {
        do {
            return try SourceTree(entries: [
                .init(path: "Dockerfile", kind: .file(executable: false, size: 5, digest: Digest(hashing: Array("hello".utf8)), chunks: []))
            ])
        } catch {
            preconditionFailure("the fixture is no tree: \(error)")
        }
    }()
    static let revision = tree.revision.hex
    static let key = ObjectKey(namespace: "hello-dev", name: "hello")
    static let since = Timestamp(Date(timeIntervalSince1970: 1_799_999_700))

    static var wanted: WantedEnvironment {
        WantedEnvironment(key: key, environmentName: "dev", owner: "ann", spec: EnvironmentSpec(revision: revision))
    }

    static func environment(generation: Int = 1, revision: String = revision, _ status: EnvironmentStatus? = nil) -> Environment {
        Environment(
            metadata: ObjectMeta(
                name: key.name, namespace: key.namespace, uid: "uid-1", resourceVersion: "20", generation: generation,
                labels: [Names.environmentNameLabel: "dev"], annotations: [Names.ownerAnnotation: "ann"], creationTimestamp: since),
            spec: EnvironmentSpec(revision: revision), status: status)
    }

    static func status(
        generation: Int = 1, deployed: String? = nil, urls: [String]? = nil, message: String? = nil,
        _ conditions: [(ConditionType, Condition.Status, Reason, String)]
    ) -> EnvironmentStatus {
        var status = EnvironmentStatus()
        status.observedGeneration = generation
        status.deployedRevision = deployed
        status.urls = urls
        status.message = message
        status.conditions = conditions.map { Condition($0.0, $0.1, $0.2, $0.3, observedGeneration: generation, since: since) }
        return status
    }

    static let url = "http://hello.hello-dev.example"

    static func building(_ generation: Int = 1) -> EnvironmentStatus {
        status(
            generation: generation,
            [
                (.ready, .false, .building, "building the image"), (.reconciling, .true, .building, "building the image"),
                (.sourceReady, .true, .sourceStored, "stored"), (.imageBuilt, .false, .building, "building the image"),
                (.deployed, .unknown, .pending, ""),
            ])
    }

    static func rollingOut(_ generation: Int = 1) -> EnvironmentStatus {
        status(
            generation: generation,
            [
                (.ready, .false, .rollingOut, "rolling out 1/2"), (.reconciling, .true, .rollingOut, "rolling out 1/2"),
                (.sourceReady, .true, .sourceStored, "stored"), (.imageBuilt, .true, .imagePushed, "image abc was built"),
                (.deployed, .false, .rollingOut, "rolling out 1/2"),
            ])
    }

    static func ready(_ generation: Int = 1, deployed: String = revision) -> EnvironmentStatus {
        status(
            generation: generation, deployed: deployed, urls: [url],
            [
                (.ready, .true, .ready, "answers"), (.sourceReady, .true, .sourceStored, "stored"),
                (.imageBuilt, .true, .imagePushed, "image abc was built"), (.deployed, .true, .rolledOut, "1/1 pods run it"),
            ])
    }

    static func stalled(_ type: ConditionType, _ reason: Reason, _ message: String, generation: Int = 1) -> EnvironmentStatus {
        let steps: [ConditionType] = [.sourceReady, .imageBuilt, .deployed]
        let failing = steps.firstIndex(of: type) ?? 3
        return status(
            generation: generation, message: message,
            [(.ready, .false, reason, message), (.stalled, .true, reason, message)]
                + steps.enumerated().map { index, step in
                    index < failing ? (step, .true, .ready, "") : index == failing ? (step, .false, reason, message) : (step, .unknown, .pending, "")
                })
    }

    static func pod(
        _ name: String, labels: [String: String] = [:], created: Double = 0, _ container: String, state: ContainerStatus.State,
        last: ContainerStatus.State? = nil
    ) -> Pod {
        Pod(
            metadata: ObjectMeta(
                name: name, namespace: "hello-dev", uid: name, labels: labels, creationTimestamp: Timestamp(Date(timeIntervalSince1970: created))),
            status: .init(phase: "Running", containerStatuses: [ContainerStatus(name: container, state: state, lastState: last)]))
    }
}
