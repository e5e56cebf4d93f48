import Foundation
import KubernetesModel

/// What an apply would change of an object, as lines for people. Contents of Secrets are masked.
public enum ObjectDifference {
    /// - Parameters:
    ///   - before: as the cluster has it; `nil` when it would be created.
    ///   - after: as the server's dry run answers; `nil` when it would be removed.
    /// - Returns: lines that begin with `+`, `-` or a blank; empty when nothing would change.
    public static func lines(_ before: JSONValue?, _ after: JSONValue?) -> [String] {
        let (old, new) = masked(before.map(cleaned), after.map(cleaned))
        guard old != new else { return [] }
        return merge(old.map { text($0, indent: 0) } ?? [], new.map { text($0, indent: 0) } ?? [])
    }

    /// Without what the server alone writes.
    private static func cleaned(_ object: JSONValue) -> JSONValue {
        var object = object
        object["status"] = nil
        for field in ["managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink"] {
            object["metadata"]?[field] = nil
        }
        object["metadata"]?["annotations"]?["kubectl.kubernetes.io/last-applied-configuration"] = nil
        if object["metadata"]?["annotations"] == .object([:]) { object["metadata"]?["annotations"] = nil }
        return object
    }

    private static func masked(_ before: JSONValue?, _ after: JSONValue?) -> (JSONValue?, JSONValue?) {
        guard (after ?? before)?["kind"]?.stringValue == "Secret" else { return (before, after) }
        var (old, new) = (before, after)
        for field in ["data", "stringData"] {
            let values = (old?[field]?.objectValue ?? [:], new?[field]?.objectValue ?? [:])
            for key in Set(values.0.keys).union(values.1.keys) {
                let isEqual = values.0[key] == values.1[key]
                if values.0[key] != nil { old?[field]?[key] = .string(isEqual ? "***" : "*** (before)") }
                if values.1[key] != nil { new?[field]?[key] = .string(isEqual || values.0[key] == nil ? "***" : "*** (after)") }
            }
        }
        return (old, new)
    }

    // MARK: Text

    private static func text(_ value: JSONValue, indent: Int) -> [String] {
        let blank = String(repeating: " ", count: indent)
        switch value {
        case .object(let members):
            return members.sorted { $0.key < $1.key }.flatMap { key, value -> [String] in
                isNested(value) ? ["\(blank)\(key):"] + text(value, indent: indent + 2) : ["\(blank)\(key): \(word(value))"]
            }
        case .array(let elements):
            return elements.flatMap { element -> [String] in
                guard isNested(element) else { return ["\(blank)- \(word(element))"] }
                var lines = text(element, indent: indent + 2)
                if let first = lines.first { lines[0] = "\(blank)- \(first.dropFirst(indent + 2))" }
                return lines
            }
        default: return ["\(blank)\(word(value))"]
        }
    }

    private static func isNested(_ value: JSONValue) -> Bool {
        value.objectValue?.isEmpty == false || value.arrayValue?.isEmpty == false
    }

    private static func word(_ value: JSONValue) -> String {
        guard let text = value.stringValue else { return String(decoding: value.encoded(), as: UTF8.self) }
        return text.contains("\n") || text.isEmpty || YAMLWord.value(text) != .string(text) ? String(decoding: value.encoded(), as: UTF8.self) : text
    }

    /// Changed lines with two unchanged ones around them.
    private static func merge(_ old: [String], _ new: [String]) -> [String] {
        let difference = new.difference(from: old)
        var removed: Set<Int> = []
        var inserted: Set<Int> = []
        for change in difference {
            switch change {
            case .remove(let offset, _, _): removed.insert(offset)
            case .insert(let offset, _, _): inserted.insert(offset)
            }
        }
        var lines: [(text: String, changed: Bool)] = []
        var (i, j) = (0, 0)
        while i < old.count || j < new.count {
            if i < old.count, removed.contains(i) {
                lines.append(("- " + old[i], true))
                i += 1
            } else if j < new.count, inserted.contains(j) {
                lines.append(("+ " + new[j], true))
                j += 1
            } else {
                lines.append(("  " + new[j], false))
                i += 1
                j += 1
            }
        }
        let context = 2
        let kept = lines.indices.filter { index in
            lines[max(0, index - context)...min(lines.count - 1, index + context)].contains { $0.changed }
        }
        var result: [String] = []
        for (position, index) in kept.enumerated() {
            if position > 0, kept[position - 1] != index - 1 { result.append("  …") }
            result.append(lines[index].text)
        }
        return result
    }
}
