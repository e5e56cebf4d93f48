/// A label selector as the API server reads it: `a=b`, `a!=b`, `a in (b,c)`, `a notin (b)`, `a`, `!a`, separated by commas. Pure.
struct LabelSelector {
    private enum Requirement {
        case isOneOf(String, Set<Substring>)
        case isNoneOf(String, Set<Substring>)
        case exists(String)
        case isMissing(String)
    }

    private let requirements: [Requirement]

    init(_ text: String) {
        var parts: [String] = [""]
        var depth = 0
        for character in text {
            if character == "(" { depth += 1 }
            if character == ")" { depth -= 1 }
            if character == ",", depth == 0 { parts.append("") } else { parts[parts.count - 1].append(character) }
        }
        requirements = parts.filter { !$0.isEmpty }.map(Self.requirement)
    }

    private static func requirement(_ text: String) -> Requirement {
        if let open = text.firstIndex(of: "(") {
            let words = text[..<open].split(separator: " ")
            let values = Set(text[text.index(after: open)...].dropLast().split(separator: ","))
            return words.last == "in" ? .isOneOf(String(words[0]), values) : .isNoneOf(String(words[0]), values)
        }
        guard let sign = text.firstIndex(of: "=") else { return text.hasPrefix("!") ? .isMissing(String(text.dropFirst())) : .exists(text) }
        let (key, value) = (text[..<sign], text[text.index(after: sign)...].drop { $0 == "=" })
        return key.hasSuffix("!") ? .isNoneOf(String(key.dropLast()), [value]) : .isOneOf(String(key), [value])
    }

    func matches(_ labels: [String: String]) -> Bool {
        requirements.allSatisfy { requirement in
            switch requirement {
            case .isOneOf(let key, let values): labels[key].map { values.contains($0[...]) } ?? false
            case .isNoneOf(let key, let values): labels[key].map { !values.contains($0[...]) } ?? true
            case .exists(let key): labels[key] != nil
            case .isMissing(let key): labels[key] == nil
            }
        }
    }
}
