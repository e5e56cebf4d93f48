import Foundation

/// What becomes of the objects that a deleted object owns.
public enum Propagation: String, Sendable, Codable, CaseIterable {
    /// The object goes at once, the owned ones after it.
    case background = "Background"
    /// The object stays, marked as being deleted, until the owned ones are gone.
    case foreground = "Foreground"
    /// The owned ones stay.
    case orphan = "Orphan"
}

/// The verbs on objects.
extension APIRequest {
    public static func get(_ type: ResourceType, name: String, namespace: String? = nil) -> APIRequest {
        APIRequest(method: "GET", path: type.path(namespace: namespace, name: name))
    }

    /// - Parameters:
    ///   - namespace: `nil` lists all namespaces.
    ///   - limit: objects per page; the answer's `continue` asks for the next one.
    public static func list(
        _ type: ResourceType, namespace: String? = nil, labelSelector: String? = nil, fieldSelector: String? = nil, limit: Int? = nil,
        continue continueToken: String? = nil
    ) -> APIRequest {
        var request = APIRequest(method: "GET", path: type.path(namespace: namespace))
        request.add("labelSelector", labelSelector)
        request.add("fieldSelector", fieldSelector)
        request.add("limit", limit)
        request.add("continue", continueToken)
        return request
    }

    /// - Parameters:
    ///   - resourceVersion: events after this version; `nil` sends the present objects as `added` first.
    ///   - timeoutSeconds: when the server ends the watch.
    public static func watch(
        _ type: ResourceType, namespace: String? = nil, labelSelector: String? = nil, fieldSelector: String? = nil,
        resourceVersion: String? = nil, timeoutSeconds: Int? = nil
    ) -> APIRequest {
        var request = APIRequest(method: "GET", path: type.path(namespace: namespace), query: [QueryItem("watch", "true")])
        request.add("labelSelector", labelSelector)
        request.add("fieldSelector", fieldSelector)
        request.add("allowWatchBookmarks", "true")
        request.add("resourceVersion", resourceVersion)
        request.add("timeoutSeconds", timeoutSeconds)
        return request
    }

    /// - Parameter namespace: where to create; of no effect on cluster-scoped kinds.
    public static func create(_ type: ResourceType, object: JSONValue, namespace: String? = nil, dryRun: Bool = false) -> APIRequest {
        var request = APIRequest(method: "POST", path: type.path(namespace: namespace))
        request.add("dryRun", dryRun ? "All" : nil)
        request.setBody(object, type: "application/json")
        return request
    }

    /// Server-side apply: creates the object, or makes it have exactly what `object` says of the fields that `fieldManager` owns.
    /// - Parameters:
    ///   - force: takes fields over from other managers; without it the answer is a conflict.
    ///   - subresource: `status`, or `nil`.
    public static func apply(
        _ type: ResourceType, object: JSONValue, name: String, namespace: String? = nil, fieldManager: String, force: Bool = false,
        dryRun: Bool = false, subresource: String? = nil
    ) -> APIRequest {
        var request = APIRequest(method: "PATCH", path: type.path(namespace: namespace, name: name, subresource: subresource))
        request.add("fieldManager", fieldManager)
        request.add("force", force ? "true" : nil)
        request.add("dryRun", dryRun ? "All" : nil)
        // JSON is YAML; servers before 1.32 know no JSON media type for apply.
        request.setBody(object, type: "application/apply-patch+yaml")
        return request
    }

    /// JSON merge patch (RFC 7386): a member `null` is removed, an array is replaced whole.
    public static func mergePatch(
        _ type: ResourceType, patch: JSONValue, name: String, namespace: String? = nil, subresource: String? = nil,
        fieldManager: String? = nil, dryRun: Bool = false
    ) -> APIRequest {
        var request = APIRequest(method: "PATCH", path: type.path(namespace: namespace, name: name, subresource: subresource))
        request.add("fieldManager", fieldManager)
        request.add("dryRun", dryRun ? "All" : nil)
        request.setBody(patch, type: "application/merge-patch+json")
        return request
    }

    /// Replaces the object; with `metadata.resourceVersion` only when it is still of that version.
    public static func update(
        _ type: ResourceType, object: JSONValue, name: String, namespace: String? = nil, subresource: String? = nil
    ) -> APIRequest {
        var request = APIRequest(method: "PUT", path: type.path(namespace: namespace, name: name, subresource: subresource))
        request.setBody(object, type: "application/json")
        return request
    }

    /// - Parameter uid: deletes only the object with this UID, and no later one of the same name.
    public static func delete(
        _ type: ResourceType, name: String, namespace: String? = nil, propagation: Propagation = .background, uid: String? = nil
    ) -> APIRequest {
        var request = APIRequest(method: "DELETE", path: type.path(namespace: namespace, name: name))
        request.setBody(deleteOptions(propagation, uid: uid), type: "application/json")
        return request
    }

    public static func deleteCollection(
        _ type: ResourceType, namespace: String, labelSelector: String, propagation: Propagation = .background
    ) -> APIRequest {
        var request = APIRequest(method: "DELETE", path: type.path(namespace: namespace))
        request.add("labelSelector", labelSelector)
        request.setBody(deleteOptions(propagation, uid: nil), type: "application/json")
        return request
    }

    private static func deleteOptions(_ propagation: Propagation, uid: String?) -> JSONValue {
        var options: JSONValue = [
            "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": .string(propagation.rawValue),
        ]
        if let uid { options["preconditions"] = ["uid": .string(uid)] }
        return options
    }
}

extension APIRequest {
    /// Adds a query item when there is a value.
    mutating func add(_ name: String, _ value: String?) {
        if let value { query.append(QueryItem(name, value)) }
    }

    mutating func add(_ name: String, _ value: Int?) {
        add(name, value.map { String($0) })
    }

    mutating func setBody(_ value: JSONValue, type: String) {
        headers.append(QueryItem("Content-Type", type))
        body = value.encoded()
    }
}

extension ResourceType {
    /// The percent-encoded path of a collection, an object or a subresource.
    public func path(namespace: String? = nil, name: String? = nil, subresource: String? = nil) -> String {
        var path = group.isEmpty ? "/api/\(version)" : "/apis/\(group)/\(version)"
        if namespaced, let namespace { path += "/namespaces/\(PercentEncoding.segment(namespace))" }
        path += "/\(plural)"
        if let name { path += "/\(PercentEncoding.segment(name))" }
        if let subresource { path += "/\(subresource)" }
        return path
    }
}
