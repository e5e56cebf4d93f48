import KubernetesModel

/// A value of the manifest under the name by which messages call it.
struct Field {
    let node: YAMLNode
    /// `environments[0].replicas`
    let path: String
    let context: ManifestContext

    /// Reports what is wrong with this value.
    func fail(_ message: String, aboutVariables: Bool = false) {
        context.report(node.place, path, message, aboutVariables: aboutVariables)
    }

    func failExpecting(_ expected: String) {
        fail("expected \(expected), \(node.found)")
    }

    /// `parent.key`, quoted where the key is no plain word.
    static func path(_ parent: String, _ key: String) -> String {
        let isWord = !key.isEmpty && key.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == "-" || $0 == "<") }
        guard isWord, key.utf8.count <= 100 else { return "\(parent)['\(key.prefix(60))\(key.count > 60 ? "…" : "")']" }
        return parent.isEmpty ? key : "\(parent).\(key)"
    }
}

// MARK: Scalars

extension Field {
    /// A string; numbers and booleans count as what is written.
    func string(_ expected: String = "a string") -> String? {
        guard case .scalar(let value, let text) = node.content, value != .null else {
            failExpecting(expected)
            return nil
        }
        return text
    }

    func nonEmptyString(_ expected: String) -> String? {
        guard let text = string(expected) else { return nil }
        guard !text.isEmpty else {
            fail("is empty, expected \(expected)")
            return nil
        }
        return text
    }

    func oneOf(_ allowed: [String]) -> String? {
        guard let text = string("one of \(allowed.joined(separator: ", "))") else { return nil }
        guard allowed.contains(text) else {
            let question = Spelling.question(about: text, in: allowed).map { "; \($0)" } ?? ""
            fail("'\(text)' is not allowed, expected one of \(allowed.joined(separator: ", "))\(question)")
            return nil
        }
        return text
    }

    func integer(_ range: ClosedRange<Int>, _ expected: String) -> Int? {
        guard case .scalar(.int(let value), _) = node.content else {
            failExpecting(expected)
            return nil
        }
        guard range.contains(value) else {
            fail("\(value) is out of range, expected \(expected)")
            return nil
        }
        return value
    }

    /// The words of YAML 1.1, which worked in published manifests.
    static let trueWords = ["yes", "Yes", "YES", "on", "On", "ON"]
    static let falseWords = ["no", "No", "NO", "off", "Off", "OFF"]

    func bool() -> Bool? {
        if case .scalar(.bool(let value), _) = node.content { return value }
        if case .scalar(_, let text) = node.content {
            if Self.trueWords.contains(text) { return true }
            if Self.falseWords.contains(text) { return false }
        }
        failExpecting("true or false")
        return nil
    }
}

// MARK: Collections

extension Field {
    /// The elements of a list; null ones are reported and left out.
    func elements(_ expected: String) -> [Field]? {
        guard case .list(let nodes) = node.content else {
            failExpecting(expected)
            return nil
        }
        return nodes.enumerated().compactMap { index, node in
            let element = Field(node: node, path: "\(path)[\(index)]", context: context)
            guard node.isNull else { return element }
            element.fail("is empty, remove it")
            return nil
        }
    }

    func strings(_ expected: String) -> [String]? {
        elements(expected)?.compactMap { $0.string() }
    }

    /// A mapping's members; null ones are left out.
    func entries(_ expected: String) -> [(key: String, keyPlace: Place, value: Field)]? {
        guard case .mapping(let members) = node.content else {
            failExpecting(expected)
            return nil
        }
        return members.compactMap { member in
            let value = Field(node: member.value, path: Field.path(path, member.key), context: context)
            return member.value.isNull ? nil : (member.key, member.keyPlace, value)
        }
    }

    func stringMap(_ expected: String, _ value: (Field) -> String? = { $0.string() }) -> [String: String]? {
        guard case .mapping(let members) = node.content else {
            failExpecting(expected)
            return nil
        }
        var map: [String: String] = [:]
        for member in members {
            let field = Field(node: member.value, path: Field.path(path, member.key), context: context)
            // `BASE:` with nothing after it is an empty string, not a missing one.
            map[member.key] = member.value.isNull ? "" : value(field)
        }
        return map
    }

    /// A Kubernetes object that travels as it is.
    ///
    /// Fields that are strings wherever they occur in such objects become strings, so that `command: [sleep, 5]` works.
    func passthrough(_ expected: String) -> JSONValue? {
        guard case .mapping = node.content else {
            failExpecting(expected)
            return nil
        }
        return Self.json(node, asText: false)
    }

    /// A Kubernetes object that travels as it is, with variables put into its strings.
    func expandedPassthrough(_ expected: String) -> JSONValue? {
        guard case .mapping(let members) = node.content else {
            failExpecting(expected)
            return nil
        }
        return .object(
            Dictionary(
                members.map { ($0.key, Field(node: $0.value, path: Field.path(path, $0.key), context: context).expandedJSON()) },
                uniquingKeysWith: { _, last in last }))
    }

    private func expandedJSON() -> JSONValue {
        switch node.content {
        case .mapping: return expandedPassthrough("a mapping") ?? .null
        case .list(let nodes):
            return .array(
                nodes.enumerated().map { Field(node: $1, path: "\(path)[\($0)]", context: context).expandedJSON() })
        case .scalar(.string(let text), _): return expanded(text).map(JSONValue.string) ?? .null
        case .scalar(let value, _): return value
        }
    }

    private static let textKeys: Set<String> = ["command", "value"]

    static func json(_ node: YAMLNode, asText: Bool) -> JSONValue {
        switch node.content {
        case .scalar(let value, let text): asText && value != .null ? .string(text) : value
        case .list(let elements): .array(elements.map { json($0, asText: asText) })
        case .mapping(let members):
            .object(
                Dictionary(
                    members.map { ($0.key, json($0.value, asText: textKeys.contains($0.key))) }, uniquingKeysWith: { _, last in last }))
        }
    }
}
