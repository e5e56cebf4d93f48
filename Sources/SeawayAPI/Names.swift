/// Labels, annotations and names of everything that Seaway makes; one place, so that nothing is made that cleaning misses.
public enum Names {
    public static let group = "seaway.ctx.sh"
    /// Namespace of the operator.
    public static let systemNamespace = "seaway-system"
    /// Audience of the tokens that the operator accepts.
    public static let audience = "seaway"
    /// Field manager of the operator's server-side apply.
    public static let fieldManager = "seaway"
    /// Field manager of `seactl`'s server-side apply.
    public static let clientFieldManager = "seactl"
    /// Keeps an Environment until its sources and images are removed.
    public static let finalizer = "seaway.ctx.sh/cleanup"

    /// On everything that the operator makes; informers select by it.
    public static let managedByLabel = "app.kubernetes.io/managed-by"
    public static let managedByValue = "seaway"
    public static let applicationLabel = "app.kubernetes.io/name"
    /// On the application's pods: the name of their Environment.
    public static let environmentLabel = "seaway.ctx.sh/environment"
    /// On build Jobs and their pods: the name of their Environment.
    public static let buildLabel = "seaway.ctx.sh/build"
    /// On pods: the first 63 digits of the build digest they run.
    public static let digestLabel = "seaway.ctx.sh/build-digest"
    /// On Environments: the name of the manifest's environment.
    public static let environmentNameLabel = "seaway.ctx.sh/environment-name"

    /// On owned objects: sha256 of what was applied, so that an unchanged object is not written again.
    public static let appliedAnnotation = "seaway.ctx.sh/applied"
    /// On build Jobs: the build digest that they make.
    public static let buildDigestAnnotation = "seaway.ctx.sh/build-digest"
    /// On build Jobs: the spec's `attempt` they belong to.
    public static let attemptAnnotation = "seaway.ctx.sh/attempt"
    /// On Deployments: the source revision they run.
    public static let revisionAnnotation = "seaway.ctx.sh/revision"
    /// On Environments: who synced them first.
    public static let ownerAnnotation = "seaway.ctx.sh/owner"

    /// Container of the application in its pods.
    public static let applicationContainer = "app"
    /// Container of the builder in build pods.
    public static let buildContainer = "build"
    /// Init container that fetches the sources in build pods.
    public static let sourceContainer = "source"

    /// The one build Job of an Environment.
    public static func buildJob(of environment: String) -> String { "\(environment)-build" }
    /// The claim that keeps the layer cache between builds.
    public static func buildCache(of environment: String) -> String { "\(environment)-build-cache" }
    /// The image's repository; the namespace keeps equal names of different people apart.
    public static func repository(namespace: String, environment: String) -> String { "\(namespace)/\(environment)" }
}
