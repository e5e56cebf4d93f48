import KubernetesModel

/// A position in a YAML text; both count from 1, columns in Unicode scalars.
struct Place: Hashable, Comparable {
    var line: Int
    var column: Int

    static func < (left: Place, right: Place) -> Bool {
        (left.line, left.column) < (right.line, right.column)
    }
}

/// A YAML value with its place: aliases and merge keys are resolved, and no key appears twice.
struct YAMLNode {
    enum Content {
        /// `text` is what is written, so that `1.10` can still become a string.
        case scalar(JSONValue, text: String)
        case list([YAMLNode])
        case mapping([Member])
    }

    struct Member {
        var key: String
        var keyPlace: Place
        var value: YAMLNode
    }

    var content: Content
    var place: Place

    var isNull: Bool {
        if case .scalar(.null, _) = content { return true }
        return false
    }

    /// The elements of a list.
    var elements: [YAMLNode]? {
        if case .list(let elements) = content { return elements }
        return nil
    }

    /// The value without places.
    var json: JSONValue {
        switch content {
        case .scalar(let value, _): value
        case .list(let elements): .array(elements.map(\.json))
        case .mapping(let members): .object(Dictionary(members.map { ($0.key, $0.value.json) }, uniquingKeysWith: { _, last in last }))
        }
    }

    /// For messages: what stands where something else was expected.
    var found: String {
        switch content {
        case .mapping: return "found a mapping"
        case .list: return "found a list"
        case .scalar(.null, _): return "found nothing"
        case .scalar(let value, let text):
            // Long texts are not helpful, and might be something that was never meant to be shown.
            let short = text.count <= 40 && !text.contains("\n") ? text : "\(text.prefix(20).split(separator: "\n").first ?? "")…"
            if case .string = value { return "found the text '\(short)'" }
            return "found \(short)"
        }
    }
}

/// The core schema of YAML 1.2 for scalars that are neither quoted nor tagged.
/// <https://yaml.org/spec/1.2.2/#103-core-schema>
enum YAMLScalar {
    static func resolve(_ text: String) -> JSONValue {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .bool(true)
        case "false", "False", "FALSE": return .bool(false)
        default: break
        }
        // Almost every scalar is a word: its first character decides.
        guard let first = text.utf8.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") || first == UInt8(ascii: ".") || isDigit(first)
        else { return .string(text) }
        if let value = integer(text) { return .int(value) }
        if isDecimal(text), let value = Double(text), value.isFinite { return .double(value) }
        return .string(text)
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func integer(_ text: String) -> Int? {
        for (prefix, radix) in [("0x", 16), ("0o", 8)] where text.hasPrefix(prefix) {
            let digits = text.dropFirst(2)
            return digits.first.map { $0 != "-" && $0 != "+" } == true ? Int(digits, radix: radix) : nil
        }
        return Int(text)
    }

    /// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
    private static func isDecimal(_ text: String) -> Bool {
        var rest = Substring(text).utf8
        func skipSign() {
            if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
        }
        func skipDigits() -> Int {
            let digits = rest.prefix(while: isDigit).count
            rest.removeFirst(digits)
            return digits
        }
        skipSign()
        var digits = skipDigits()
        if rest.first == UInt8(ascii: ".") {
            rest.removeFirst()
            digits += skipDigits()
        }
        guard digits > 0 else { return false }
        if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
            rest.removeFirst()
            skipSign()
            guard skipDigits() > 0 else { return false }
        }
        return rest.isEmpty
    }
}
