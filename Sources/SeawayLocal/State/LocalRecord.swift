import KubernetesModel
import SeawayAPI

/// All that is remembered of one environment between two commands.
public struct LocalRecord: Codable, Sendable, Equatable {
    public var environment: Environment
    /// The build that was started last.
    var job: Job?
    var buildPod: Pod?
    /// As Seaway rendered it.
    var deployment: JSONValue?
    var deploymentGeneration = 0
    var service: JSONValue?
    var ingress: JSONValue?
    /// Pods that were played, the earlier revision's among them while the newer one is not ready.
    var pods: [PlayedPod] = []
    /// Ports of this machine, kept from one rollout to the next.
    var ports: [PublishedPort] = []
    /// The last answer of a probe that was no success, of the newest pods.
    var probeFailure: String?
    /// Tags of images that were built, the newest last.
    var images: [String] = []
    /// Images of single build steps, which are the layer cache.
    var layers: [String] = []

    init(environment: Environment) { self.environment = environment }
}

/// A pod that Podman was told to play.
struct PlayedPod: Codable, Sendable, Equatable {
    var name: String
    /// Value of ``Names/templateLabel``.
    var template: String
    var replica: Int
    var labels: [String: String]
    var annotations: [String: String]
    var createdAt: Timestamp
    /// Whether it was stopped to make room; it is started again when what took its place fails.
    var isFallback = false
    /// Whether it was stopped because it crashed or never got ready; kept for its log until the next sync.
    var hasFailed = false
    /// How its container ended last, which Podman forgets when it starts it again.
    var lastExit: ContainerStatus.Terminated?
    /// When the run began that ended so, as Podman tells it.
    var lastStart: String?

    /// The container that holds the pod's network, as Podman names it.
    var infra: String?

    /// Where it is reached; the record's ports are those of what was played last.
    var ports: [PublishedPort]?

    /// Podman names containers so.
    var container: String { "\(name)-\(Names.applicationContainer)" }
}

/// A container's port and the port of this machine's loopback address that leads to it.
struct PublishedPort: Codable, Sendable, Equatable, Hashable {
    var replica: Int
    var port: Int
    /// `TCP` or `UDP`.
    var `protocol`: String
    var hostPort: Int
}
