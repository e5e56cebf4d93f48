import Foundation
import KubernetesModel
import Yams

/// Reads Kubernetes objects from text as kubectl reads it: YAML 1.1 with any number of documents, or JSON.
public struct YAMLObjects {
    /// What errors call the text.
    let file: String
    /// `nil` leaves `${…}` as it is.
    let variables: Variables?
    /// Where a line of rendered text came from, for errors about variables; `nil` where that is not known.
    let origin: (String) -> TextPlace?
    /// Inside of what holds nothing but texts.
    private var isAmongTexts = false
    private var problems: [DependencyProblem] = []
    private var objects: [WantedObject] = []

    /// - Parameters:
    ///   - variables: put into strings; `nil` leaves `${…}` as it is.
    ///   - origin: for text that a tool made: where the user wrote a variable.
    /// - Throws: `DependencyProblems` with all that is wrong.
    public static func read(
        _ text: String, file: String, variables: Variables? = nil, origin: (String) -> TextPlace? = { _ in nil }
    ) throws(DependencyProblems) -> [WantedObject] {
        try withoutActuallyEscaping(origin) { origin in
            Result { () throws(DependencyProblems) in
                var reader = YAMLObjects(file: file, variables: variables, origin: origin)
                try reader.readAll(text)
                return reader.objects
            }
        }.get()
    }

    private init(file: String, variables: Variables?, origin: @escaping (String) -> TextPlace?) {
        self.file = file
        self.variables = variables
        self.origin = origin
    }

    private mutating func readAll(_ text: String) throws(DependencyProblems) {
        do {
            var documents = try Yams.compose_all(yaml: text, Resolver.basic)
            while let document = documents.next() { readDocument(document) }
            if let error = documents.error { throw error }
        } catch {
            problems.append(Self.problem(error, file: file))
        }
        guard problems.isEmpty else { throw DependencyProblems(problems) }
    }

    private mutating func readDocument(_ node: Node) {
        if let scalar = node.scalar, scalar.string.isEmpty || YAMLWord.isNull(scalar.string) { return }
        let place = place(node)
        guard case .mapping = node else {
            problems.append(DependencyProblem(place, "this document is no Kubernetes object: expected a mapping with apiVersion and kind"))
            return
        }
        let value = convert(node)
        guard value["kind"]?.stringValue?.hasSuffix("List") == true, value["items"]?.arrayValue != nil, let items = node["items"]?.sequence
        else { return add(value, place) }
        for item in items { add(convert(item), self.place(item)) }
    }

    private mutating func add(_ value: JSONValue, _ place: TextPlace) {
        let wanted = WantedObject(object: value, place: place)
        func miss(_ field: String) { problems.append(DependencyProblem(place, "\(field) is missing")) }
        if wanted.apiVersion.isEmpty { miss("apiVersion") }
        if wanted.kind.isEmpty { miss("kind") }
        if wanted.name.isEmpty {
            let hint = value["metadata"]?["generateName"] == nil ? "" : "; an object with generateName cannot be applied, give it a name"
            miss("metadata.name\(wanted.kind.isEmpty ? "" : " of this \(wanted.kind)")\(hint)")
        }
        problems += wanted.mistakesInSecret
        objects.append(wanted)
    }

    // MARK: Values

    private mutating func convert(_ node: Node) -> JSONValue {
        switch node {
        case .scalar(let scalar):
            return convert(scalar, place(node))
        case .sequence(let sequence):
            var elements: [JSONValue] = []
            for element in sequence { elements.append(convert(element)) }
            return .array(elements)
        case .mapping(let mapping):
            var members: [String: JSONValue] = [:]
            var merged: [String: JSONValue] = [:]
            for (key, value) in mapping {
                guard let name = key.scalar?.string else {
                    problems.append(DependencyProblem(place(key), "a key must be a plain word"))
                    continue
                }
                guard name == "<<" else {
                    let outer = isAmongTexts
                    isAmongTexts = outer || (["data", "stringData"].contains(name) && Self.holdsTexts(mapping))
                    members[name] = convert(value)
                    isAmongTexts = outer
                    continue
                }
                let sources = value.sequence.map { Array($0) } ?? [value]
                for source in sources {
                    merged.merge(convert(source).objectValue ?? [:]) { first, _ in first }
                }
            }
            return .object(members.merging(merged) { own, _ in own })
        case .alias:
            // The composer resolves aliases; this case is for emitting.
            return .null
        }
    }

