import Crypto
import Foundation
import KubernetesModel
import SeawayAPI

/// The objects of one dependency as the cluster remembers them: a ConfigMap in the environment's namespace is their parent.
///
/// Labels and annotations are those of the ApplySet specification, so that other tools recognise the set and leave it alone.
/// <https://github.com/kubernetes/enhancements/tree/master/keps/sig-cli/3659-kubectl-apply-prune>
public struct ApplySet: Sendable, Equatable {
    /// The namespace of the parent, which is the environment's.
    public var namespace: String
    public var application: String
    public var environment: String
    public var dependency: String
    /// Kinds that members may be of.
    public var kinds: Set<GroupKind>
    /// Namespaces that members may be in, the parent's own included.
    public var namespaces: Set<String>

    public init(
        namespace: String, application: String, environment: String, dependency: String, kinds: Set<GroupKind> = [],
        namespaces: Set<String> = []
    ) {
        self.namespace = namespace
        self.application = application
        self.environment = environment
        self.dependency = dependency
        self.kinds = kinds
        self.namespaces = namespaces
    }

    public static let partOfLabel = "applyset.kubernetes.io/part-of"
    static let idLabel = "applyset.kubernetes.io/id"
    static let toolingAnnotation = "applyset.kubernetes.io/tooling"
    static let kindsAnnotation = "applyset.kubernetes.io/contains-group-kinds"
    static let namespacesAnnotation = "applyset.kubernetes.io/additional-namespaces"
    /// On parents: the application, its environment, the dependency.
    static let applicationLabel = "seaway.ctx.sh/dependencies-of"
    static let dependencyLabel = "seaway.ctx.sh/dependency"
    /// On namespaces and definitions that were there before: they are never deleted.
    public static let adoptedAnnotation = "seaway.ctx.sh/adopted"
    /// Owns the fields of the members.
    public static let fieldManager = "seactl-deps"
    static let tool = "seactl"

    public var parentName: String { Self.bounded("\(application)-\(environment)-deps-\(dependency)", to: 253) }

    /// `applyset-HASH-v1`, as the specification computes it from the parent.
    public var id: String {
        let digest = SHA256.hash(data: Data("\(parentName).\(namespace).ConfigMap.".utf8))
        let text = Data(digest).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
        return "applyset-\(text)-v1"
    }

    /// What selects the parents of an environment's dependencies.
    public static func parentSelector(application: String, environment: String) -> String {
        "\(applicationLabel)=\(bounded(application, to: 63)),\(Names.environmentNameLabel)=\(bounded(environment, to: 63))"
    }

    /// What selects the members.
    public var memberSelector: String { "\(Self.partOfLabel)=\(id)" }

