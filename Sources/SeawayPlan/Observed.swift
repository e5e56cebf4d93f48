import KubernetesModel
import SeawayAPI

/// Everything that a decision about one Environment may look at. Values only: the time is one of them.
public struct Observed: Sendable {
    public var now: Timestamp
    public var environment: Environment
    public var job: Job?
    /// Pods of the build Job.
    public var buildPods: [Pod] = []
    /// uids of build pods whose builder has said that the image is pushed.
    public var pushedPods: Set<String> = []
    public var deployment: Deployment?
    /// Pods of the application, of every revision.
    public var pods: [Pod] = []
    public var service: Service?
    public var ingress: Ingress?
    public var cacheClaim: PersistentVolumeClaim?
    /// What was looked up because an earlier plan asked.
    public var answers: [Question: Answer] = [:]

    public init(now: Timestamp, environment: Environment) {
        self.now = now
        self.environment = environment
    }
}

/// A look-up that a decision needs and the observed objects do not hold. Asked as an action, so that deciding stays pure.
public enum Question: Hashable, Sendable {
    /// Whether the object store holds the sources of this revision, complete.
    case source(revision: String)
    /// Whether the registry holds the image with this tag.
    case image(tag: String)
    /// Whether another build may start now.
    case buildSlot
    /// Whether the cluster makes volumes without being told a class.
    case defaultStorageClass
    /// The warnings that Kubernetes recorded about an object, the newest last, each as `Reason: message`.
    case warnings(uid: String)
    /// The lines of a text file among the sources of the wanted revision.
    case sourceFile(path: String)
    /// The last lines that a container wrote.
    case log(pod: String, container: String, previous: Bool)
    /// Whether the API server holds objects of the Environment that the watch has not shown yet.
    case objectsLeft
    /// Whether a request for this URL reaches the application; no, when the ingress controller answers as for a host that nobody has.
    case url(String)
    /// Whether a pod (`host:port`) answers this URL otherwise than the ingress controller does for a host that nobody has.
    case ownPage(url: String, pod: String)
}

public enum Answer: Hashable, Sendable {
    case yes
    case no
    case lines([String])
    /// Not yet: so many are served before it, itself included.
    case queued(place: Int)
    /// The look-up failed; the text is fit for a status.
    case unavailable(String)
}
