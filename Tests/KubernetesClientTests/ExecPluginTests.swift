import Foundation
import Testing

@testable import KubernetesClient

/// Plugins are small shell scripts here; `run` is what a client calls.
@Suite(.timeLimit(.minutes(10))) struct ExecPluginTests {
    private let cluster = ClusterConfiguration(server: "https://one.test", certificateAuthority: Data("authority".utf8), tlsServerName: "kubernetes")

    private func plugin(_ path: String, clusterInfo: Bool = false, hint: String? = nil) -> ExecPlugin {
        ExecPlugin(
            apiVersion: "client.authentication.k8s.io/v1", command: path, arguments: ["one", "two"], environment: ["EXTRA": Sensitive("more")],
            installHint: hint, providesClusterInfo: clusterInfo, interactiveMode: .never)
    }

    private func run(_ script: String, clusterInfo: Bool = false, hint: String? = nil) async throws -> RefreshingValue<Authorization>.Loaded {
        try await withTemporaryDirectory { directory in
            try write("#!/bin/sh\n" + script, to: "\(directory)/login", executable: true)
            return try await plugin("\(directory)/login", clusterInfo: clusterInfo, hint: hint).run(for: cluster)
        }
    }

    private func complaint(_ script: String, hint: String? = nil) async throws -> String {
        let error = await #expect(throws: KubernetesError.self) { try await run(script, hint: hint) }
        #expect(error?.code == .credentials)
        return try #require(error).message
    }

    private func credential(_ status: String) -> String {
        #"echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":\#(status)}'"#
    }

    @Test func aTokenWithItsExpiry() async throws {
        let loaded = try await run(
            #"""
            test "$1 $2 $EXTRA" = "one two more" || exit 9
            echo chatter >&2
            """# + "\n" + credential(#"{"token":"t0ken","expirationTimestamp":"2030-01-02T03:04:05Z"}"#))
        #expect(loaded.value == Authorization(header: Sensitive("Bearer t0ken")))
        #expect(loaded.expires == Date(timeIntervalSince1970: 1_893_553_445))
    }

    @Test func aClientCertificate() async throws {
        let loaded = try await run(credential(#"{"clientCertificateData":"C","clientKeyData":"K"}"#))
        #expect(loaded.value.clientCertificate == .init(chain: Data("C".utf8), privateKey: Sensitive(Data("K".utf8))))
        #expect(loaded.expires == nil)
    }

    @Test func thePluginIsToldItsCluster() async throws {
        // Prints what it was told as its token.
        let script = #"""
            info=$(printf '%s' "$KUBERNETES_EXEC_INFO" | base64 | tr -d '\n')
            echo "{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"$info\"}}"
            """#
        let header = try #require(try await run(script, clusterInfo: true).value.header).exposed
        let info = try #require(Data(base64Encoded: String(header.dropFirst("Bearer ".count))))
        #expect(
            String(decoding: info, as: UTF8.self)
                == #"{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","spec":{"cluster":{"certificate-authority-data":"YXV0aG9yaXR5","server":"https://one.test","tls-server-name":"kubernetes"},"interactive":false}}"#
        )
    }

    @Test func failuresSayWhatThePluginSaidLast() async throws {
        #expect(try await complaint("echo first >&2; echo 'log in first' >&2; exit 3").hasSuffix("ended with exit code 3: log in first"))
        #expect(try await complaint("exit 1", hint: "Get it from us\n").hasSuffix("ended with exit code 1. Get it from us"))
        #expect(try await complaint("kill -9 $$").contains("signal 9"))
    }

    @Test func outputThatIsNoCredentialIsNotQuoted() async throws {
        for script in [
            "echo s3cret", #"echo '{"kind":"s3cret"}'"#, credential(#"{"token":5,"x":"s3cret"}"#), credential("{}"),
            credential(#"{"clientKeyData":"s3cret"}"#), #"echo '{"apiVersion":"v0","kind":"ExecCredential","status":{"token":"s3cret"}}'"#,
        ] {
            #expect(try await !complaint(script).contains("s3cret"))
        }
    }

    @Test func aMissingProgramComesWithItsHint() async throws {
        let error = await #expect(throws: KubernetesError.self) {
            try await plugin("no-such-program-here", hint: "Install the login tool").run(for: cluster)
        }
        let message = try #require(error).message
        #expect(message.hasPrefix("the credential plugin 'no-such-program-here' cannot be run"))
        #expect(message.hasSuffix("Install the login tool"))
    }

    @Test func aCredentialIsUsedUntilItExpires() async throws {
        try await withTemporaryDirectory { directory in
            try write(
                "#!/bin/sh\necho x >> \(directory)/runs\n" + credential(#"{"token":"t","expirationTimestamp":"2030-01-01T00:00:00Z"}"#),
                to: "\(directory)/login", executable: true)
            var configuration = cluster
            configuration.credentials.bearer = .exec(plugin("\(directory)/login"))
            let clock = TestTime(Date(timeIntervalSince1970: 1_800_000_000))
            let source = CredentialSource(configuration, now: { clock.now })
            func runs() throws -> Int { try String(contentsOfFile: "\(directory)/runs", encoding: .utf8).count / 2 }

            for _ in 0..<3 { _ = try await source.authorization() }
            #expect(try runs() == 1)
            clock.now = Date(timeIntervalSince1970: 1_900_000_000)
            let generation = try #require(try await source.authorization().generation)
            #expect(try runs() == 2)
            clock.now = Date(timeIntervalSince1970: 1_800_000_000)
            _ = try await source.authorization()
            #expect(try runs() == 2)
            source.invalidate(generation: generation)
            _ = try await source.authorization()
            #expect(try runs() == 3)
        }
    }
}
