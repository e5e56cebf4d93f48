/// The rules of a `.dockerignore` file, with Docker's meaning: a pattern matches a path when it matches the path or
/// one of its parents, `!` takes paths back in, and the last pattern that matches decides.
struct IgnoreRules: Sendable {
    struct Rule: Sendable {
        var program: PatternProgram
        var takesBack: Bool
    }

    private(set) var rules: [Rule] = []
    /// The literal path segments that `!` lines name, such as `node_modules` in `!node_modules`.
    private(set) var namedInExceptions: Set<String> = []

    /// - Parameter file: The text of the file.
    /// - Throws: `SourceError` that names the line.
    init(file: String) throws {
        var text = Substring(file)
        if text.unicodeScalars.first == "\u{FEFF}" { text = Substring(text.unicodeScalars.dropFirst()) }
        let lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }
        for (index, line) in lines.enumerated() where !line.hasPrefix("#") {
            try append(String(line), number: index + 1)
        }
    }

    private mutating func append(_ line: String, number: Int) throws {
        var pattern = IgnoreRules.trimmed(line)
        guard !pattern.isEmpty else { return }
        let takesBack = pattern.hasPrefix("!")
        if takesBack {
            pattern = IgnoreRules.trimmed(String(pattern.dropFirst()))
            guard !pattern.isEmpty else {
                throw SourceError(.invalidPattern, ".dockerignore:\(number): '!' stands alone; write the pattern to take back in after it")
            }
        }
        let segments = IgnoreRules.cleaned(pattern)
        guard !segments.isEmpty else { return }
        do {
            let syntax = try GlobParser.parse(segments.joined(separator: "/"))
            rules.append(Rule(program: try PatternProgram(syntax), takesBack: takesBack))
        } catch {
            throw SourceError(.invalidPattern, ".dockerignore:\(number): the pattern '\(pattern)' is not understood: \(error.reason)")
        }
        if takesBack { namedInExceptions.formUnion(segments) }
    }

    private static func trimmed(_ text: String) -> String {
        String(text.drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
    }

    /// The segments of a pattern without empty ones, `.`, and `..` with what it takes away.
    private static func cleaned(_ pattern: String) -> [String] {
        var result: [String] = []
        for segment in pattern.split(separator: "/") where segment != "." {
            if segment == "..", let last = result.last, last != ".." {
                result.removeLast()
            } else {
                result.append(String(segment))
            }
        }
        return result
    }
}

/// Turns a pattern of `.dockerignore` into the syntax that the matcher runs.
struct GlobParser {
    /// The result matches a path when the glob matches it or one of its parents.
    static func parse(_ glob: String) throws(PatternParser.Failure) -> PatternSyntax {
        let scalars = Array(glob.unicodeScalars)
        if let ending = ending(scalars) { return ending }
        var parts: [PatternSyntax] = [.assertion(.textStart)]
        var position = 0
        while position < scalars.count {
            let scalar = scalars[position]
            position += 1
            switch scalar {
            case "*" where position < scalars.count && scalars[position] == "*":
                position += 1
                if position < scalars.count, scalars[position] == "/" { position += 1 }
                // Everything that goes on from here.
                if position == scalars.count { return .sequence(parts) }
                let directories = PatternSyntax.sequence([.repetition(.scalar(.any), least: 0, most: nil), .scalar(ScalarSet("/"))])
                parts.append(.repetition(directories, least: 0, most: 1))
            case "*": parts.append(.repetition(.scalar(.anyButSlash), least: 0, most: nil))
            case "?": parts.append(.scalar(.anyButSlash))
            case "[": parts.append(.scalar(try PatternClassParser.parse(scalars, at: &position)))
            case "\\":
                guard position < scalars.count else { throw .init(reason: "a backslash at the end escapes nothing") }
                parts.append(.scalar(ScalarSet(scalars[position])))
                position += 1
            default: parts.append(.scalar(ScalarSet(scalar)))
            }
        }
        parts.append(.choice([.assertion(.textEnd), .scalar(ScalarSet("/"))]))
        return .sequence(parts)
    }

    /// `**text`: Docker takes it for every path that ends in the text, while `**` before anything else stands for whole directories.
    private static func ending(_ scalars: [Unicode.Scalar]) -> PatternSyntax? {
        guard scalars.count > 2, scalars[0] == "*", scalars[1] == "*", scalars[2] != "/",
            !scalars[2...].contains(where: { "*?[]\\".unicodeScalars.contains($0) })
        else { return nil }
        return .sequence(
            scalars[2...].map { .scalar(ScalarSet($0)) } + [.choice([.assertion(.textEnd), .scalar(ScalarSet("/"))])])
    }
}
