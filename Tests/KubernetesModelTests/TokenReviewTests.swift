import KubernetesModel
import Testing

@Suite struct TokenReviewTests {
    private func review(
        authenticated: Bool? = true, username: String? = "system:serviceaccount:dev:default", audiences: [String]? = ["seaway"], error: String? = nil
    ) -> TokenReviewResult {
        let user = TokenReview.User(username: username, groups: ["g"])
        return TokenReview(status: .init(authenticated: authenticated, user: user, audiences: audiences, error: error)).result(audience: "seaway")
    }

    @Test func aServiceAccountHasANamespace() {
        #expect(
            review() == .authenticated(username: "system:serviceaccount:dev:default", groups: ["g"], namespace: "dev", serviceAccount: "default"))
    }

    @Test(arguments: ["kim", "system:serviceaccount:dev", "system:serviceaccount::default", "system:serviceaccount:a:b:c", "system:node:dev:default"])
    func othersHaveNone(username: String) {
        #expect(review(username: username) == .authenticated(username: username, groups: ["g"], namespace: nil, serviceAccount: nil))
    }

    @Test func everythingElseIsRefused() {
        #expect(review(authenticated: false, error: "expired") == .refused(reason: "expired"))
        #expect(review(authenticated: nil) == .refused(reason: "the token is not valid"))
        #expect(review(audiences: ["other"]) == .refused(reason: "the token is not meant for 'seaway'"))
        // A server that does not know audiences says none.
        #expect(review(audiences: nil) == .refused(reason: "the token is not meant for 'seaway'"))
        #expect(review(username: nil) == .refused(reason: "the token names no user"))
        #expect(TokenReview().result(audience: "seaway") == .refused(reason: "the token is not valid"))
    }
}
