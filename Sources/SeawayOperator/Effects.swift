import ContainerRegistry
import KubernetesClient
import KubernetesModel
import SeawayAPI
import SeawayPlan
import SourceService

/// Performs a plan's actions.
struct Effects: Sendable {
    let cluster: KubernetesClient
    let sources: SourceStore
    let registry: RegistryClient
    /// What pods need before they can be pulled; `nil` where nodes need no login.
    var pullSecret: PullSecret?
    /// Throws in a process that does not lead: what is not sent to the API server has no other guard.
    let checkLeadership: @Sendable () throws -> Void

    func perform(_ action: Action, on environment: Environment) async -> Outcome {
        let namespace = environment.namespace ?? "default"
        do {
            try checkLeadership()
            switch action {
            case .addFinalizer:
                try await setFinalizers((environment.metadata.finalizers ?? []) + [Names.finalizer], of: environment)
            case .removeFinalizer:
                try await setFinalizers((environment.metadata.finalizers ?? []).filter { $0 != Names.finalizer }, of: environment)
            case .apply(let object, let type, let creates):
                if creates, let stranger = try await foreignObject(object, type, environment) { return stranger }
                if type == .jobs || type == .deployments, try await pullSecret?.copy(into: namespace, of: environment) == .isForeign {
                    return .refused(
                        .nameTaken,
                        "Secret \(namespace)/\(Names.pullSecret) exists and is not Seaway's, which keeps there how nodes pull; remove it")
                }
                try await apply(object)
            case .delete(let type, let name, let uid):
                try await cluster.delete(type, name: name, namespace: namespace, propagation: .background, uid: uid)
            case .removeSources:
                try await sources.remove(namespace: namespace, environment: environment.name)
            case .removeImages:
                let repository = Names.repository(namespace: namespace, environment: environment.name)
                try await registry.removeAll(repository: repository)
                try await registry.removeAll(repository: "\(repository)/cache")
            case .deleteEnvironment:
                try await cluster.delete(
                    Environment.resource, name: environment.name, namespace: namespace, propagation: .background, uid: environment.metadata.uid)
            case .removeNamespace:
                try await EmptyNamespace(cluster: cluster).remove(namespace, leftBy: environment)
            }
            return .done
        } catch let error as KubernetesError {
            return Self.outcome(of: error)
        } catch {
            return .unavailable(String(describing: error))
        }
    }

    private func apply(_ object: JSONValue) async throws {
        do {
            _ = try await cluster.apply(object, fieldManager: Names.fieldManager, force: true)
        } catch let error as KubernetesError where LeftOutHandlers.isReason(error.status) {
            guard let removal = LeftOutHandlers.removal(from: object) else { throw error }
            _ = try await cluster.send(removal)
            _ = try await cluster.apply(object, fieldManager: Names.fieldManager, force: true)
        }
    }

    /// Writes the whole status.
    /// - Returns: the Environment as it is stored now.
    func write(_ status: EnvironmentStatus, of environment: Environment) async throws -> Environment {
        let patch: JSONValue = [
            // The uid keeps this from writing to a new Environment of the same name.
            "metadata": ["uid": .string(environment.metadata.uid ?? "")],
            "status": try status.replacingPatch(),
        ]
        return try await cluster.mergePatch(
            Environment.resource, patch, name: environment.name, namespace: environment.namespace, subresource: "status"
        ).decode()
    }

    private func setFinalizers(_ finalizers: [String], of environment: Environment) async throws {
        let patch: JSONValue = [
            "metadata": [
                "uid": .string(environment.metadata.uid ?? ""),
                // Without it, a finalizer that somebody else added meanwhile would be lost.
                "resourceVersion": .string(environment.metadata.resourceVersion ?? ""),
                "finalizers": .array(finalizers.map(JSONValue.string)),
            ]
        ]
        do {
            _ = try await cluster.mergePatch(Environment.resource, patch, name: environment.name, namespace: environment.namespace)
        } catch let error as KubernetesError where error.isNotFound {
            // Gone already, which is what a finalizer's removal is for.
        }
    }

    /// Nothing that Seaway did not make is ever changed.
    /// - Returns: the refusal when the object exists and belongs to somebody else.
    private func foreignObject(_ object: JSONValue, _ type: ResourceType, _ environment: Environment) async throws -> Outcome? {
        guard let name = object["metadata"]?["name"]?.stringValue else { return nil }
        let present: JSONValue
        do {
            present = try await cluster.send(.get(type, name: name, namespace: environment.namespace), as: JSONValue.self)
        } catch let error as KubernetesError where error.isNotFound {
            return nil
        }
        let owners = present["metadata"]?["ownerReferences"]?.arrayValue ?? []
        if owners.contains(where: { $0["uid"]?.stringValue == environment.metadata.uid }) { return nil }
        // A predecessor of the same name whose objects are on their way out.
        if owners.contains(where: { $0["kind"]?.stringValue == Environment.resource.kind && $0["name"]?.stringValue == environment.name }) {
            return .unavailable("\(type.kind) \(name) of an earlier Environment is still being removed")
        }
        return .refused(
            .nameTaken,
            "\(type.kind) \(environment.namespace ?? "")/\(name) exists and is not of this Environment; rename the application or remove it")
    }

    private static func outcome(of error: KubernetesError) -> Outcome {
        guard let status = error.status else { return .unavailable(error.description) }
        if status.isConflict { return .unavailable("somebody else changed the object: \(status.message ?? "")") }
        // The API server answers 403 for quotas and terminating namespaces as well as for missing rights.
        if status.isForbidden {
            if status.isNamespaceTerminating { return .refused(.namespaceTerminating, status.message ?? "the namespace is being deleted") }
            return .refused(status.isQuotaExceeded ? .refused : .forbidden, status.message ?? "forbidden")
        }
        // A field that the cluster does not know fails server-side apply with code 500.
        let isUnknownField = status.message?.contains("field not declared in schema") == true
        if status.isInvalid || status.isBadRequest || status.code == 413 || isUnknownField {
            return .refused(.invalidSpec, status.message ?? "the API server refuses the object")
        }
        return .unavailable(error.description)
    }
}
