/// The values of `${NAME}` in a dependency with `substitute: true`; `$${` stands for `${` itself.
public struct Variables: Sendable {
    /// A variable that cannot be put in.
    public struct Problem: Error, Equatable, CustomStringConvertible {
        /// Its name, or what stands there instead of one.
        public var variable: String
        public var isUndefined: Bool

        public var description: String {
            isUndefined
                ? "the variable \(variable) has no value: set it in vars.env or in the environment, give a default with ${\(variable):-value}, "
                    + "or write $${\(variable)} for this very text"
                : "'\(variable)' is no variable: expected ${NAME} or ${NAME:-default}, or $${ for the characters themselves"
        }
    }

    private let lookUp: @Sendable (String) -> String?

    /// - Parameters:
    ///   - own: what Seaway itself gives; nothing overrides it.
    ///   - environment: of the process; goes before the file, so that a build server can set what a laptop has in the file.
    ///   - file: `vars.env`.
    public init(own: [String: String], environment: [String: String], file: [String: String]) {
        lookUp = { own[$0] ?? environment[$0] ?? file[$0] }
    }

    public static func occur(in text: String) -> Bool { text.contains("${") }

    /// `text` with the values in place.
    public func expand(_ text: String) throws(Problem) -> String {
        var result = ""
        var rest = Substring(text)
        while let dollar = rest.firstRange(of: "${") {
            let before = rest[..<dollar.lowerBound]
            rest = rest[dollar.upperBound...]
            if before.hasSuffix("$") {
                result += before.dropLast() + "${"
                continue
            }
            result += before
            guard let end = rest.firstIndex(of: "}") else { throw Problem(variable: "${" + rest.prefix(20), isUndefined: false) }
            let inside = rest[..<end]
            let mark = inside.firstRange(of: ":-")
            let name = String(mark.map { inside[..<$0.lowerBound] } ?? inside)
            guard Self.isName(name) else { throw Problem(variable: "${\(inside)}", isUndefined: false) }
            let fallback = mark.map { String(inside[$0.upperBound...]) }
            guard let value = lookUp(name).flatMap({ $0.isEmpty && fallback != nil ? nil : $0 }) ?? fallback else {
                throw Problem(variable: name, isUndefined: true)
            }
            result += value
            rest = rest[rest.index(after: end)...]
        }
        return result + rest
    }

    static func isName(_ text: String) -> Bool {
        guard let first = text.first, first == "_" || first.isLetter else { return false }
        return text.allSatisfy { $0.isASCII && ($0 == "_" || $0.isLetter || $0.isNumber) }
    }
}

extension Variables {
    /// Reads `vars.env`: `NAME=value` a line, `#` begins a comment line, quotes around a value are taken off.
    /// - Throws: `DependencyProblems` with the lines that are none of these; their values are not told, they may be secret.
    public static func parse(_ text: String, file: String) throws(DependencyProblems) -> [String: String] {
        var values: [String: String] = [:]
        var problems: [DependencyProblem] = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            var line = line.trimmingBlanks
            if line.isEmpty || line.hasPrefix("#") { continue }
            if line.hasPrefix("export ") { line = line.dropFirst(7).trimmingBlanks }
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = parts.first?.trimmingBlanks ?? ""
            guard parts.count == 2, isName(String(name)) else {
                problems.append(DependencyProblem(TextPlace(file: file, line: index + 1), "expected NAME=value"))
                continue
            }
            var value = parts[1].trimmingBlanks
            if value.count >= 2, let quote = value.first, quote == value.last, quote == "\"" || quote == "'" { value = value.dropFirst().dropLast() }
            values[String(name)] = String(value)
        }
        guard problems.isEmpty else { throw DependencyProblems(problems) }
        return values
    }
}

extension Substring {
    fileprivate var trimmingBlanks: Substring {
        var rest = self
        while rest.first?.isWhitespace == true { rest.removeFirst() }
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return rest
    }

    /// The first place of `text`.
    fileprivate func firstRange(of text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
