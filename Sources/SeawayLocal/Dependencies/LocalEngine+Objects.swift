import Foundation
import KubernetesModel
import SeawayAPI
import SeawayDependencies

// Objects of dependencies: what the API server does with them in a cluster.
extension LocalEngine {
    /// - Parameter withStatus: looks at Podman, too.
    /// - Returns: `nil` when there is no such object.
    public func object(_ type: ResourceType, _ key: ObjectKey, withStatus: Bool) async throws -> JSONValue? {
        try await objects(type, namespace: key.namespace ?? "default", name: key.name, withStatus: withStatus).first
    }

    /// - Parameters:
    ///   - namespace: `nil` for all.
    ///   - labelSelector: as the API server reads it.
    public func objects(
        _ type: ResourceType, namespace: String?, labelSelector: String? = nil, name: String? = nil, withStatus: Bool
    ) async throws -> [JSONValue] {
        let selector = LabelSelector(labelSelector ?? "")
        var found: [JSONValue] = []
        for namespace in namespace.map({ [$0] }) ?? store.objectNamespaces() {
            let all = try store.objects(namespace)
            let kind = GroupKind(group: type.group, kind: type.kind)
            let wanted = all.filter { $0.value.groupKind == kind && (name == nil || $0.value.name == name) }
            for (id, kept) in wanted.sorted(by: { $0.key < $1.key }) {
                found.append(withStatus ? try await withPresentStatus(id, kept, in: namespace, all) : kept.object)
            }
            if type == .pods, withStatus {
                for (id, kept) in all.sorted(by: { $0.key < $1.key }) where kept.isWorkload && kept.groupKind.kind != "Pod" {
                    found += try await look(id, kept, in: namespace, all).pods
                }
            }
            // Those that the manifest itself names are there for dependencies, too, but belong to none.
            if type == .secrets {
                let own = try store.secrets(namespace).filter { all[KeptObject.id(.secrets, $0.key)] == nil }
                found += try own.sorted { $0.key < $1.key }.map { try JSONValue(encoding: $0.value).droppingNulls }
            }
        }
        return found.filter { object in
            let labels = (object["metadata"]?["labels"]?.objectValue ?? [:]).compactMapValues(\.stringValue)
            return selector.matches(labels) && (name == nil || object["metadata"]?["name"]?.stringValue == name)
        }
    }

    /// Takes an object as it is wanted, and runs what it asks for.
    /// - Parameter dryRun: only answers what it would be.
    /// - Throws: `LocalError` with code `refused` for what is wrong with it, or cannot be run.
    public func applyObject(_ type: ResourceType, _ object: JSONValue, dryRun: Bool) async throws -> JSONValue {
        let namespace = object["metadata"]?["namespace"]?.stringValue ?? "default"
        let name = object["metadata"]?["name"]?.stringValue ?? ""
        try ObjectCheck.check(object, name: name, namespace: namespace)
        let id = KeptObject.id(type, name)
        if dryRun { return try merged(object, over: store.objects(namespace)[id]?.object) }
        let applied = try await store.updateObjects(namespace) { objects in
            let merged = merged(object, over: objects[id]?.object)
            objects[id, default: KeptObject(object: merged)].object = merged
            return merged
        }
        if type == .persistentVolumeClaims { try await ensureVolume(WorkloadDocument.volumeName(namespace, claim: name), namespace) }
        if LocalKinds.workloads.contains(type.kind) { try await run(id, in: namespace) }
        return applied
    }

    private func merged(_ object: JSONValue, over present: JSONValue?) -> JSONValue {
        var merged = object
        let metadata = present?["metadata"]
        merged["metadata"]?["uid"] = metadata?["uid"] ?? .string(UUID().uuidString.lowercased())
        merged["metadata"]?["creationTimestamp"] = metadata?["creationTimestamp"] ?? .string(timestamp.description)
        merged["metadata"]?["generation"] = metadata?["generation"] ?? 1
        merged["metadata"]?["resourceVersion"] = metadata?["resourceVersion"] ?? "1"
        guard let present, merged != present else { return merged }
        merged["metadata"]?["resourceVersion"] = .string(Self.next(metadata?["resourceVersion"]?.stringValue))
        func content(_ object: JSONValue) -> JSONValue {
            var object = object
            object["metadata"] = nil
            return object
        }
        if content(merged) != content(present) { merged["metadata"]?["generation"] = .int((metadata?["generation"]?.intValue ?? 0) + 1) }
        return merged
    }

