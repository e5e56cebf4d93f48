import KubernetesModel

/// The part of Kubernetes' JSONPath that waits need: `{.a.b}`, `['a.b']`, `[0]`, `[*]`, `[?(@.type=="Ready")]`.
/// <https://kubernetes.io/docs/reference/kubectl/jsonpath/>
public struct JSONPath: Sendable, Equatable {
    enum Step: Sendable, Equatable {
        case member(String)
        case element(Int)
        case all
        case elements(having: [String], equal: String)
    }

    /// As it was written, without braces.
    public let text: String
    let steps: [Step]

    /// - Returns: `nil` when `text` is no path of these forms.
    public init?(_ text: String) {
        guard text.hasPrefix("{"), text.hasSuffix("}") else { return nil }
        var rest = text.dropFirst().dropLast()
        self.text = String(rest)
        if rest.hasPrefix("$") { rest.removeFirst() }
        var steps: [Step] = []
        while let first = rest.first {
            rest.removeFirst()
            switch first {
            case ".":
                guard let name = Self.name(&rest) else { return nil }
                steps.append(name == "*" ? .all : .member(name))
            case "[":
                guard let end = Self.closing(rest), let step = Self.bracket(rest[..<end]) else { return nil }
                steps.append(step)
                rest = rest[rest.index(after: end)...]
            default: return nil
            }
        }
        guard !steps.isEmpty else { return nil }
        self.steps = steps
    }

    /// A name up to the next dot or bracket; `\.` is a dot of the name.
    private static func name(_ rest: inout Substring) -> String? {
        var name = ""
        while let character = rest.first, character != ".", character != "[" {
            rest.removeFirst()
            if character == "\\", let escaped = rest.popFirst() { name.append(escaped) } else { name.append(character) }
        }
        return name.isEmpty ? nil : name
    }

    private static func closing(_ rest: Substring) -> Substring.Index? {
        var quote: Character?
        for index in rest.indices {
            let character = rest[index]
            if let open = quote {
                if character == open { quote = nil }
            } else if character == "'" || character == "\"" {
                quote = character
            } else if character == "]" {
                return index
            }
        }
        return nil
    }

    private static func bracket(_ inside: Substring) -> Step? {
        if inside == "*" { return .all }
        if let index = Int(inside) { return .element(index) }
        if let name = unquoted(inside) { return .member(name) }
        guard inside.hasPrefix("?("), inside.hasSuffix(")") else { return nil }
        let condition = inside.dropFirst(2).dropLast()
        guard let operation = condition.indices.first(where: { condition[$0...].hasPrefix("==") }) else { return nil }
        var left = condition[..<operation].filter { $0 != " " }[...]
        let right = condition[condition.index(operation, offsetBy: 2)...].drop { $0 == " " }
        guard left.hasPrefix("@."), let value = unquoted(right) ?? Int(right).map(String.init) ?? Bool(String(right)).map(String.init) else {
            return nil
        }
        left.removeFirst(2)
        return .elements(having: left.split(separator: ".").map(String.init), equal: value)
    }

    private static func unquoted(_ text: Substring) -> String? {
        guard text.count >= 2, let quote = text.first, quote == "'" || quote == "\"", text.last == quote else { return nil }
        return String(text.dropFirst().dropLast())
    }

    /// All values at this path.
    public func values(in value: JSONValue) -> [JSONValue] {
        steps.reduce([value]) { values, step in
            values.flatMap { value -> [JSONValue] in
                switch step {
                case .member(let name): return value[name].map { [$0] } ?? []
                case .element(let index):
                    let count = value.arrayValue?.count ?? 0
                    return value[index < 0 ? count + index : index].map { [$0] } ?? []
                case .all: return value.arrayValue ?? value.objectValue.map { Array($0.values) } ?? []
                case .elements(let path, let wanted):
                    return (value.arrayValue ?? []).filter { element in
                        path.reduce(Optional(element)) { $0?[$1] }.map(Self.text) == wanted
                    }
                }
            }
        }.filter { $0 != .null }
    }

    /// A value as it is compared: strings without quotes.
    public static func text(_ value: JSONValue) -> String { value.stringValue ?? String(decoding: value.encoded(), as: UTF8.self) }
}
