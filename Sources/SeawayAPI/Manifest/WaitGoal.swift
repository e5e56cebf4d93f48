/// What must be true of an object, as `wait[].for` writes it.
public enum WaitGoal: Sendable, Equatable, CustomStringConvertible {
    /// Ready as its kind means it.
    case ready
    case condition(String, value: String)
    /// Without a value: the field is there.
    case field(JSONPath, value: String?)
    case exists
    case deleted

    public static let expected = "ready, condition=TYPE[=VALUE], jsonpath={.path}[=VALUE], exists or delete"

    /// - Returns: `nil` when `text` is none of the forms that ``expected`` names.
    public init?(_ text: String) {
        func parts(_ text: Substring) -> (String, String?) {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (parts.first.map(String.init) ?? "", parts.count == 2 ? String(parts[1]) : nil)
        }
        switch text.lowercased() {
        case "ready": self = .ready
        case "exists", "create": self = .exists
        case "delete", "deleted": self = .deleted
        default:
            if text.hasPrefix("condition=") {
                let (type, value) = parts(text.dropFirst("condition=".count))
                guard !type.isEmpty, value != "" else { return nil }
                self = .condition(type, value: value ?? "True")
            } else if text.hasPrefix("jsonpath=") {
                var rest = text.dropFirst("jsonpath=".count)
                // Quotes that a shell would have taken off.
                if let quote = rest.first, quote == "'" || quote == "\"", rest.count > 1, rest.last == quote { rest = rest.dropFirst().dropLast() }
                guard let end = rest.lastIndex(of: "}"), let path = JSONPath(String(rest[...end])) else { return nil }
                let tail = rest[rest.index(after: end)...]
                guard tail.isEmpty || (tail.first == "=" && tail.count > 1) else { return nil }
                self = .field(path, value: tail.isEmpty ? nil : String(tail.dropFirst()))
            } else {
                return nil
            }
        }
    }

    public var description: String {
        switch self {
        case .ready: "ready"
        case .condition(let type, let value): value == "True" ? type : "\(type)=\(value)"
        case .field(let path, let value): path.text + (value.map { "=\($0)" } ?? "")
        case .exists: "there"
        case .deleted: "deleted"
        }
    }
}
