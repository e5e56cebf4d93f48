import Foundation
import KubernetesModel
import Yams

extension JSONValue {
    /// The documents of a YAML stream; empty ones are left out. Scalars follow the core schema of YAML 1.2.
    /// - Throws: `ManifestErrors` with every problem of the first document that cannot be read.
    public static func documents(yaml: String, file: String = "input") throws(ManifestErrors) -> [JSONValue] {
        var reader = YAMLReader(text: yaml, file: file, limits: .objects)
        let nodes = reader.documents()
        guard reader.errors.isEmpty else { throw ManifestErrors(reader.errors) }
        return nodes.filter { !$0.isNull }.map(\.json)
    }
}

/// Reads YAML text into nodes with places; errors are gathered, not thrown, so that one run shows all of them.
struct YAMLReader {
    let file: String
    var errors: [ManifestError] = []
    private var text: String
    private let limits: YAMLLimits
    /// Values read so far.
    private var values = 0
    /// First occurrences of duplicate keys, which were renamed; the index is in the new name.
    private var renamed: [String] = []

    /// The parser gives up at the first duplicate key. To see the rest of the document, that key's first character
    /// is replaced by one of these, which are legal in YAML and mean nothing.
    /// There are few of them, since each costs another look at the whole text.
    private static let markers: ClosedRange<UInt32> = 0xE000...0xE00F

    init(text: String, file: String, limits: YAMLLimits) {
        // The parser takes a byte order mark for a part of the document.
        self.text = text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text
        self.file = file
        self.limits = limits
    }

    /// The one document of the text; `nil` when there is none or when it cannot be read (then `errors` says why).
    mutating func document() -> YAMLNode? {
        guard let nodes = compose({ try Yams.compose(yaml: $0).map { [$0] } ?? [] }) else { return nil }
        return nodes.first.map { convert($0, path: "") }
    }

    /// All documents of the text.
    mutating func documents() -> [YAMLNode] {
        let nodes = compose { text throws -> [Node] in
            var sequence = try Yams.compose_all(yaml: text)
            var nodes: [Node] = []
            while let node = sequence.next() { nodes.append(node) }
            if let error = sequence.error { throw error }
            return nodes
        }
        return (nodes ?? []).map { convert($0, path: "") }
    }

    private mutating func compose(_ parse: (String) throws -> [Node]) -> [Node]? {
        if let problem = limits.problem(of: text) {
            report(problem.place, "", problem.message)
            return nil
        }
        while true {
            do {
                return try parse(text)
            } catch YamlError.duplicatedKeysInMapping(let keys, let context) {
                let place = Place(context.mark)
                guard let key = keys.first, rename(key, at: place) else {
                    report(place, "", "the key '\(keys.joined(separator: "', '"))' is given more than once in this mapping, keep one")
                    return nil
                }
            } catch {
                describe(error)
                return nil
            }
        }
    }

    private mutating func report(_ place: Place, _ field: String, _ message: String) {
        errors.append(ManifestError(file: file, line: place.line, column: place.column, field: field, message: message))
    }

    // MARK: Duplicate keys

    /// Puts a marker in the place of the first character of a key.
    private mutating func rename(_ key: String, at place: Place) -> Bool {
        let marker = Self.markers.lowerBound + UInt32(renamed.count)
        guard Self.markers.contains(marker), let scalar = Unicode.Scalar(marker) else { return false }
        var scalars = Array(text.unicodeScalars)
        var line = 1
        var start = 0
        while line < place.line, start < scalars.count {
            if scalars[start] == "\n" { line += 1 }
            start += 1
        }
        start += place.column - 1
        if start < scalars.count, scalars[start] == "\"" || scalars[start] == "'" { start += 1 }
        // Anchors, tags and escapes make the key look different from its value; then the caller reports this one alone.
        let name = Array(key.unicodeScalars)
        guard !name.isEmpty, start + name.count <= scalars.count, Array(scalars[start..<start + name.count]) == name else { return false }
        scalars[start] = scalar
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        text = String(view)
        renamed.append(key)
        return true
    }

    private func original(_ key: String) -> String {
        guard let first = key.unicodeScalars.first?.value, Self.markers.contains(first) else { return key }
        let index = Int(first - Self.markers.lowerBound)
        return renamed.indices.contains(index) ? renamed[index] : key
    }

    // MARK: Nodes

    private static let tooMany = "holds too many values, aliases included"
    private static let tooDeep = "is nested too deeply, at most \(YAMLLimits.depth) levels are read"

    private mutating func convert(_ node: Node, path: String, depth: Int = 0) -> YAMLNode {
        let place = Place(node)
        values += 1
        guard values <= limits.values, depth <= YAMLLimits.depth else {
            let isFirst = !errors.contains { $0.message == Self.tooMany || $0.message == Self.tooDeep }
            if isFirst { report(place, "", depth > YAMLLimits.depth ? Self.tooDeep : Self.tooMany) }
            return YAMLNode(content: .scalar(.null, text: ""), place: place)
        }
        switch node {
        case .scalar(let scalar):
            return YAMLNode(content: .scalar(Self.value(of: scalar), text: scalar.string), place: place)
        case .sequence(let sequence):
            let elements = sequence.enumerated().map { convert($1, path: "\(path)[\($0)]", depth: depth + 1) }
            return YAMLNode(content: .list(elements), place: place)
        case .mapping(let mapping):
            return YAMLNode(content: .mapping(members(of: mapping, path: path, depth: depth)), place: place)
        case .alias:
            // The composer resolves aliases; this case is for emitting.
            return YAMLNode(content: .scalar(.null, text: ""), place: place)
        }
    }

    private static func value(of scalar: Node.Scalar) -> JSONValue {
        let plain = scalar.style == .plain || scalar.style == .any
        switch scalar.tag.rawValue {
        case "" where plain, "tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:bool", "tag:yaml.org,2002:null":
            return YAMLScalar.resolve(scalar.string)
        default:
            return .string(scalar.string)
        }
    }

    private mutating func members(of mapping: Node.Mapping, path: String, depth: Int) -> [YAMLNode.Member] {
        var members: [YAMLNode.Member] = []
        var merged: [YAMLNode.Member] = []
        var first: [String: Place] = [:]
        for (keyNode, valueNode) in mapping {
            let place = Place(keyNode)
            guard let scalar = keyNode.scalar else {
                report(place, path, "a key must be a plain word")
                continue
            }
            let key = original(scalar.string)
            let field = Field.path(path, key)
            if let earlier = first[key] {
                report(place, field, "given more than once (first in line \(earlier.line)), keep one")
                continue
            }
            first[key] = place
            let value = convert(valueNode, path: field, depth: depth + 1)
            if key == "<<", scalar.style == .plain {
                merged += mergedMembers(value, at: place, path: path)
            } else {
                members.append(YAMLNode.Member(key: key, keyPlace: place, value: value))
            }
        }
        // What is written in the mapping itself wins, then the earlier of several merged mappings.
        for member in merged where first.updateValue(member.keyPlace, forKey: member.key) == nil { members.append(member) }
        return members
    }

    private mutating func mergedMembers(_ value: YAMLNode, at place: Place, path: String) -> [YAMLNode.Member] {
        switch value.content {
        case .mapping(let members): return members
        case .list(let elements): return elements.flatMap { mergedMembers($0, at: place, path: path) }
        // Nothing is what stands in the place of values that are too many; that is reported already.
        case .scalar where values > limits.values: return []
        case .scalar:
            report(place, path, "'<<' merges a mapping or a list of mappings, \(value.found)")
            return []
        }
    }
}
