import KubernetesModel
import SeawayAPI

/// What to do about one Environment now, and how far it has come.
public struct Plan: Sendable, Equatable {
    /// Look-ups without which no decision can be made. When there are any, there are no actions: answer and plan again.
    public var questions: [Question] = []
    /// Effects, in order. The first that fails ends the list.
    public var actions: [Action] = []
    public var progress = Progress()
    /// Look again after this many seconds though nothing changed; `nil` waits for a watch event.
    public var requeueAfter: Double?

    public init() {}
}

/// One effect on the world.
public enum Action: Sendable, Equatable {
    case addFinalizer
    case removeFinalizer
    /// Server-side apply. With `creates`, an object of that name that Seaway does not own is left alone and reported.
    case apply(JSONValue, type: ResourceType, creates: Bool)
    /// Deletes the very object that was observed, in the background.
    case delete(ResourceType, name: String, uid: String)
    case removeSources
    case removeImages
    /// Asks for the deletion of the Environment itself.
    case deleteEnvironment
    /// Deletes the namespace if `seactl` made it and nothing but this Environment is left in it.
    case removeNamespace

    /// What is done to what, without the object, which may hold what is nobody else's business.
    public var summary: String {
        switch self {
        case .addFinalizer: "add the finalizer"
        case .removeFinalizer: "remove the finalizer"
        case .apply(let object, let type, _): "apply \(type.kind) \(object["metadata"]?["name"]?.stringValue ?? "")"
        case .delete(let type, let name, _): "delete \(type.kind) \(name)"
        case .removeSources: "remove the sources"
        case .removeImages: "remove the images"
        case .deleteEnvironment: "delete the Environment"
        case .removeNamespace: "remove the namespace"
        }
    }
}

/// How far an Environment has come, step by step; the status is derived from it.
public struct Progress: Sendable, Equatable {
    public var source: Step = .pending
    public var image: Step = .pending
    public var deployment: Step = .pending
    public var isDeleting = false

    public var buildDigest: String?
    public var buildSpan: EnvironmentStatus.Span?
    public var rolloutFinished = false
    public var urls: [String] = []
    /// The image that is deployed, once it is.
    public var deployedImage: String?

    public init() {}
}

/// The state of one step on the way to Ready.
public enum Step: Sendable, Equatable {
    /// An earlier step is not done.
    case pending
    case working(Reason, String)
    case done(Reason, String)
    /// Over until the spec changes, or until the cluster's state does.
    case failed(Reason, String)

    public var isDone: Bool {
        if case .done = self { true } else { false }
    }
}