    /// Whether this is a ConfigMap or a Secret.
    private static func holdsTexts(_ mapping: Node.Mapping) -> Bool {
        mapping.contains { $0.key.scalar?.string == "kind" && ["ConfigMap", "Secret"].contains($0.value.scalar?.string) }
    }

    private mutating func convert(_ scalar: Node.Scalar, _ place: TextPlace) -> JSONValue {
        let isPlain = scalar.style == .plain || scalar.style == .any
        var mayBeTyped = isPlain && scalar.tag.rawValue != "tag:yaml.org,2002:str" && scalar.tag.rawValue != "!"
        var text = scalar.string
        if let variables, Variables.occur(in: text) {
            do throws(Variables.Problem) {
                text = try variables.expand(text)
                // A password of digits is a password.
                if isAmongTexts { mayBeTyped = false }
            } catch {
                let source = origin(error.variable) ?? place
                problems.append(DependencyProblem(source, error.description))
                return .null
            }
        }
        return mayBeTyped ? YAMLWord.value(text) : .string(text)
    }

    private func place(_ node: Node) -> TextPlace { TextPlace(file: file, line: node.mark?.line ?? 1) }

    private static func problem(_ error: any Error, file: String) -> DependencyProblem {
        switch error {
        case YamlError.scanner(_, let problem, let mark, _), YamlError.parser(_, let problem, let mark, _),
            YamlError.composer(_, let problem, let mark, _):
            return DependencyProblem(TextPlace(file: file, line: mark.line), "not valid YAML: \(problem)")
        case YamlError.duplicatedKeysInMapping(let duplicates, let context):
            return DependencyProblem(
                TextPlace(file: file, line: context.mark.line),
                "the key '\(duplicates.map { "\($0)" }.sorted().joined(separator: "', '"))' is given twice")
        case YamlError.reader(_, let offset, let value, let yaml):
            let line = yaml.utf8.prefix(offset ?? 0).count { $0 == UInt8(ascii: "\n") } + 1
            return DependencyProblem(
                TextPlace(file: file, line: line), "not valid YAML: the character U+\(String(value, radix: 16, uppercase: true)) is not allowed")
        default:
            return DependencyProblem(TextPlace(file: file, line: 1), "not valid YAML: \(error)")
        }
    }
}

/// What a plain word of YAML 1.1 means to kubectl: `0644` is octal, `yes` is true.
enum YAMLWord {
    static func isNull(_ text: String) -> Bool { ["", "~", "null", "Null", "NULL"].contains(text) }

    static func value(_ text: String) -> JSONValue {
        if isNull(text) { return .null }
        switch text {
        case "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON": return .bool(true)
        case "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF": return .bool(false)
        default: break
        }
        guard let first = text.utf8.first, "0123456789+-.".utf8.contains(first) else { return .string(text) }
        if let value = integer(text) { return .int(value) }
        // Double's parser also takes hexadecimal fractions, infinity and the like; none of them is YAML.
        if text.utf8.allSatisfy({ "0123456789+-.eE".utf8.contains($0) }), text.contains(where: \.isNumber), let value = Double(text), value.isFinite {
            return .double(value)
        }
        return .string(text)
    }

    private static func integer(_ text: String) -> Int? {
        var digits = Substring(text)
        let sign = digits.first == "-" ? "-" : ""
        if digits.first == "-" || digits.first == "+" { digits.removeFirst() }
        guard let first = digits.utf8.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else { return nil }
        for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] where digits.hasPrefix(prefix) {
            return Int(sign + digits.dropFirst(2), radix: radix)
        }
        if digits.count > 1, first == UInt8(ascii: "0"), digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "7")).contains($0) }) {
            return Int(sign + digits, radix: 8)
        }
        return Int(sign + digits)
    }
}
