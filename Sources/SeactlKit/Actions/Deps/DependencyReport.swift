import KubernetesModel
import SeawayAPI
import SeawayDependencies
import Synchronization

/// What a command about dependencies did or found, object by object, for `-o json` and `-o yaml`.
final class DependencyReport: Sendable {
    /// What became of an object, or what `diff` says would.
    enum Result: String, Sendable {
        case created, changed, unchanged, removed, kept, failed
        /// It was there before and the dependency says nothing about it.
        case left
        /// This engine does not run its kind.
        case skipped
        case create, change, remove, refuse
    }

    private struct Dependency {
        var name: String
        var objects: [JSONValue] = []
        var waits: [JSONValue] = []
    }

    private let state = Mutex<[Dependency]>([])

    /// - Parameters:
    ///   - reason: why it failed, was kept or would be refused.
    ///   - lines: what would change; contents of Secrets are masked in them.
    func note(_ dependency: String, _ type: ResourceType, _ identity: ObjectIdentity, _ result: Result, reason: String? = nil, lines: [String] = []) {
        note(dependency, apiVersion: type.apiVersion, identity, result, reason: reason, lines: lines)
    }

    func note(
        _ dependency: String, apiVersion: String, _ identity: ObjectIdentity, _ result: Result, reason: String? = nil, lines: [String] = []
    ) {
        var entry = Self.entry(apiVersion, identity)
        entry["result"] = .string(result.rawValue)
        entry["reason"] = reason.map(JSONValue.string)
        if !lines.isEmpty { entry["lines"] = .array(lines.map(JSONValue.string)) }
        change(dependency) { $0.objects.append(entry) }
    }

    /// - Parameter reason: why it did not come true; `nil` when it did.
    func noteWait(_ dependency: String, _ type: ResourceType, _ identity: ObjectIdentity, for goal: String, reason: String?) {
        var entry = Self.entry(type.apiVersion, identity)
        entry["for"] = .string(goal)
        entry["result"] = reason == nil ? "met" : "failed"
        entry["reason"] = reason.map(JSONValue.string)
        change(dependency) { $0.waits.append(entry) }
    }

    /// - Parameter reason: why this engine has nothing of the kind to wait for.
    func noteSkippedWait(_ dependency: String, _ wait: ManifestWait, namespace: String, reason: String) {
        var entry: JSONValue = [
            "kind": .string(wait.kind), "namespace": .string(wait.namespace ?? namespace), "name": .string(wait.name), "for": .string(wait.for),
            "result": "skipped", "reason": .string(reason),
        ]
        entry["apiVersion"] = wait.apiVersion.map(JSONValue.string)
        change(dependency) { $0.waits.append(entry) }
    }

    private static func entry(_ apiVersion: String, _ identity: ObjectIdentity) -> JSONValue {
        var entry: JSONValue = ["apiVersion": .string(apiVersion), "kind": .string(identity.kind), "name": .string(identity.name)]
        entry["namespace"] = identity.namespace.map(JSONValue.string)
        return entry
    }

    private func change(_ name: String, _ body: (inout Dependency) -> Void) {
        state.withLock { dependencies in
            let index = dependencies.firstIndex { $0.name == name } ?? dependencies.endIndex
            if index == dependencies.endIndex { dependencies.append(Dependency(name: name)) }
            body(&dependencies[index])
        }
    }

    /// `{"dependencies": [{"name": …, "objects": […], "waits": […]}]}`, in the order in which they were worked on.
    var value: JSONValue {
        let dependencies = state.withLock { $0 }
        return [
            "dependencies": .array(
                dependencies.map { ["name": .string($0.name), "objects": .array($0.objects), "waits": .array($0.waits)] })
        ]
    }
}
