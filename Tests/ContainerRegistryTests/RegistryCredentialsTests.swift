import Foundation
import Testing

@testable import ContainerRegistry

@Suite struct RegistryCredentialsTests {
    private func credentials(_ text: String) throws -> RegistryCredentials { try RegistryCredentials(configuration: Array(text.utf8)) }

    @Test func loginsAreFoundByHost() throws {
        let auth = Data("me:pass:word".utf8).base64EncodedString()
        let credentials = try credentials(
            """
            {"auths": {"https://index.example/v1/": {"auth": "\(auth)"}, "registry.example:5000": {"username": "you", "password": "hidden"},
             "token.example": {"identitytoken": "hidden"}, "empty.example": {}}, "credsStore": ""}
            """)
        #expect(credentials.login(for: "index.example") == .init(user: "me", password: "pass:word"))
        #expect(credentials.login(for: "REGISTRY.example:5000") == .init(user: "you", password: "hidden"))
        #expect(credentials.login(for: "registry.example") == nil)
        #expect(credentials.login(for: "token.example")?.identityToken == "hidden")
        #expect(credentials.login(for: "empty.example") == nil)
        var dumped = ""
        dump(credentials, to: &dumped)
        for text in ["\(credentials)", String(reflecting: credentials), dumped] { #expect(!text.contains("hidden")) }
    }

    @Test(arguments: [
        ("{", "docker login"), (#"{"auths": {"a.example": {"auth": "%%%"}}}"#, "a.example"),
        (#"{"auths": {"a.example": {"auth": "bm8="}}}"#, "USER:PASSWORD"), (#"{"credsStore": "desktop"}"#, "credsStore"),
        (#"{"credHelpers": {"a.example": "ecr-login"}}"#, "a.example"),
    ])
    func othersAreRefused(_ text: String, _ word: String) {
        #expect { try credentials(text) } throws: { ($0 as? RegistryError)?.message.contains(word) == true }
    }

    @Test func challengesAreRead() {
        #expect(AuthenticationChallenge(#"Basic realm="x""#) == .basic)
        #expect(
            AuthenticationChallenge(#"Bearer realm="https://a.example/token?x=1,2",service="s \"q\"", scope="repository:a/b:pull,push""#)
                == .bearer(realm: "https://a.example/token?x=1,2", service: "s \"q\""))
        #expect(AuthenticationChallenge("Bearer service=x") == nil)
        #expect(AuthenticationChallenge("Negotiate") == nil)
        #expect(AuthenticationChallenge.best(of: ["Negotiate", "Basic", "Bearer realm=r"]) == .bearer(realm: "r", service: nil))
    }
}
