import Foundation

/// `manifest.yaml`: one application and its environments.
///
/// ```swift
/// let manifest = try Manifest.load(path: "manifest.yaml").expanding { ProcessInfo.processInfo.environment[$0] }
/// let environment = try manifest.environment(named: nil)
/// ```
public struct Manifest: Sendable, Equatable {
    /// The application's name: an RFC 1035 label. Environment resources are called by it.
    public var name: String
    public var version: String?
    public var description: String?
    /// Name of the environment that is meant when none is given.
    public var defaultEnvironment: String?
    public var environments: [ManifestEnvironment]
    let origin: Origin
    /// What keeps the name from being used; only before `expanding`.
    var variableProblems: [ManifestError]

    /// What was parsed; `expanding` decodes it again with the variables in place.
    struct Origin: Sendable, Equatable {
        var yaml: String
        var file: String
        var patternProblem: @Sendable (String) -> String?

        static func == (left: Origin, right: Origin) -> Bool {
            (left.yaml, left.file) == (right.yaml, right.file)
        }
    }

    /// Reads a manifest.
    /// - Parameters:
    ///   - path: the file; errors call it by this name.
    ///   - patternProblem: why a regular expression is not understood; `nil` when it is.
    /// - Throws: `ManifestErrors` with everything that is wrong with the file.
    public static func load(
        path: String, patternProblem: @escaping @Sendable (String) -> String? = { _ in nil }
    ) throws(ManifestErrors) -> Manifest {
        let data: Data
        do {
            let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            // No more than is looked at: the name may lead to a device that never ends.
            data = try file.read(upToCount: YAMLLimits.manifest.bytes + 1) ?? Data()
            try file.close()
        } catch {
            let missing = !FileManager.default.fileExists(atPath: path)
            let problem = missing ? "no such file, run this in the application's directory or name the file with --manifest" : "cannot be read"
            throw ManifestErrors([ManifestError(file: path, message: problem)])
        }
        guard data.count <= YAMLLimits.manifest.bytes else {
            throw ManifestErrors([ManifestError(file: path, message: "is larger than \(YAMLLimits.manifest.bytes >> 20) MiB, which no manifest is")])
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            throw ManifestErrors([ManifestError(file: path, message: "is not UTF-8 text")])
        }
        return try parse(yaml: text, file: path, patternProblem: patternProblem)
    }

    /// Decodes a manifest; variables stay as they are written until `expanding`.
    /// - Parameters:
    ///   - file: the name that errors give the text.
    ///   - patternProblem: why a regular expression is not understood; `nil` when it is.
    /// - Throws: `ManifestErrors` with everything that is wrong with the text.
    public static func parse(
        yaml: String, file: String = "manifest.yaml", patternProblem: @escaping @Sendable (String) -> String? = { _ in nil }
    ) throws(ManifestErrors) -> Manifest {
        try ManifestDecoder.decode(Origin(yaml: yaml, file: file, patternProblem: patternProblem), lookup: nil)
    }

    /// The manifest with its variables put in.
    ///
    /// `${NAME}` is the application's name; every other variable is asked of `lookup`.
    /// - Throws: `ManifestErrors` when a variable of the application's name is missing. One that only an environment
    ///   uses is reported by `environment(named:)`, so that it disturbs nobody else.
    public func expanding(_ lookup: (String) -> String?) throws(ManifestErrors) -> Manifest {
        // The look-up is used only during this call, which the decoder's storing of it does not show.
        try withoutActuallyEscaping(lookup) { lookup in
            Result { () throws(ManifestErrors) in try ManifestDecoder.decode(origin, lookup: lookup) }
        }.get()
    }

    /// The named environment; without a name the default one, else the only one.
    /// - Throws: `ManifestErrors` when there is no such environment, or when its variables have no values.
    public func environment(named name: String? = nil) throws(ManifestErrors) -> ManifestEnvironment {
        let names = environments.map(\.name)
        let wanted = name ?? defaultEnvironment ?? (names.count == 1 ? names.first : nil)
        guard let wanted else {
            throw failure("there are several environments and no defaultEnvironment, name one of: \(names.joined(separator: ", "))")
        }
        guard let environment = environments.first(where: { $0.name == wanted }) else {
            let question = Spelling.question(about: wanted, in: names).map { "; \($0)" } ?? ""
            throw failure("no environment is called '\(wanted)', there is: \(names.joined(separator: ", "))\(question)")
        }
        let problems = variableProblems + environment.variableProblems
        guard problems.isEmpty else { throw ManifestErrors(problems) }
        return environment
    }

    private func failure(_ message: String) -> ManifestErrors {
        ManifestErrors([ManifestError(file: origin.file, message: message)])
    }
}

/// One environment of a manifest.
public struct ManifestEnvironment: Sendable, Equatable {
    public var name: String
    /// Default: the application's name, a hyphen and the environment's name.
    public var namespace: String
    /// Address of the operator's API in published manifests. Accepted and not used: the API server is the door.
    public var endpoint: String?
    public var dependencies: [ManifestDependency]
    /// Secrets that are made before the application runs.
    public var secrets: [ManifestSecret] = []
    /// Whether it goes away by itself: `spec.ttlSeconds` after its last sync.
    public var isTemporary = false
    /// What becomes the resource; its `revision` is empty until the sources are scanned.
    public var spec: EnvironmentSpec
    var variableProblems: [ManifestError] = []

    public init(name: String, namespace: String, endpoint: String? = nil, dependencies: [ManifestDependency] = [], spec: EnvironmentSpec) {
        self.name = name
        self.namespace = namespace
        self.endpoint = endpoint
        self.dependencies = dependencies
        self.spec = spec
    }
}
