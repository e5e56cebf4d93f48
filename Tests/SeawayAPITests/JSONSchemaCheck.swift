import Foundation
import KubernetesModel

/// As much of JSON Schema, draft 7, as the manifest's schema uses. A keyword that it does not know is a problem, so that none is
/// left out unnoticed.
enum JSONSchemaCheck {
    private static let silent: Set<String> = ["$schema", "title", "description"]

    static func problems(_ value: JSONValue, _ schema: JSONValue, _ path: String = "$") -> [String] {
        guard let keywords = schema.objectValue else { return ["\(path): the schema is no object"] }
        return keywords.sorted { $0.key < $1.key }.flatMap { keyword, argument -> [String] in
            if silent.contains(keyword) || check(keyword, argument, value, schema) { return [] }
            return nested(keyword, argument, value, schema, path) ?? ["\(path): \(keyword) \(argument)"]
        }
    }

    /// Keywords about the value itself.
    private static func check(_ keyword: String, _ argument: JSONValue, _ value: JSONValue, _ schema: JSONValue) -> Bool {
        switch (keyword, value) {
        case ("type", _): return (argument.arrayValue ?? [argument]).contains { isKind(value, $0.stringValue ?? "") }
        case ("enum", _): return argument.arrayValue?.contains(value) == true
        case ("pattern", .string(let text)):
            return text.range(of: argument.stringValue ?? "(", options: .regularExpression) != nil
        case ("minLength", .string(let text)): return text.count >= argument.intValue ?? .max
        case ("minimum", .int(let number)): return number >= argument.intValue ?? .max
        case ("maximum", .int(let number)): return number <= argument.intValue ?? .min
        case ("minimum", .double(let number)): return number >= Double(argument.intValue ?? .max)
        case ("maximum", .double(let number)): return number <= Double(argument.intValue ?? .min)
        case ("minItems", .array(let elements)): return elements.count >= argument.intValue ?? .max
        case ("required", .object(let members)): return argument.arrayValue?.allSatisfy { members[$0.stringValue ?? ""] != nil } == true
        case ("pattern", _), ("minLength", _), ("minimum", _), ("maximum", _), ("minItems", _), ("required", _): return true
        default: return false
        }
    }

    /// Keywords about what is inside; `nil` for those that are unknown or not kept.
    private static func nested(_ keyword: String, _ argument: JSONValue, _ value: JSONValue, _ schema: JSONValue, _ path: String) -> [String]? {
        switch keyword {
        case "items":
            return (value.arrayValue ?? []).enumerated().flatMap { problems($1, argument, "\(path)[\($0)]") }
        case "properties":
            return (value.objectValue ?? [:]).flatMap { key, member in argument[key].map { problems(member, $0, "\(path).\(key)") } ?? [] }
        case "patternProperties":
            return (value.objectValue ?? [:]).flatMap { key, member in
                (argument.objectValue ?? [:]).flatMap { pattern, schema in matches(key, pattern) ? problems(member, schema, "\(path).\(key)") : [] }
            }
        case "additionalProperties":
            let patterns = (schema["patternProperties"]?.objectValue ?? [:]).keys
            let others = (value.objectValue ?? [:]).filter { key, _ in
                schema["properties"]?[key] == nil && !patterns.contains { matches(key, $0) }
            }
            if argument == false { return others.keys.map { "\(path).\($0): not allowed" } }
            return others.flatMap { problems($1, argument, "\(path).\($0)") }
        default: return nil
        }
    }

    private static func matches(_ key: String, _ pattern: String) -> Bool { key.range(of: pattern, options: .regularExpression) != nil }

    private static func isKind(_ value: JSONValue, _ type: String) -> Bool {
        switch (value, type) {
        case (.null, "null"), (.bool, "boolean"), (.int, "integer"), (.int, "number"), (.double, "number"), (.string, "string"), (.array, "array"),
            (.object, "object"):
            true
        default: false
        }
    }
}