    /// Removes an object with all that was made for it.
    /// - Parameter uid: only this very one.
    /// - Returns: whether it was there.
    public func deleteObject(_ type: ResourceType, _ key: ObjectKey, uid: String?) async throws -> Bool {
        let namespace = key.namespace ?? "default"
        let id = KeptObject.id(type, key.name)
        let lock = try await FileLock.wait(store.workloadLock(namespace))
        guard let kept = try store.objects(namespace)[id], uid == nil || kept.object["metadata"]?["uid"]?.stringValue == uid else { return false }
        if !kept.pods.isEmpty { try await removePods(kept.pods, of: id, in: namespace) }
        if type == .persistentVolumeClaims {
            let volume = WorkloadDocument.volumeName(namespace, claim: key.name)
            if try await podman.run(["volume", "exists", volume]).isSuccess { try await podman.mustEventually(["volume", "rm", volume]) }
        }
        _ = try await store.updateObjects(namespace) { $0[id] = nil }
        _ = consume lock
        if try store.objects(namespace).isEmpty { try await removeUnused(namespace) }
        return true
    }

    /// What is used by nobody any more: the namespace's network, and with the last one of all what is common to all.
    private func removeUnused(_ namespace: String) async throws {
        guard try store.keys(namespace: namespace).isEmpty else { return }
        _ = try await podman.run(["network", "rm", network(namespace)])
        guard try store.isUnused(except: nil) else { return }
        try await removeHelperImage()
        store.removeCommonFiles()
    }

    private func ensureVolume(_ name: String, _ namespace: String) async throws {
        guard try await !podman.run(["volume", "exists", name]).isSuccess else { return }
        try await podman.must(["volume", "create", "--label", "\(PodDocument.label)=\(namespace)", name])
    }

    /// Images of workloads that Podman has: they stay after the removal of what ran them.
    public func images(of type: ResourceType, _ key: ObjectKey) async throws -> [String] {
        let namespace = key.namespace ?? "default"
        guard LocalKinds.workloads.contains(type.kind), let kept = try store.objects(namespace)[KeptObject.id(type, key.name)] else { return [] }
        var found: [String] = []
        for image in try document(kept, in: namespace, store.objects(namespace)).images where !found.contains(image) {
            if try await podman.run(["image", "exists", image]).isSuccess { found.append(image) }
        }
        return found
    }

    /// The last lines of a container's log.
    /// - Parameter pod: as a cluster would show it.
    public func logTail(pod: String, namespace: String, container: String, lines: Int) async throws -> [String] {
        let pods = try store.objects(namespace).values.flatMap(\.pods)
        guard let played = pods.first(where: { $0.shownName == pod }) else { return [] }
        return try await podman.logTail(played.container(container), lines: lines, of: played.lastStarts[container])
    }
}

extension KeptObject {
    var isWorkload: Bool { LocalKinds.type(group: groupKind.group, kind: groupKind.kind) != nil && LocalKinds.workloads.contains(groupKind.kind) }
}

/// What an API server would refuse of an object, as far as it would harm here. Pure.
enum ObjectCheck {
    static func check(_ object: JSONValue, name: String, namespace: String) throws {
        try check(name, "metadata.name", allowing: "-.")
        try check(namespace, "metadata.namespace", allowing: "-")
        let kind = object["kind"]?.stringValue ?? ""
        guard kind == "ConfigMap" || kind == "Secret" else { return }
        for field in ["data", "binaryData"] {
            for (key, value) in object[field]?.objectValue ?? [:] {
                let isBinary = kind == "Secret" || field == "binaryData"
                guard let text = value.stringValue, !isBinary || Data(base64Encoded: text) != nil else {
                    throw LocalError(.refused, "\(field).\(key) must be a text\(isBinary ? " in base64" : "")")
                }
                guard !key.isEmpty, !key.hasPrefix(".."), key.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "-._".contains($0)) }) else {
                    throw LocalError(.refused, "\(field).\(key): a key is made of letters, digits, '-', '_' and '.'")
                }
            }
        }
    }

    private static func check(_ text: String, _ field: String, allowing marks: String) throws {
        func isPlain(_ character: Character) -> Bool { character.isASCII && (character.isLowercase || character.isNumber) }
        guard let first = text.first, let last = text.last, isPlain(first), isPlain(last), text.utf8.count <= 253,
            text.allSatisfy({ isPlain($0) || marks.contains($0) })
        else { throw LocalError(.refused, "\(field) '\(text)' is not a name: lower-case letters, digits and '-'") }
    }
}
