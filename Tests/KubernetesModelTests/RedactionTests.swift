import Foundation
import KubernetesModel
import Testing

/// Whatever way a value is printed, secrets are not part of it.
@Suite struct RedactionTests {
    private func printed(_ value: Any) -> String {
        var dumped = ""
        dump(value, to: &dumped)
        return "\(value) \(String(reflecting: value)) \(dumped)"
    }

    @Test func requestsShowNeitherHeadersNorBodies() {
        let requests = [
            APIRequest.tokenReview(token: "s3cret", audiences: ["seaway"]),
            .serviceProxy(method: "GET", namespace: "n", service: "s", path: "/", headers: [QueryItem("X-Seaway-Token", "s3cret")]),
            .create(.secrets, object: ["stringData": ["password": "s3cret"]], namespace: "n"),
        ]
        for request in requests { #expect(!printed(request).contains("s3cret")) }
        #expect(!printed(requests).contains("s3cret"))
    }

    @Test func secretsShowTheirKeys() {
        let secret = Secret(metadata: ObjectMeta(name: "a", namespace: "n"), data: ["password": Data("s3cret".utf8)])
        #expect(!printed(secret).contains("s3cret"))
        #expect(!printed(secret).contains(Data("s3cret".utf8).base64EncodedString()))
        #expect("\(secret)" == #"Secret n/a with keys ["password"]"#)
    }

    @Test func mintedTokensAreNotShown() {
        let answer = TokenRequest(status: .init(token: "s3cret", expirationTimestamp: Timestamp(Date(timeIntervalSince1970: 0))))
        #expect(!printed(answer).contains("s3cret"))
    }

    @Test func decodingErrorsDoNotQuoteTheValue() throws {
        struct Holder: Decodable { var password: Int }
        let error = #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(Holder.self, from: Data(#"{"password":"s3cret"}"#.utf8))
        }
        #expect(describeDecodingError(try #require(error)) == "password is no Int")
    }
}
