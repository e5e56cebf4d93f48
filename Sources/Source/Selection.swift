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
        try self.init(include: include, exclude: exclude, dockerignore: dockerignore, always: always, sendsIgnoreFile: true)
    }

    init(include: [String] = [], exclude: [String] = [], dockerignore: String?, always: [String] = [], sendsIgnoreFile: Bool) throws {
        self.include = try include.map { try Selection.compile($0, of: "include") }
        self.exclude = try exclude.map { try Selection.compile($0, of: "exclude") }
        ignore = try IgnoreRules(file: dockerignore ?? "")
        excludedSegments = Selection.defaultExcludes.subtracting(ignore.namedInExceptions)
        var kept: Set<BytePath> = []
        var entered: Set<BytePath> = []
        for path in always + (sendsIgnoreFile ? [".dockerignore"] : []) {
            let segments = path.split(separator: "/").filter { $0 != "." }
            guard !segments.isEmpty else { continue }
            kept.insert(BytePath(segments.joined(separator: "/")))
            for count in 1..<segments.count { entered.insert(BytePath(segments.prefix(count).joined(separator: "/"))) }
        }
        self.always = kept
        alwaysEntered = entered
    }

    /// Why a pattern is not understood; `nil` when it is.
    public static func problem(of pattern: String) -> String? {
        do {
            _ = try PatternProgram(try PatternParser.parse(pattern))
            return nil
        } catch {
            return error.reason
        }
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
        var segments = path.split(separator: "/").map(String.init)
        var last = segments.popLast() ?? ""
        for var segment in segments {
            matcher.begin(in: parent)
            if !segment.withUTF8({ matcher.enters($0) }) { return false }
            parent += parent.isEmpty ? segment : "/\(segment)"
        }
        matcher.begin(in: parent)
        return last.withUTF8 { matcher.takes($0) }
    }
}

/// Applies a `Selection` to the names of one directory after the other. Not shared between threads.
///
/// Names are given by their bytes, which must be UTF-8: it looks at every name of the disk.
struct SelectionMatcher {
    private let selection: Selection
    /// Names in this directory that are taken, or entered, in any case.
    private var taken: [String] = []
    private var entered: [String] = []
    /// Whether an excluded segment begins with a byte: most names are told apart by their first one.
    private let startsExcluded: [Bool]
    private var include: [PatternMatcher]
    private var exclude: [PatternMatcher]
    private var ignore: [(matcher: PatternMatcher, takesBack: Bool)]

    init(_ selection: Selection) {
        self.selection = selection
        var starts = [Bool](repeating: false, count: 256)
        for segment in selection.excludedSegments {
            if let byte = segment.utf8.first { starts[Int(byte)] = true }
        }
        startsExcluded = starts
        include = selection.include.map(PatternMatcher.init)
        exclude = selection.exclude.map(PatternMatcher.init)
        ignore = selection.ignore.rules.map { (PatternMatcher($0.program), $0.takesBack) }
    }

    /// Begins with the names in a directory. What the patterns make of its path is found out once for all of them.
    mutating func begin(in directory: String) {
        let prefix = directory.isEmpty ? "" : directory + "/"
        taken = SelectionMatcher.names(in: prefix, of: selection.always)
        entered = SelectionMatcher.names(in: prefix, of: selection.alwaysEntered)
        for index in include.indices { include[index].begin(prefix) }
        for index in exclude.indices { exclude[index].begin(prefix) }
        for index in ignore.indices { ignore[index].matcher.begin(prefix) }
    }

    private static func names(in prefix: String, of paths: Set<BytePath>) -> [String] {
        paths.compactMap { path in
            guard path.text.utf8.starts(with: prefix.utf8) else { return nil }
            let name = path.text.utf8.dropFirst(prefix.utf8.count)
            return name.contains(UInt8(ascii: "/")) ? nil : String(name)
        }
    }

    /// Whether an entry is taken, given that its directory was entered.
    mutating func takes(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        if taken.contains(where: { $0.utf8.elementsEqual(name) }) { return true }
        if isExcluded(name) { return false }
        for index in ignore.indices.reversed() where ignore[index].matcher.matches(name) {
            if ignore[index].takesBack { break }
            return false
        }
        return (include.isEmpty || include.indices.contains { include[$0].matches(name) })
            && !exclude.indices.contains { exclude[$0].matches(name) }
    }

    /// Whether anything in a directory may be taken; if not, it is never read.
    mutating func enters(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        if entered.contains(where: { $0.utf8.elementsEqual(name) }) { return true }
        if isExcluded(name) { return false }
        guard !(ignore.isEmpty && include.isEmpty && exclude.isEmpty) else { return true }
        let prefix = String(decoding: name, as: UTF8.self) + "/"
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

    private func isExcluded(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let first = name.first, startsExcluded[Int(first)] else { return false }
        return selection.excludedSegments.contains(String(decoding: name, as: UTF8.self))
    }
}