    /// The parent, to be applied.
    public func parent() -> JSONValue {
        let others = namespaces.subtracting([namespace]).sorted().joined(separator: ",")
        return [
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": [
                "name": .string(parentName), "namespace": .string(namespace),
                "labels": [
                    Self.idLabel: .string(id), Self.applicationLabel: .string(Self.bounded(application, to: 63)),
                    Names.environmentNameLabel: .string(Self.bounded(environment, to: 63)),
                    Self.dependencyLabel: .string(Self.bounded(dependency, to: 63)), Names.managedByLabel: .string(Self.tool),
                ],
                "annotations": [
                    Self.toolingAnnotation: .string("\(Self.tool)/v1"),
                    Self.kindsAnnotation: .string(kinds.sorted().map(\.description).joined(separator: ",")),
                    Self.namespacesAnnotation: .string(others),
                ],
            ],
            "data": ["dependency": .string(dependency)],
        ]
    }

    /// Adds what a parent in the cluster remembers.
    /// - Throws: ``DependencyProblem`` when the parent belongs to another tool, or is no parent of a set.
    public mutating func remember(_ parent: JSONValue) throws(DependencyProblem) {
        let annotations = parent["metadata"]?["annotations"]
        let tooling = annotations?[Self.toolingAnnotation]?.stringValue ?? ""
        guard tooling.hasPrefix("\(Self.tool)/") else {
            throw DependencyProblem(
                nil,
                "ConfigMap \(namespace)/\(parentName) is not Seaway's" + (tooling.isEmpty ? "" : " but that of \(tooling)")
                    + ": rename the dependency, or remove that ConfigMap")
        }
        // Names that are put together from parts can be the same for other parts, as of shop/api-dev and shop-api/dev.
        let labels = parent["metadata"]?["labels"]
        let own = self.parent()["metadata"]?["labels"]
        for label in [Self.applicationLabel, Names.environmentNameLabel, Self.dependencyLabel] where labels?[label] != own?[label] {
            throw DependencyProblem(
                nil,
                "ConfigMap \(namespace)/\(parentName) is that of dependency \(labels?[Self.dependencyLabel]?.stringValue ?? "?") of "
                    + "\(labels?[Self.applicationLabel]?.stringValue ?? "?")/\(labels?[Names.environmentNameLabel]?.stringValue ?? "?"): "
                    + "rename the dependency, or use another namespace")
        }
        func list(_ key: String) -> [Substring] { (annotations?[key]?.stringValue ?? "").split(separator: ",") }
        kinds.formUnion(list(Self.kindsAnnotation).map { GroupKind($0) })
        namespaces.formUnion(list(Self.namespacesAnnotation).map(String.init))
        namespaces.insert(namespace)
    }

    /// The set of a parent that was found by ``parentSelector(application:environment:)``.
    public init?(parent: JSONValue, application: String, environment: String) {
        guard let namespace = parent["metadata"]?["namespace"]?.stringValue, let dependency = parent["data"]?["dependency"]?.stringValue
        else { return nil }
        self.init(namespace: namespace, application: application, environment: environment, dependency: dependency)
        do { try remember(parent) } catch { return nil }
    }

    /// An object as a member of this set.
    public func member(_ object: JSONValue, namespace: String?, isAdopted: Bool) -> JSONValue {
        var object = object
        var metadata = object["metadata"] ?? [:]
        metadata["namespace"] = namespace.map(JSONValue.string)
        var labels = metadata["labels"] ?? [:]
        labels[Self.partOfLabel] = .string(id)
        metadata["labels"] = labels
        if isAdopted {
            var annotations = metadata["annotations"] ?? [:]
            annotations[Self.adoptedAnnotation] = "true"
            metadata["annotations"] = annotations
        }
        // What `kubectl get -o yaml` leaves in files, and an apply must not contain.
        for field in ["managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink"] { metadata[field] = nil }
        object["metadata"] = metadata
        object["status"] = nil
        if object["apiVersion"] == "v1", object["kind"] == "Secret", let texts = object["stringData"]?.objectValue {
            // The server turns it into `data` and forgets it: applied as it is, a second apply changes the object again.
            var data = object["data"]?.objectValue ?? [:]
            for (key, text) in texts { data[key] = text.stringValue.map { .string(Data($0.utf8).base64EncodedString()) } ?? text }
            object["data"] = .object(data)
            object["stringData"] = nil
        }
        let hasPorts =
            ["v1", "apps/v1", "batch/v1", "batch/v1beta1"].contains(object["apiVersion"]?.stringValue ?? "") && object["kind"] != "ConfigMap"
        return hasPorts ? Self.namingProtocols(object) : object
    }

    /// Ports with the protocol that they have by default: it is part of a port's key, and servers before 1.21 refuse to apply one without.
    private static func namingProtocols(_ value: JSONValue) -> JSONValue {
        switch value {
        case .array(let elements): return .array(elements.map(namingProtocols))
        case .object(var members):
            members = members.mapValues(namingProtocols)
            if let ports = members["ports"]?.arrayValue {
                members["ports"] = .array(
                    ports.map { port in
                        guard port["containerPort"] != nil || (port["port"]?.intValue != nil && port["protocol"] == nil) else { return port }
                        var port = port
                        port["protocol"] = port["protocol"] ?? "TCP"
                        return port
                    })
            }
            return .object(members)
        default: return value
        }
    }

    /// Cut so that different names stay different.
    private static func bounded(_ text: String, to limit: Int) -> String {
        guard text.utf8.count > limit else { return text }
        let digest = SHA256.hash(data: Data(text.utf8)).prefix(4).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        return "\(text.prefix(limit - 9))-\(digest)"
    }
}

/// What is known of an object in the cluster before it is applied.
public struct PresentObject: Sendable, Equatable {
    /// `metav1.ObjectMeta`, whole.
    public var metadata: JSONValue

    public init(metadata: JSONValue) { self.metadata = metadata }

    public var uid: String? { metadata["uid"]?.stringValue }
    public var resourceVersion: String? { metadata["resourceVersion"]?.stringValue }
    public var isAdopted: Bool { metadata["annotations"]?[ApplySet.adoptedAnnotation] != nil }
    public var isBeingDeleted: Bool { metadata["deletionTimestamp"].map { $0 != .null } ?? false }
    public var set: String? { metadata["labels"]?[ApplySet.partOfLabel]?.stringValue }
}

/// What is to be done with a wanted object, by what the cluster has.
public enum ApplyDecision: Sendable, Equatable {
    case apply
    /// Takes over the fields of earlier tools, then applies.
    case adopt
    /// A namespace that is there already and about which the directory says nothing: it stays as it is and belongs to nobody.
    case leave
    case refuse(String)

    public static func make(_ wanted: WantedObject, _ identity: ObjectIdentity, present: PresentObject?, set: ApplySet, adopt: Bool) -> ApplyDecision
    {
        guard let present else { return .apply }
        if present.isBeingDeleted { return .refuse("\(identity) is being deleted: wait until it is gone") }
        if present.set == set.id { return .apply }
        if let other = present.set { return .refuse("\(identity) belongs to another set already (\(other)): remove it from one of the two") }
        if identity.groupKind == .namespace {
            let metadata = wanted.object["metadata"]?.objectValue ?? [:]
            let says = ["labels", "annotations"].contains { metadata[$0]?.objectValue?.isEmpty == false } || wanted.object["spec"] != nil
            if !says { return .leave }
        }
        return adopt ? .adopt : .refuse("\(identity) is there already and was not made by this dependency: --adopt takes it over")
    }
}
