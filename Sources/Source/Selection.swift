/// Which files of a directory are the sources.
///
/// A path is taken when no default exclude is one of its segments, `.dockerignore` does not ignore it, one of
/// `include` is found in it (or there is none), and none of `exclude` is. Paths in `always` are taken in any case.
///
/// - `include` and `exclude` are regular expressions in RE2 syntax, searched (not anchored) in the path of each file,
///   symbolic link or directory relative to the root, without a leading or trailing `/`.
/// - Default excludes match whole path segments, so `.git` never hides `digits.py`. One of them is lifted by a line of
///   `.dockerignore` that takes it back by name: `!node_modules`.
/// - The directories above a taken path are taken with it.
public struct Selection: Sendable {
    /// What nobody wants in an image: version control, caches of tools, installed dependencies that a build makes anew.
    /// `vendor` is not among them: it is part of the sources of many Go and PHP projects.
    public static let defaultExcludes: Set<String> = [
        ".git", ".hg", ".svn", ".bzr", ".jj", "node_modules", ".venv", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache",
        ".tox", ".nox", ".gradle", ".terraform", ".seaway", ".DS_Store",
    ]

    let include: [PatternProgram]
    let exclude: [PatternProgram]
    let ignore: IgnoreRules
    let excludedSegments: Set<String>
    let always: Set<BytePath>
    /// The directories above the paths in `always`.
    let alwaysEntered: Set<BytePath>

    /// - Parameters:
    ///   - include: Patterns of what to take; empty: everything.
    ///   - exclude: Patterns of what to leave out of that.
    ///   - dockerignore: The text of the `.dockerignore` file, if there is one.
    ///   - always: Paths that are taken in any case: the Dockerfile. `.dockerignore` itself always is.
    /// - Throws: `SourceError` with code `invalidPattern` that says which pattern and why.
    public init(include: [String] = [], exclude: [String] = [], dockerignore: String? = nil, always: [String] = []) throws {
        self.include = try include.map { try Selection.compile($0, of: "include") }
        self.exclude = try exclude.map { try Selection.compile($0, of: "exclude") }
        ignore = try IgnoreRules(file: dockerignore ?? "")
        excludedSegments = Selection.defaultExcludes.subtracting(ignore.namedInExceptions)
        var kept: Set<BytePath> = []
        var entered: Set<BytePath> = []
        for path in always + [".dockerignore"] {
            let segments = path.split(separator: "/").filter { $0 != "." }
            guard !segments.isEmpty else { continue }
            kept.insert(BytePath(segments.joined(separator: "/")))
            for count in 1..<segments.count { entered.insert(BytePath(segments.prefix(count).joined(separator: "/"))) }
        }
        self.always = kept
        alwaysEntered = entered
    }

    private static func compile(_ pattern: String, of list: String) throws -> PatternProgram {
        do {
            return try PatternProgram(try PatternParser.parse(pattern))
        } catch {
            throw SourceError(
                .invalidPattern,
                "\(list): the pattern '\(pattern)' is not understood: \(error.reason). Patterns are regular expressions in RE2 syntax.")
        }
    }

    /// Whether a path is taken.
    /// - Parameter path: Relative to the root, segments separated by `/`.
    public func takes(_ path: String) -> Bool {
        var matcher = SelectionMatcher(self)
        var parent = ""
        for segment in path.split(separator: "/").dropLast() {
            parent += parent.isEmpty ? "\(segment)" : "/\(segment)"
            if !matcher.enters(parent, name: String(segment)) { return false }
        }
        return matcher.takes(path, name: String(path.split(separator: "/").last ?? ""))
    }
}

/// Applies a `Selection` to many paths. Not shared between threads.
struct SelectionMatcher {
    private let selection: Selection
    private var include: [PatternMatcher]
    private var exclude: [PatternMatcher]
    private var ignore: [(matcher: PatternMatcher, takesBack: Bool)]

    init(_ selection: Selection) {
        self.selection = selection
        include = selection.include.map(PatternMatcher.init)
        exclude = selection.exclude.map(PatternMatcher.init)
        ignore = selection.ignore.rules.map { (PatternMatcher($0.program), $0.takesBack) }
    }

    /// Whether a path is taken, given that its parent directory was entered.
    mutating func takes(_ path: String, name: String) -> Bool {
        if selection.always.contains(BytePath(path)) { return true }
        if selection.excludedSegments.contains(name) { return false }
        for index in ignore.indices.reversed() where ignore[index].matcher.matches(path) {
            if ignore[index].takesBack { break }
            return false
        }
        return (include.isEmpty || include.indices.contains { include[$0].matches(path) })
            && !exclude.indices.contains { exclude[$0].matches(path) }
    }

    /// Whether anything in a directory may be taken; if not, it is never read.
    mutating func enters(_ path: String, name: String) -> Bool {
        if selection.alwaysEntered.contains(BytePath(path)) { return true }
        if selection.excludedSegments.contains(name) { return false }
        let prefix = path + "/"
        for index in ignore.indices.reversed() {
            let found = ignore[index].matcher.searchPrefix(prefix)
            if ignore[index].takesBack ? found.possible : found.certain {
                if ignore[index].takesBack { break }
                return false
            }
        }
        return (include.isEmpty || include.indices.contains { include[$0].searchPrefix(prefix).possible })
            && !exclude.indices.contains { exclude[$0].searchPrefix(prefix).certain }
    }
}
