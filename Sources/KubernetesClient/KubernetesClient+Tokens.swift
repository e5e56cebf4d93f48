import KubernetesModel

extension KubernetesClient {
    /// Mints a token of a ServiceAccount for one audience.
    /// - Parameter expiration: at least ten minutes; the server may choose otherwise, see what is returned.
    public func token(
        serviceAccount: String, namespace: String, audience: String, expiration: Duration
    ) async throws -> (token: String, expires: Timestamp) {
        let request = APIRequest.tokenRequest(
            serviceAccount: serviceAccount, namespace: namespace, audiences: [audience],
            expirationSeconds: Int(expiration.components.seconds))
        guard let status = try await send(request, as: TokenRequest.self).status else {
            throw KubernetesError(.invalidResponse, "\(request): the answer has no token")
        }
        return (status.token, status.expirationTimestamp)
    }

    /// Asks the API server whose token this is. A token that is not meant for `audience` is refused.
    public func reviewToken(_ token: String, audience: String) async throws -> TokenReviewResult {
        try await send(.tokenReview(token: token, audiences: [audience]), as: TokenReview.self).result(audience: audience)
    }
}
