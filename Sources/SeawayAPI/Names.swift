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
    /// On the application's pods: a hash of the template they were made from.
    public static let templateLabel = "seaway.ctx.sh/template"
    /// On Environments: the name of the manifest's environment.
    public static let environmentNameLabel = "seaway.ctx.sh/environment-name"

    /// On owned objects: sha256 of what was applied, so that an unchanged object is not written again.
    public static let appliedAnnotation = "seaway.ctx.sh/applied"
    /// On build Jobs: the build digest that they make.
    public static let buildDigestAnnotation = "seaway.ctx.sh/build-digest"
    /// On build Jobs: the spec's `attempt` they belong to.
    public static let attemptAnnotation = "seaway.ctx.sh/attempt"
    /// On build Jobs: they make an image that the registry lost.
    public static let rebuildAnnotation = "seaway.ctx.sh/rebuild"
    /// On Deployments: the source revision they run.
    public static let revisionAnnotation = "seaway.ctx.sh/revision"
    /// On Environments: who synced them first.
    public static let ownerAnnotation = "seaway.ctx.sh/owner"
    /// On Environments: when `seactl` last synced them (RFC 3339); a temporary one lives for its `ttlSeconds` from then on.
    public static let syncedAtAnnotation = "seaway.ctx.sh/synced-at"
    /// On namespaces that `seactl` made, with the value `true`: one that a temporary Environment leaves empty is removed.
    public static let createdNamespaceLabel = "seaway.ctx.sh/created-by-seaway"
    /// On the application's pods: which content of its Secrets they started with.
    public static let secretsAnnotation = "seaway.ctx.sh/secrets"

    /// Container of the application in its pods.
    public static let applicationContainer = "app"
    /// Container of the builder in build pods.
    public static let buildContainer = "build"
    /// Files by which the source container tells a builder that waits for it how it ended.
    public static let sourceReadyFile = "ready"
    public static let sourceFailedFile = "failed"
    /// The line by which a builder says that the image is in the registry.
    public static let pushedLine = "seaway: the image is pushed"
    /// The line by which a builder says that the registry did not take the image, however often it tried.
    public static let pushFailedLine = "error: the registry did not take the image"
    /// Init container that fetches the sources in build pods.
    public static let sourceContainer = "source"

    /// Container of build pods that hands images to a registry which wants a login.
    public static let registryContainer = "registry"

    /// Copy of the login with which nodes pull images, in each namespace with Environments.
    public static let pullSecret = "seaway-registry-pull"

    /// The one build Job of an Environment.
    public static func buildJob(of environment: String) -> String { "\(environment)-build" }
    /// The claim that keeps the layer cache between builds.
    public static func buildCache(of environment: String) -> String { "\(environment)-build-cache" }
    /// The image's repository; the namespace keeps equal names of different people apart.
    public static func repository(namespace: String, environment: String) -> String { "\(namespace)/\(environment)" }
}
