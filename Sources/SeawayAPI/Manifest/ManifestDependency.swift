/// Objects that the application needs besides itself.
public struct ManifestDependency: Sendable, Equatable {
    public var name: String
    /// `kustomize` for objects in a directory, with or without a kustomization; `helm` for a chart.
    public var type: String
    /// A directory or file, relative to the manifest, or the URL of a remote kustomization. Empty for a chart.
    public var path: String
    public var wait: [ManifestWait]
    /// Whether `${NAME}` is replaced in the objects.
    public var substitute = false
    /// A directory relative to the manifest, the name of a chart in `repo`, or an `oci://` reference.
    public var chart: String?
    public var repo: String?
    public var version: String?
    /// Files, relative to the manifest; later ones win.
    public var values: [String]?
    /// Name of the release; default the dependency's.
    public var release: String?

    public init(name: String, type: String = "kustomize", path: String, wait: [ManifestWait] = []) {
        self.name = name
        self.type = type
        self.path = path
        self.wait = wait
    }

    public var isChart: Bool { type == "helm" }

    /// Whether kustomize fetches this directory from somewhere else.
    public var isRemote: Bool { Self.isRemote(path) }

    static func isRemote(_ path: String) -> Bool { path.contains("://") || path.hasPrefix("git@") }
}

/// What must be true of an object before the next dependency is applied.
public struct ManifestWait: Sendable, Equatable {
    public var kind: String
    public var name: String
    /// A ``WaitGoal``, as it is written.
    public var `for`: String
    public var timeout: Duration
    /// Where the kind's name alone is not enough.
    public var apiVersion: String?
    /// Default the environment's.
    public var namespace: String?

    public init(kind: String, name: String, for condition: String = "ready", timeout: Duration = .seconds(300)) {
        self.kind = kind
        self.name = name
        self.for = condition
        self.timeout = timeout
    }
}
