import Foundation
import Fuzzing
import NIOHTTP1
import ScriptedServer
import Synchronization
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
            if case .bearer(let realm, _)? = AuthenticationChallenge(text) {
                #expect(realm.utf8.count <= text.utf8.count)
                read += 1
            }
        }
        #expect(read > 1_000)
    }

    /// Lists of tags, errors and tokens, as a registry sends them.
    @Test(.timeLimit(.minutes(60))) func answersAreRefusedOrRead() async throws {
        let corpus = [
            (200, #"{"name":"a/b","tags":["1","2","\u00fc"]}"#), (200, #"{"name":"a/b","tags":null}"#),
            (403, #"{"errors":[{"code":"DENIED","message":"no","detail":{"a":[1,2]}}]}"#), (500, "<html>"),
        ]
        let mutator = Mutex(ByteMutator(seed: 0x5EA_33, tokens: ["{", "}", "\"", "[[[[[[", "]", ":", "\\u", "\\ud800", "null", "1e999", "tags"]))
        let server = try await ScriptedServer { request, number in
            let bytes = { (text: String) in String(decoding: mutator.withLock { $0.damage(text.utf8) }, as: UTF8.self) }
            if request.target.hasPrefix("/token") { return .init(200, [], bytes(#"{"token":"t","expires_in":300}"#)) }
            guard number % 5 > 0 || request.headers.contains(name: "Authorization") else {
                let host = request.headers.first(name: "Host") ?? ""
                return .init(401, [("WWW-Authenticate", #"Bearer realm="http://\#(host)/token",service="s""#)])
            }
            let (status, body) = corpus[number % corpus.count]
            return .init(status, [], bytes(body))
        }
        var read = 0
        var refused = 0
        try await withRegistryClient("127.0.0.1:\(server.port)", login: ("kim", "s3cret")) { client in
            for _ in 0..<ByteMutator.rounds(1_000) {
                do {
                    _ = try await client.tags(repository: "a/b")
                    read += 1
                } catch let error as RegistryError {
                    #expect(!error.message.contains("s3cret") && error.message.count < 500)
                    refused += 1
                }
            }
        }
        try await server.shutdown()
        #expect(read > 20 && refused > 100, "both sides are met: \(read), \(refused)")
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
