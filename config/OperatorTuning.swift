/// How the operator works. What is `nil` keeps the operator's own default, which `seaway operator --help` tells.
public struct OperatorTuning: Sendable, Equatable, Codable {
    /// Environments worked on at once.
    public var workers: Int?
    /// Builds running at once.
    public var maxConcurrentBuilds: Int?
    /// Seconds after which a build is ended, where a manifest names no deadline.
    public var buildDeadline: Int?
    /// How often a failed build is tried again by itself, where a manifest does not say.
    public var buildRetries: Int?
    /// Seconds after which a rollout without progress has failed.
    public var progressDeadline: Int?
    /// Seconds that the registry and the object store may be away before what needs them has failed.
    public var patience: Int?
    /// Seconds that an application gets to stop once it was asked to.
    public var terminationGracePeriod: Int?
    /// Seconds that a leaving pod serves on.
    public var drainSeconds: Int?
    /// Size of the volume that keeps an environment's layer cache, as Kubernetes writes quantities.
    public var cacheSize: String?
    /// Image that builds with BuildKit run in.
    public var buildkitImage: String?
    /// Image that builds with kaniko run in.
    public var kanikoImage: String?
    /// `trace`, `debug`, `info`, `warning` or `error`.
    public var logLevel: String?

    public init() {}

    static let logLevels = ["trace", "debug", "info", "warning", "error"]

    /// What the operator would refuse when it starts, told before anything is installed.
    func validate() throws(InstallError) {
        let numbers: [(option: String, value: Int?, allowed: ClosedRange<Int>)] = [
            ("--workers", workers, 1...1000), ("--max-concurrent-builds", maxConcurrentBuilds, 1...100_000),
            ("--build-deadline", buildDeadline, 1...Int(Int32.max)), ("--build-retries", buildRetries, 0...100),
            ("--progress-deadline", progressDeadline, 4...Int(Int32.max)),
            ("--patience", patience, 1...Int(Int32.max)), ("--termination-grace-period", terminationGracePeriod, 0...Int(Int32.max)),
            ("--drain-seconds", drainSeconds, 0...60),
        ]
        for (option, value, allowed) in numbers {
            guard let value, !allowed.contains(value) else { continue }
            throw InstallError("\(option): \(value) is not between \(allowed.lowerBound) and \(allowed.upperBound)")
        }
        for (option, image) in [("--buildkit-image", buildkitImage), ("--kaniko-image", kanikoImage)] where image?.isEmpty == true {
            throw InstallError("\(option) is empty, expected the name of an image")
        }
        if let logLevel, !Self.logLevels.contains(logLevel) {
            throw InstallError("--log-level: '\(logLevel)' is no level, expected one of \(Self.logLevels.joined(separator: ", "))")
        }
        if let cacheSize, cacheSize.wholeMatch(of: /[0-9]+(\.[0-9]+)?([EPTGMk]|[EPTGMK]i)?/) == nil {
            throw InstallError("--cache-size: '\(cacheSize)' is no size, expected one as 10Gi")
        }
    }

    /// The operator's options.
    var arguments: [String] {
        let values: [(String, String?)] = [
            ("workers", workers.map(String.init)), ("max-concurrent-builds", maxConcurrentBuilds.map(String.init)),
            ("build-deadline", buildDeadline.map(String.init)), ("build-retries", buildRetries.map(String.init)),
            ("progress-deadline", progressDeadline.map(String.init)),
            ("patience", patience.map(String.init)), ("termination-grace-period", terminationGracePeriod.map(String.init)),
            ("drain-seconds", drainSeconds.map(String.init)), ("cache-size", cacheSize),
            ("buildkit-image", buildkitImage), ("kaniko-image", kanikoImage), ("log-level", logLevel),
        ]
        return values.compactMap { name, value in value.map { "--\(name)=\($0)" } }
    }
}
