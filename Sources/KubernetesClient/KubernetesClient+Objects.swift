import Foundation
import KubernetesModel
import Logging

extension KubernetesClient {
    /// - Parameter namespace: of no meaning for cluster-scoped kinds.
    public func get<T: KubernetesObject>(_ type: T.Type, _ name: String, namespace: String? = nil) async throws -> T {
        try await send(.get(T.resource, name: name, namespace: namespace), as: type)
    }

    /// - Returns: `nil` when there is no such object.
    public func getIfPresent<T: KubernetesObject>(_ type: T.Type, _ name: String, namespace: String? = nil) async throws -> T? {
        do {
            return try await get(type, name, namespace: namespace)
        } catch let error as KubernetesError where error.isNotFound {
            return nil
        }
    }

    /// All objects, gathered page by page. Those that do not decode are in the list's `undecodable`.
    /// - Parameter namespace: `nil` lists all namespaces.
    public func list<T: KubernetesObject>(
        _ type: T.Type, namespace: String? = nil, labelSelector: String? = nil, fieldSelector: String? = nil
    ) async throws -> List<T> {
        func all(limit: Int?) async throws -> List<T> {
            var result = List<T>()
            var token: String?
            repeat {
                let page = try await send(
                    .list(
                        T.resource, namespace: namespace, labelSelector: labelSelector, fieldSelector: fieldSelector, limit: limit,
                        continue: token), as: List<T>.self)
                result.items += page.items
                result.undecodable += page.undecodable
                result.metadata = page.metadata
                token = page.metadata.continue.flatMap { $0.isEmpty ? nil : $0 }
            } while token != nil
            return result
        }
        let list: List<T>
        do {
            list = try await all(limit: Self.pageSize)
        } catch let error as KubernetesError where error.isGone {
            // The next page had become too old: once more in one piece.
            list = try await all(limit: nil)
        }
        for item in list.undecodable { warn(item, of: T.resource) }
        return list
    }

    func warn(_ item: UndecodableObject, of type: ResourceType) {
        logger.warning(
            "an object is left out because it does not decode",
            metadata: ["kind": "\(type.kind)", "object": "\(item.key?.description ?? "?")", "reason": "\(item.reason)"])
    }

    /// Creates an object; its kind and namespace stand in it. Without a namespace it goes to the configuration's.
    public func create(_ object: JSONValue, dryRun: Bool = false) async throws -> JSONValue {
        let target = try await target(of: object)
        return try await send(.create(target.type, object: object, namespace: target.namespace, dryRun: dryRun), as: JSONValue.self)
    }

    /// Server-side apply of an object; its kind, name and namespace stand in it.
    /// - Parameter force: takes fields over from other managers; without it, that is a conflict.
    public func apply(
        _ object: JSONValue, fieldManager: String, force: Bool = false, dryRun: Bool = false, subresource: String? = nil
    ) async throws -> JSONValue {
        let target = try await target(of: object)
        guard let name = object["metadata"]?["name"]?.stringValue, !name.isEmpty else {
            throw KubernetesError(.invalidRequest, "a \(target.type.kind) without metadata.name cannot be applied")
        }
        let request = APIRequest.apply(
            target.type, object: object, name: name, namespace: target.namespace, fieldManager: fieldManager, force: force,
            dryRun: dryRun, subresource: subresource)
        return try await send(request, as: JSONValue.self)
    }

    /// JSON merge patch: a member `null` is removed, an array is replaced whole.
    public func mergePatch(
        _ type: ResourceType, _ patch: JSONValue, name: String, namespace: String?, subresource: String? = nil
    ) async throws -> JSONValue {
        try await send(
            .mergePatch(type, patch: patch, name: name, namespace: namespace, subresource: subresource), as: JSONValue.self)
    }

    /// Deletes an object. One that is not there, or with `uid` is another one by now, is deleted already.
    public func delete(
        _ type: ResourceType, name: String, namespace: String?, propagation: Propagation = .background, uid: String? = nil
    ) async throws {
        do {
            _ = try await send(.delete(type, name: name, namespace: namespace, propagation: propagation, uid: uid))
        } catch let error as KubernetesError where error.isNotFound || (uid != nil && error.isConflict) {
            return
        }
    }

    /// Deletes the objects of a kind and namespace that have these labels.
    public func deleteCollection(
        _ type: ResourceType, namespace: String, labelSelector: String, propagation: Propagation = .background
    ) async throws {
        _ = try await send(
            .deleteCollection(type, namespace: namespace, labelSelector: labelSelector, propagation: propagation))
    }

    /// Where an object goes, by what stands in it.
    private func target(of object: JSONValue) async throws -> (type: ResourceType, namespace: String?) {
        guard let apiVersion = object["apiVersion"]?.stringValue, let kind = object["kind"]?.stringValue else {
            throw KubernetesError(.invalidRequest, "an object without apiVersion and kind cannot be sent")
        }
        let type = try await resourceType(apiVersion: apiVersion, kind: kind)
        guard type.namespaced else { return (type, nil) }
        return (type, object["metadata"]?["namespace"]?.stringValue ?? configuration.namespace)
    }
}
