import KubernetesModel

extension KubernetesClient {
    /// Sends a request to a service through the API server (`APIRequest.serviceProxy`).
    ///
    /// Put credentials for the service in a header of its own: the API server keeps `Authorization` to itself.
    /// - Returns: what the service answered, whatever its status.
    /// - Throws: `KubernetesError` when the API server could not or would not pass the request on.
    public func proxy(_ request: APIRequest) async throws -> ProxyResponse {
        guard request.body.map({ $0.count <= Self.proxyBodyLimit }) ?? true else {
            throw KubernetesError(
                .invalidRequest, "\(request): the body is larger than \(Self.proxyBodyLimit >> 20) MiB; send it in pieces")
        }
        let answer = try await exchange(request, lane: .proxy)
        guard let refusal = answer.refusalOfAPIServer else { return answer }
        guard refusal.isUnauthorized, credentials.canChange else { throw explained(refusal, request) }
        credentials.invalidate()
        let second = try await exchange(request, lane: .proxy)
        if let refusal = second.refusalOfAPIServer { throw explained(refusal, request) }
        return second
    }

    private func explained(_ refusal: Status, _ request: APIRequest) -> KubernetesError {
        Explanation(configuration: configuration).error(refusal, of: request)
    }

    static var proxyBodyLimit: Int { 16 << 20 }
}
