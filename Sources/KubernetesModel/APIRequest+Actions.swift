import Foundation

/// Requests that are no verb on an object: logs, tokens, reviews, the service proxy.
extension APIRequest {
    /// - Parameters:
    ///   - container: may be `nil` when the pod has one container.
    ///   - follow: the answer goes on while the container runs.
    ///   - previous: the log of the container's last run instead of this one's.
    ///   - limitBytes: the server ends the answer after so many bytes.
    public static func logs(
        pod: String, namespace: String, container: String? = nil, follow: Bool = false, previous: Bool = false, tailLines: Int? = nil,
        timestamps: Bool = false, sinceTime: String? = nil, limitBytes: Int? = nil
    ) -> APIRequest {
        var request = APIRequest(method: "GET", path: ResourceType.pods.path(namespace: namespace, name: pod, subresource: "log"))
        request.add("container", container)
        request.add("follow", follow ? "true" : nil)
        request.add("previous", previous ? "true" : nil)
        request.add("tailLines", tailLines)
        request.add("timestamps", timestamps ? "true" : nil)
        request.add("sinceTime", sinceTime)
        request.add("limitBytes", limitBytes)
        return request
    }

    /// Mints a token of a ServiceAccount.
    /// - Parameter expirationSeconds: at least 600; the server may shorten or lengthen it.
    public static func tokenRequest(
        serviceAccount: String, namespace: String, audiences: [String], expirationSeconds: Int? = nil
    ) -> APIRequest {
        var spec: JSONValue = ["audiences": .array(audiences.map(JSONValue.string))]
        if let expirationSeconds { spec["expirationSeconds"] = .int(expirationSeconds) }
        var request = APIRequest(
            method: "POST", path: ResourceType.serviceAccounts.path(namespace: namespace, name: serviceAccount, subresource: "token"))
        request.setBody(["apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec], type: "application/json")
        return request
    }

    /// Asks whose token this is, and whether it is meant for one of the audiences.
    public static func tokenReview(token: String, audiences: [String]) -> APIRequest {
        var request = APIRequest(method: "POST", path: "/apis/authentication.k8s.io/v1/tokenreviews")
        let spec: JSONValue = ["token": .string(token), "audiences": .array(audiences.map(JSONValue.string))]
        request.setBody(["apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec], type: "application/json")
        return request
    }

    /// Asks whether the sender may do something.
    /// - Parameters:
    ///   - namespace: `nil` asks about all namespaces (or a cluster-scoped kind).
    ///   - name: `nil` asks about all names.
    public static func selfSubjectAccessReview(
        verb: String, _ type: ResourceType, subresource: String? = nil, namespace: String? = nil, name: String? = nil
    ) -> APIRequest {
        let attributes: JSONValue = [
            "verb": .string(verb), "group": .string(type.group), "version": .string(type.version), "resource": .string(type.plural),
            "subresource": subresource.map(JSONValue.string) ?? .null,
            "namespace": namespace.map(JSONValue.string) ?? .null,
            "name": name.map(JSONValue.string) ?? .null,
        ]
        var request = APIRequest(method: "POST", path: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")
        request.setBody(
            [
                "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
                "spec": ["resourceAttributes": attributes.droppingNulls],
            ], type: "application/json")
        return request
    }

    /// A request that the API server passes on to a pod of a Service.
    /// - Parameters:
    ///   - service: `name`, `name:port` or `https:name:port`; the port by name or number.
    ///   - path: of the service, with or without a leading slash, not percent-encoded.
    public static func serviceProxy(
        method: String, namespace: String, service: String, path: String, query: [QueryItem] = [], headers: [QueryItem] = [],
        body: Data? = nil
    ) -> APIRequest {
        let segments = path.split(separator: "/", omittingEmptySubsequences: true).map { PercentEncoding.segment(String($0)) }
        var target = ResourceType.services.path(namespace: namespace, name: service, subresource: "proxy") + "/"
        target += segments.joined(separator: "/")
        if path.hasSuffix("/"), !segments.isEmpty { target += "/" }
        return APIRequest(method: method, path: target, query: query, headers: headers, body: body)
    }

    /// What the server is; `KubernetesClient.serverVersion` decodes it.
    public static let version = APIRequest(method: "GET", path: "/version")

    /// The kinds of one group and version.
    public static func discovery(apiVersion: String) -> APIRequest {
        let segments = apiVersion.split(separator: "/").map { PercentEncoding.segment(String($0)) }
        return APIRequest(method: "GET", path: (segments.count == 1 ? "/api/" : "/apis/") + segments.joined(separator: "/"))
    }
}
