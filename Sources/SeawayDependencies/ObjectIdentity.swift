import Foundation
import KubernetesModel

/// Which object: the same for every version of its group, so that a directory that moves from `v1beta1` to `v1` speaks of the same one.
public struct ObjectIdentity: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// Empty for the core group.
    public var group: String
    public var kind: String
    /// `nil` for cluster-scoped objects.
    public var namespace: String?
    public var name: String

    public init(group: String, kind: String, namespace: String?, name: String) {
        self.group = group
        self.kind = kind
        self.namespace = namespace
        self.name = name
    }

    public init(_ type: ResourceType, namespace: String?, name: String) {
        self.init(group: type.group, kind: type.kind, namespace: type.namespaced ? namespace : nil, name: name)
    }

    public var groupKind: GroupKind { GroupKind(group: group, kind: kind) }

    /// `Deployment shop-dev/db`, or `ClusterRole db`.
    public var description: String { "\(kind) \(ObjectKey(namespace: namespace, name: name))" }

    public static func < (left: ObjectIdentity, right: ObjectIdentity) -> Bool {
        (left.kind, left.group, left.namespace ?? "", left.name) < (right.kind, right.group, right.namespace ?? "", right.name)
    }
}

/// A kind, whatever its version.
public struct GroupKind: Hashable, Sendable, Comparable, CustomStringConvertible {
    public var group: String
    public var kind: String

    public init(group: String, kind: String) {
        self.group = group
        self.kind = kind
    }

    /// As apply sets write it: `Secret`, `Deployment.apps`.
    public init(_ text: Substring) {
        let parts = text.split(separator: ".", maxSplits: 1)
        self.init(group: parts.count == 2 ? String(parts[1]) : "", kind: parts.first.map(String.init) ?? "")
    }

    public var description: String { group.isEmpty ? kind : "\(kind).\(group)" }

    public static func < (left: GroupKind, right: GroupKind) -> Bool { left.description < right.description }

    static let namespace = GroupKind(group: "", kind: "Namespace")
    public static let service = GroupKind(group: "", kind: "Service")
    static let customResourceDefinition = GroupKind(group: "apiextensions.k8s.io", kind: "CustomResourceDefinition")
}

/// Where something stands in the user's files.
public struct TextPlace: Hashable, Sendable, CustomStringConvertible {
    /// As the user calls it.
    public var file: String
    /// Counted from 1.
    public var line: Int

    public init(file: String, line: Int) {
        self.file = file
        self.line = line
    }

    public var description: String { "\(file):\(line)" }
}

/// What is wrong with the files of a dependency, and where.
public struct DependencyProblem: Error, Sendable, Equatable, CustomStringConvertible {
    public var place: TextPlace?
    public var message: String

    public init(_ place: TextPlace?, _ message: String) {
        self.place = place
        self.message = message
    }

    public var description: String { place.map { "\($0): \(message)" } ?? message }
}

/// Everything that is wrong with the files of a dependency.
public struct DependencyProblems: Error, Sendable, Equatable, CustomStringConvertible {
    public var problems: [DependencyProblem]

    public init(_ problems: [DependencyProblem]) { self.problems = problems }

    /// One line each.
    public var description: String { problems.map(\.description).joined(separator: "\n") }
}

/// An object that a dependency wants, as it was written.
public struct WantedObject: Sendable, Equatable {
    public var object: JSONValue
    public var place: TextPlace

    public init(object: JSONValue, place: TextPlace) {
        self.object = object
        self.place = place
    }

    public var apiVersion: String { object["apiVersion"]?.stringValue ?? "" }
    public var kind: String { object["kind"]?.stringValue ?? "" }
    public var name: String { object["metadata"]?["name"]?.stringValue ?? "" }
    public var namespace: String? { object["metadata"]?["namespace"]?.stringValue }
    public var group: String { apiVersion.contains("/") ? String(apiVersion.prefix { $0 != "/" }) : "" }
    public var groupKind: GroupKind { GroupKind(group: group, kind: kind) }

    /// What the server would refuse about a Secret, whose answer would tell its content.
    var mistakesInSecret: [DependencyProblem] {
        guard apiVersion == "v1", kind == "Secret" else { return [] }
        func mistakes(_ field: String, _ mistake: (JSONValue) -> String?) -> [DependencyProblem] {
            (object[field]?.objectValue ?? [:]).sorted { $0.key < $1.key }.compactMap { key, value in
                mistake(value).map { DependencyProblem(place, "\(field).\(key) of Secret \(name) \($0)") }
            }
        }
        return mistakes("stringData") { $0.stringValue == nil ? "is no text: put it in quotes" : nil }
            + mistakes("data") { value in
                let isEncoded = value.stringValue.flatMap { Data(base64Encoded: $0.filter { !$0.isNewline }) } != nil
                return isEncoded || value == .null ? nil : "is not base64: stringData takes text as it is"
            }
    }
}
