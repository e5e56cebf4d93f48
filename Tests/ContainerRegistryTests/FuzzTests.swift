import Foundation
import Fuzzing
import Testing

@testable import ContainerRegistry

/// What registries and configuration files say, damaged at random: refused with an error of ours, or read.
@Suite struct FuzzTests {
    @Test func challengesAreRefusedOrRead() {
        let challenge = #"Bearer realm="https://auth.test/token?a=\"b\"",service="registry",scope="repository:a/b:pull,push""#
        var mutator = ByteMutator(seed: 0x5EA_31, tokens: ["\"", "\\", "=", ",", "realm=", "Basic ", " "])
        var read = 0
        for _ in 0..<ByteMutator.rounds(5_000) {
            let text = String(decoding: mutator.damage(challenge.utf8), as: UTF8.self)
            if case .bearer(let realm, _, _)? = AuthenticationChallenge(text) {
                #expect(realm.utf8.count <= text.utf8.count)
                read += 1
            }
        }
        #expect(read > 1_000)
    }

    @Test func credentialsAreRefusedOrRead() {
        let auth = Data("kim:s3cret".utf8).base64EncodedString()
        let file = #"{"auths":{"registry.test:5000":{"auth":"\#(auth)"},"https://other.test/v1/":{"username":"u","password":"p"}},"credHelpers":{}}"#
        var mutator = ByteMutator(seed: 0x5EA_32, tokens: ["{", "}", "\"", ":", "=", "\\u0000", "[", "null", "/"])
        var read = 0
        var refused = 0
        for _ in 0..<ByteMutator.rounds(5_000) {
            do {
                let credentials = try RegistryCredentials(configuration: mutator.damage(file.utf8))
                #expect(!"\(credentials)".contains("s3cret"))
                read += 1
            } catch {
                #expect(!error.message.contains("s3cret"))
                refused += 1
            }
        }
        #expect(read > 100 && refused > 1_000, "both sides are met: \(read), \(refused)")
    }
}
