import Foundation
import KubernetesModel
import Yams

/// Formats of `-o`.
enum OutputFormat: String, CaseIterable, Sendable {
    case text, json, yaml
}

/// Kubernetes objects as text that `kubectl apply -f` reads.
enum ObjectText {
    /// - Throws: the YAML library's error for a value that YAML cannot hold.
    static func render(_ object: JSONValue, as format: OutputFormat) throws -> String {
        switch format {
        case .yaml: try yaml([object])
        case .json, .text: String(decoding: object.encoded(pretty: true), as: UTF8.self) + "\n"
        }
    }

    /// A stream of documents, keys sorted.
    static func yaml(_ objects: [JSONValue]) throws -> String {
        try objects.map { try Yams.serialize(node: node($0), allowUnicode: true, sortKeys: true) }.joined(separator: "---\n")
    }

    private static func node(_ value: JSONValue) throws -> Node {
        switch value {
        case .null: return Node("null", Tag(.null))
        case .bool(let value): return Node(value ? "true" : "false", Tag(.bool))
        case .int(let value): return Node(String(value), Tag(.int))
        case .double(let value): return Node("\(value)", Tag(.float))
        // Quoted where it would be read as another type (`"true"`, `"1.20"`).
        case .string(let value): return value.contains("\n") ? Node(value, Tag(.str), .literal) : try value.represented()
        case .array(let elements): return Node(try elements.map(node), Tag(.seq))
        case .object(let members):
            return Node(try members.sorted { $0.key < $1.key }.map { (try $0.key.represented() as Node, try node($0.value)) }, Tag(.map))
        }
    }
}
