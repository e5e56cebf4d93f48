import KubernetesModel

/// Takes probes and hooks off a Deployment that its next apply leaves out.
///
/// Kubernetes 1.20 removes the handler that an apply leaves out and keeps the probe or hook around it, which it then refuses. Nothing
/// in an apply helps, not even a `null`; a patch that removes the whole before does. Later versions do so by themselves.
enum LeftOutHandlers {
    /// Whether this is how the API server refuses an apply for that reason.
    static func isReason(_ status: Status?) -> Bool {
        status?.isInvalid == true && status?.message?.contains("must specify a handler type") == true
    }

    /// The request that removes what the containers of `deployment` do not have.
    static func removal(from deployment: JSONValue) -> APIRequest? {
        guard let name = deployment["metadata"]?["name"]?.stringValue,
            let containers = deployment["spec"]?["template"]?["spec"]?["containers"]?.arrayValue
        else { return nil }
        let rest = containers.map { container in
            var patch: [String: JSONValue] = ["name": container["name"] ?? .null]
            for probe in ["livenessProbe", "readinessProbe", "startupProbe", "lifecycle"] where container[probe] == nil { patch[probe] = .null }
            if let lifecycle = container["lifecycle"] {
                let missing = ["preStop", "postStart"].filter { lifecycle[$0] == nil }
                patch["lifecycle"] = .object(Dictionary(uniqueKeysWithValues: missing.map { ($0, JSONValue.null) }))
            }
            return JSONValue.object(patch)
        }
        let patch: JSONValue = ["spec": ["template": ["spec": ["containers": .array(rest)]]]]
        return APIRequest(
            method: "PATCH", path: ResourceType.deployments.path(namespace: deployment["metadata"]?["namespace"]?.stringValue, name: name),
            headers: [QueryItem("Content-Type", "application/strategic-merge-patch+json")], body: patch.encoded())
    }
}
