/// Parses a regular expression in RE2 syntax.
///
/// Two kinds of leniency, both because published manifests need them: `^*` repeats an assertion, which is legal in
/// RE2 and means that the assertion may be absent; and a repeat operator with nothing before it (`*.py`), which RE2
/// refuses, is taken as nothing.
struct PatternParser {
    struct Failure: Error { var reason: String }

    private struct Flags {
        var ignoresCase = false
        var multiline = false
        var dotMatchesNewline = false
    }

    private static let mostRepeats = 1000
    private static let deepest = 200

    private let scalars: [Unicode.Scalar]
    private var position = 0
    private var flags = Flags()
    private var depth = 0

    private init(_ pattern: String) { scalars = Array(pattern.unicodeScalars) }

    /// - Throws: `Failure` with the reason.
    static func parse(_ pattern: String) throws(Failure) -> PatternSyntax {
        var parser = PatternParser(pattern)
        let result = try parser.choice()
        guard parser.position == parser.scalars.count else { throw Failure(reason: "unexpected ')'") }
        return result
    }

    private var current: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

    private func looksAt(_ text: String) -> Bool { scalars[position...].starts(with: text.unicodeScalars) }

    private mutating func take(_ text: String) -> Bool {
        guard looksAt(text) else { return false }
        position += text.unicodeScalars.count
        return true
    }

    private mutating func choice() throws(Failure) -> PatternSyntax {
        depth += 1
        defer { depth -= 1 }
        guard depth <= PatternParser.deepest else { throw Failure(reason: "groups are nested too deeply") }
        var branches = [try sequence()]
        while take("|") { branches.append(try sequence()) }
        return branches.count == 1 ? branches[0] : .choice(branches)
    }

    private mutating func sequence() throws(Failure) -> PatternSyntax {
        var parts: [PatternSyntax] = []
        while let next = current, next != "|", next != ")" {
            if take("\\Q") {
                while position < scalars.count, !looksAt("\\E") {
                    parts.append(literal(scalars[position]))
                    position += 1
                }
                _ = take("\\E")
                continue
            }
            let start = position
            if let atom = try atom() {
                parts.append(try repeated(atom))
            } else if position == start {
                // A repeat operator with nothing to repeat.
                _ = try repeatOperator()
            }
        }
        return parts.count == 1 ? parts[0] : parts.isEmpty ? .empty : .sequence(parts)
    }

    private func literal(_ scalar: Unicode.Scalar) -> PatternSyntax { set(ScalarSet(scalar)) }

    private func set(_ set: ScalarSet) -> PatternSyntax { .scalar(flags.ignoresCase ? set.ignoringCase : set) }

    /// `nil` without progress for a repeat operator, and after a flag group such as `(?i)`.
    private mutating func atom() throws(Failure) -> PatternSyntax? {
        let scalar = scalars[position]
        switch scalar {
        case "*", "+", "?": return nil
        case "{":
            let start = position
            let isRepeat = try repeatOperator() != nil
            position = start
            if isRepeat { return nil }
            position += 1
            return literal(scalar)
        case "(": return try group()
        case "[":
            position += 1
            return set(try PatternClassParser.parse(scalars, at: &position))
        case ".":
            position += 1
            return .scalar(flags.dotMatchesNewline ? .any : .anyButNewline)
        case "^":
            position += 1
            return .assertion(flags.multiline ? .lineStart : .textStart)
        case "$":
            position += 1
            return .assertion(flags.multiline ? .lineEnd : .textEnd)
        case "\\": return try escape()
        default:
            position += 1
            return literal(scalar)
        }
    }

    private mutating func escape() throws(Failure) -> PatternSyntax {
        for (text, assertion) in [
            ("\\A", PatternSyntax.Assertion.textStart), ("\\z", .textEnd), ("\\b", .wordBoundary), ("\\B", .noWordBoundary),
        ] where take(text) {
            return .assertion(assertion)
        }
        return set(try PatternClassParser.escape(scalars, at: &position))
    }

    private mutating func group() throws(Failure) -> PatternSyntax? {
        position += 1
        let outer = flags
        if take("?") {
            for refused in ["=", "!", "<=", "<!"] where looksAt(refused) {
                throw Failure(reason: "'(?\(refused)' looks around, which RE2 syntax does not have")
            }
            if take("P<") || take("<") {
                try groupName()
            } else if try flagsEndGroup() {
                return nil
            }
        }
        let inner = try choice()
        guard take(")") else { throw Failure(reason: "missing ')'") }
        flags = outer
        return inner
    }

    private mutating func groupName() throws(Failure) {
        let start = position
        while let next = current, next != ">" {
            guard ScalarSet.word.contains(next) else { throw Failure(reason: "a group's name has letters, digits and '_'") }
            position += 1
        }
        guard position > start, take(">") else { throw Failure(reason: "a named group is written (?P<name>…)") }
    }

    /// Reads `i`, `m`, `s`, `U`, `-`. `true` when they end with `)` and so hold for the rest of the enclosing group.
    private mutating func flagsEndGroup() throws(Failure) -> Bool {
        var value = true
        while let next = current {
            position += 1
            switch next {
            case "i": flags.ignoresCase = value
            case "m": flags.multiline = value
            case "s": flags.dotMatchesNewline = value
            case "U": break  // greediness changes where a match ends, not whether there is one
            case "-": value = false
            case ":": return false
            case ")": return true
            default: throw Failure(reason: "'(?\(next)' is no group of RE2 syntax")
            }
        }
        throw Failure(reason: "missing ')'")
    }

    private mutating func repeated(_ atom: PatternSyntax) throws(Failure) -> PatternSyntax {
        let start = position
        guard let (least, most) = try repeatOperator() else { return atom }
        let first = position
        if try repeatOperator() != nil {
            let text = String(String.UnicodeScalarView(scalars[start..<position]))
            position = first
            throw Failure(reason: "'\(text)' repeats a repetition; put the inner one in parentheses")
        }
        return .repetition(atom, least: least, most: most)
    }

    /// Reads `*`, `+`, `?`, `{n}`, `{n,}`, `{n,m}` and a following `?`.
    private mutating func repeatOperator() throws(Failure) -> (Int, Int?)? {
        var result: (Int, Int?)?
        if take("*") {
            result = (0, nil)
        } else if take("+") {
            result = (1, nil)
        } else if take("?") {
            result = (0, 1)
        } else {
            result = try counts()
        }
        if result != nil { _ = take("?") }
        return result
    }

    private mutating func counts() throws(Failure) -> (Int, Int?)? {
        let start = position
        guard take("{"), let least = number() else {
            position = start
            return nil
        }
        var most: Int? = least
        if take(",") { most = number() }
        guard take("}") else {
            position = start
            return nil
        }
        guard least <= PatternParser.mostRepeats, (most ?? 0) <= PatternParser.mostRepeats else {
            throw Failure(reason: "a repeat count is at most \(PatternParser.mostRepeats)")
        }
        guard least <= most ?? least else { throw Failure(reason: "the repeat counts {\(least),\(most ?? 0)} are the wrong way round") }
        return (least, most)
    }

    private mutating func number() -> Int? {
        let start = position
        while let next = current, ScalarSet.digits.contains(next) { position += 1 }
        guard position > start, position - start < 9 else { return nil }
        return Int(String(String.UnicodeScalarView(scalars[start..<position])))
    }
}
