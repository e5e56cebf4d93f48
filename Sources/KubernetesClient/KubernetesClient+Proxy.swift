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
        if let refusal = answer.refusalOfAPIServer {
            throw Explanation(configuration: configuration).error(refusal, of: request)
        }
        return answer
    }

    static var proxyBodyLimit: Int { 16 << 20 }
}
