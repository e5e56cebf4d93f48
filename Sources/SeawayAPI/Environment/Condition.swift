import KubernetesModel

/// A Kubernetes condition (`metav1.Condition`).
public struct Condition: Codable, Sendable, Equatable {
    public var type: ConditionType
    public var status: Status
    public var reason: Reason
    public var message: String
    public var observedGeneration: Int?
    public var lastTransitionTime: Timestamp

    public enum Status: String, Codable, Sendable {
        case `true` = "True"
        case `false` = "False"
        case unknown = "Unknown"
    }

    public init(
        _ type: ConditionType, _ status: Status, _ reason: Reason, _ message: String, observedGeneration: Int?, since: Timestamp
    ) {
        self.type = type
        self.status = status
        self.reason = reason
        self.message = message
        self.observedGeneration = observedGeneration
        self.lastTransitionTime = since
    }
}

/// The conditions of an Environment. `Reconciling` and `Stalled` are present only while true (the kstatus convention).
public enum ConditionType: String, Codable, Sendable, CaseIterable {
    /// The wanted revision runs with the wanted settings and its URL answers.
    case ready = "Ready"
    /// The operator is working towards the wanted state.
    case reconciling = "Reconciling"
    /// The operator has given up until the spec changes.
    case stalled = "Stalled"
    /// The sources of the wanted revision are in the object store.
    case sourceReady = "SourceReady"
    /// The image of the wanted build digest is in the registry.
    case imageBuilt = "ImageBuilt"
    /// The wanted revision is rolled out.
    case deployed = "Deployed"
}

/// Why a condition has its status; the same words are event reasons.
public struct Reason: RawRepresentable, Hashable, Sendable, Codable, CustomStringConvertible {
    public var rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }
    public var description: String { rawValue }

    // Progress
    public static let waitingForSource = Reason(rawValue: "WaitingForSource")
    public static let sourceStored = Reason(rawValue: "SourceStored")
    public static let waitingForImage = Reason(rawValue: "WaitingForImage")
    public static let queued = Reason(rawValue: "Queued")
    public static let building = Reason(rawValue: "Building")
    public static let imagePushed = Reason(rawValue: "ImagePushed")
    public static let imageExists = Reason(rawValue: "ImageExists")
    public static let rollingOut = Reason(rawValue: "RollingOut")
    public static let rolledOut = Reason(rawValue: "RolledOut")
    public static let ready = Reason(rawValue: "Ready")
    public static let pending = Reason(rawValue: "Pending")
    public static let retrying = Reason(rawValue: "Retrying")
    public static let deleting = Reason(rawValue: "Deleting")
    public static let expired = Reason(rawValue: "Expired")
    /// The build of an earlier revision is ended for a newer one; also what the `seactl` of the earlier one says.
    public static let superseded = Reason(rawValue: "Superseded")
    /// The registry lost an image that was built before: it is built again, once.
    public static let imageMissing = Reason(rawValue: "ImageMissing")

    // Failures of the build
    public static let buildFailed = Reason(rawValue: "BuildFailed")
    public static let buildDeadlineExceeded = Reason(rawValue: "BuildDeadlineExceeded")
    public static let buildOutOfMemory = Reason(rawValue: "BuildOutOfMemory")
    public static let dockerfileNotFound = Reason(rawValue: "DockerfileNotFound")
    public static let dockerfileInvalid = Reason(rawValue: "DockerfileInvalid")
    public static let baseImageUnavailable = Reason(rawValue: "BaseImageUnavailable")
    public static let platformUnsupported = Reason(rawValue: "PlatformUnsupported")

    // Failures of the deployment
    public static let crashLoop = Reason(rawValue: "CrashLoop")
    public static let imagePullFailed = Reason(rawValue: "ImagePullFailed")
    public static let unschedulable = Reason(rawValue: "Unschedulable")
    public static let refused = Reason(rawValue: "Refused")
    public static let notReady = Reason(rawValue: "NotReady")

    // Failures around them
    public static let sourceMissing = Reason(rawValue: "SourceMissing")
    public static let nameTaken = Reason(rawValue: "NameTaken")
    public static let forbidden = Reason(rawValue: "Forbidden")
    public static let invalidSpec = Reason(rawValue: "InvalidSpec")
    public static let sourceStoreUnavailable = Reason(rawValue: "SourceStoreUnavailable")
    public static let registryUnavailable = Reason(rawValue: "RegistryUnavailable")
    public static let namespaceTerminating = Reason(rawValue: "NamespaceTerminating")

    // What only `seactl` can tell
    public static let operatorUnavailable = Reason(rawValue: "OperatorUnavailable")
    public static let versionSkew = Reason(rawValue: "VersionSkew")

    /// Reasons that are worth a warning also while the operator still works on it.
    public static let warnings: Set<Reason> = [.sourceStoreUnavailable, .registryUnavailable, .imageMissing, .notReady, .retrying]
    /// Failures that end `seactl env sync` with exit code 4.
    public static let buildFailures: Set<Reason> = [
        .buildFailed, .buildDeadlineExceeded, .buildOutOfMemory,
        .dockerfileNotFound, .dockerfileInvalid, .baseImageUnavailable, .platformUnsupported, .registryUnavailable,
    ]
    /// Failures that end `seactl env sync` with exit code 5, whichever step they stop. `unschedulable` is in neither set: what no
    /// node takes is a build's pod or the application's, and the step says which.
    public static let deployFailures: Set<Reason> = [.crashLoop, .imagePullFailed, .refused, .notReady, .nameTaken]
    /// Failures that explain themselves by their name and message.
    public static let explained: Set<Reason> = buildFailures.union(deployFailures).union([
        .unschedulable, .superseded, .sourceMissing, .sourceStoreUnavailable, .forbidden, .invalidSpec, .namespaceTerminating,
        .operatorUnavailable, .versionSkew,
    ])
}

extension EnvironmentStatus {
    public func condition(_ type: ConditionType) -> Condition? {
        conditions?.first { $0.type == type }
    }

    /// Whether a condition is present and `True`.
    public func isTrue(_ type: ConditionType) -> Bool {
        condition(type)?.status == .true
    }
}
