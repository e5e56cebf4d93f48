import KubernetesModel

extension KubernetesClient {
    /// Where a kind is served: from a table of the built-in ones, else asked of the server and remembered.
    /// - Throws: `KubernetesError` with a `NotFound` status when the server does not serve it.
    public func resourceType(apiVersion: String, kind: String) async throws -> ResourceType {
        if let known = discovered.resourceType(apiVersion: apiVersion, kind: kind) { return known }
        let missing = Status(
            code: 404, reason: "NotFound",
            message: "the cluster serves no kind '\(kind)' of \(apiVersion): install it first, or correct apiVersion and kind")
        let found: ResourceType?
        do {
            found = try await send(.discovery(apiVersion: apiVersion), as: APIResourceList.self).resourceType(kind: kind)
        } catch let error as KubernetesError where error.isNotFound {
            found = nil
        }
        guard let found else { throw KubernetesError(.api(missing), missing.description) }
        discovered.add(found, apiVersion: apiVersion)
        return found
    }

    /// The server's version, as `v1.31.2`.
    public func serverVersion() async throws -> String {
        struct Version: Decodable {
            var gitVersion: String
        }
        return try await send(.version, as: Version.self).gitVersion
    }
}
