import SeawayAPI

/// What a failed build's own output says about the cause, told apart the same way wherever the build ran.
///
/// The phrases are those of buildah and Podman (4.3 to 5.x), BuildKit and kaniko. What none of them matches stays `BuildFailed`.
public struct BuildFailure: Equatable, Sendable {
    public var reason: Reason
    /// One sentence without a full stop.
    public var headline: String

    public init(_ reason: Reason, _ headline: String) {
        self.reason = reason
        self.headline = headline
    }

    /// The reasons that `classify` gives.
    public static let reasons: Set<Reason> = [
        .buildFailed, .dockerfileNotFound, .dockerfileInvalid, .baseImageUnavailable, .platformUnsupported, .buildOutOfMemory, .registryUnavailable,
    ]

    /// - Parameters:
    ///   - log: the last lines that the builder wrote, in order; 40 are enough.
    ///   - exitCode: the builder's own.
    public static func classify(log: [String], exitCode: Int) -> BuildFailure {
        let output = BuilderOutput(log)
        if output.couldNotPush { return BuildFailure(.registryUnavailable, "the registry did not take the image") }
        if let failure = output.dockerfile ?? output.platform ?? output.baseImage { return failure }
        if output.error.contains("exit status 137") || output.error.contains("signal: killed") || output.error.contains("exit code: 137") {
            return BuildFailure(.buildOutOfMemory, "a step of the build was killed, most likely because it used more memory than allowed")
        }
        if let step = output.failedStep {
            let how = output.exitStatus.map { "exited with code \($0)" } ?? "failed"
            return BuildFailure(.buildFailed, "the step \"\(step)\" \(how)")
        }
        return BuildFailure(.buildFailed, "the build ended with exit code \(exitCode)")
    }

    /// What can be said of a wanted platform before anything is built; `nil` when a builder may try it.
    ///
    /// Containers are Linux's: `os/arch` with another system never builds.
    public static func unsupported(platform: String) -> BuildFailure? {
        let parts = platform.split(separator: "/", omittingEmptySubsequences: false)
        if (2...3).contains(parts.count), parts[0] == "linux", parts.allSatisfy({ !$0.isEmpty }) { return nil }
        return BuildFailure(
            .platformUnsupported, "the platform \"\(platform)\" cannot be built: it has to be linux/ARCH, for example linux/amd64")
    }
}

/// The lines that speak of the failure.
private struct BuilderOutput {
    let lines: [String]
    /// The builder's last word.
    let error: String

    init(_ log: [String]) {
        lines = log
        error = log.last { $0.lowercased().hasPrefix("error") || $0.contains("level=fatal") || $0.contains("ERROR: failed") } ?? log.last ?? ""
    }

    var dockerfile: BuildFailure? {
        let lower = error.lowercased()
        if lower.contains("no such file or directory"),
            lower.hasPrefix("error: stat ") || lower.contains("reading dockerfile")
                || lower.contains("failed to read dockerfile") || lower.contains("containerfile")
        {
            return BuildFailure(.dockerfileNotFound, "the Dockerfile is not among the sources")
        }
        if lower.contains("resolving dockerfile path") { return BuildFailure(.dockerfileNotFound, "the Dockerfile is not among the sources") }
        let phrases = [
            "unknown instruction", "dockerfile parse error", "requires at least", "requires exactly", "no from statement found",
            "no contents in", "syntax error", "unknown flag", "file with no instructions", "no build stage in current context",
            "was not found in the provided dockerfile",
        ]
        guard phrases.contains(where: lower.contains) else { return nil }
        let what = error.replacing("Error: ", with: "").prefix(while: { $0 != "&" }).trimmingSuffix
        return BuildFailure(.dockerfileInvalid, "the Dockerfile is not valid: \(what)")
    }

    /// Whether the image was built, and then not taken.
    var couldNotPush: Bool {
        let lower = error.lowercased()
        let phrases = [
            Names.pushFailedLine, "error: pushing image", "error pushing image", "trying to reuse blob", "writing blob", "failed to push",
            "error copying image to the remote destination", "initializing destination",
        ]
        return phrases.contains(where: lower.contains)
    }

    var platform: BuildFailure? {
        let lower = lines.joined(separator: "\n").lowercased()
        let phrases = [
            "exec format error", "no image found in manifest list for architecture", "no image found in image index for architecture",
            "no match for platform in manifest", "unknown operating system or architecture", "invalid platform",
        ]
        guard phrases.contains(where: lower.contains) else { return nil }
        return BuildFailure(.platformUnsupported, "the platform cannot be built here: there is no base image or no emulation for it")
    }

    var baseImage: BuildFailure? {
        let lower = error.lowercased()
        let phrases = [
            "initializing source", "short-name", "pinging container registry", "manifest unknown", "pulling image", "reading manifest",
            "failed to resolve source metadata", "unable to pull", "retrieving image",
        ]
        guard phrases.contains(where: lower.contains) else { return nil }
        let from = lines.last { $0.hasPrefix("STEP ") && $0.contains(": FROM ") }?.split(separator: " ").drop { $0 != "FROM" }.dropFirst().first
        return BuildFailure(.baseImageUnavailable, "the base image \(from.map { "\($0) " } ?? "")cannot be pulled")
    }

    /// The instruction in `building at STEP "RUN false": …`, else the last `STEP 2/3: RUN false`.
    var failedStep: String? {
        if let start = error.range(of: "at STEP \"") {
            let rest = error[start.upperBound...]
            if let end = rest.range(of: "\": ") { return String(rest[..<end.lowerBound].prefix(200)) }
        }
        guard error.lowercased().hasPrefix("error"), let step = lines.last(where: { $0.hasPrefix("STEP ") }), let colon = step.firstIndex(of: ":")
        else { return nil }
        return String(step[step.index(after: colon)...].drop { $0 == " " }.prefix(200))
    }

    var exitStatus: Int? {
        guard let range = error.range(of: "exit status ") else { return nil }
        return Int(error[range.upperBound...].prefix { $0.isNumber })
    }
}

extension StringProtocol {
    fileprivate func range(of text: String) -> Range<Index>? { ranges(of: text).first }

    fileprivate var trimmingSuffix: String {
        var text = String(self)
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return text
    }
}
