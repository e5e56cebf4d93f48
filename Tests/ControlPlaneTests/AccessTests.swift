import Foundation
import KubernetesClient
import KubernetesModel
import Testing

@Suite(.enabled(if: ControlPlane.isWanted), .timeLimit(.minutes(10))) struct AccessTests {
    /// A token that the API server itself accepts, of the namespace's default ServiceAccount.
    private func serviceAccountToken(_ client: KubernetesClient, _ namespace: String) async throws -> String {
        try await ControlPlane.wait(client, ServiceAccount.self, "default", namespace: namespace) { $0 != nil }
        let request = APIRequest.tokenRequest(serviceAccount: "default", namespace: namespace, audiences: [], expirationSeconds: 600)
        return try #require(try await client.send(request, as: TokenRequest.self).status).token
    }

    private func configuration(token: String) throws -> ClusterConfiguration {
        var configuration = try ControlPlane.configuration()
        configuration.credentials = Credentials(bearer: .token(Sensitive(token)))
        return configuration
    }

    /// The server answers by the head alone, and gives the rest of the request up.
    @Test func aRefusalBeforeTheBodyWasReadIsAnError() async throws {
        let configuration = try configuration(token: "forged")
        try await ControlPlane.withClient(configuration) { client in
            let large: JSONValue = [
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "large", "namespace": "default"],
                "data": ["text": .string(String(repeating: "x", count: 200_000))],
            ]
            try await withThrowingTaskGroup(of: Int?.self) { group in
                for _ in 1...200 {
                    group.addTask {
                        do {
                            _ = try await client.create(large)
                            return nil
                        } catch let error as KubernetesError {
                            return error.status?.code
                        }
                    }
                }
                for try await code in group { #expect(code == 401) }
            }
        }
    }

    @Test func tokensAreGoodForTheirAudienceAlone() async throws {
        try await ControlPlane.withNamespace { client, namespace in
            try await ControlPlane.wait(client, ServiceAccount.self, "default", namespace: namespace) { $0 != nil }
            let (token, expires) = try await client.token(
                serviceAccount: "default", namespace: namespace, audience: "seaway", expiration: .seconds(600))
            #expect(expires.date > Date())
            let review = try await client.reviewToken(token, audience: "seaway")
            guard case .authenticated(let username, let groups, let tokenNamespace, let account) = review else {
                Issue.record("the token is refused")
                return
            }
            #expect(username == "system:serviceaccount:\(namespace):default")
            #expect(groups.contains("system:serviceaccounts:\(namespace)"))
            #expect(tokenNamespace == namespace && account == "default")

            for (token, audience) in [(token, "other"), (token + "x", "seaway"), ("nonsense", "seaway")] {
                guard case .refused = try await client.reviewToken(token, audience: audience) else {
                    Issue.record("accepted for \(audience)")
                    return
                }
            }
            // Nor does it open the API server.
            try await ControlPlane.withClient(configuration(token: token)) { stranger in
                let error = await #expect(throws: KubernetesError.self) { try await stranger.list(Pod.self, namespace: namespace) }
                #expect(error?.isUnauthorized == true)
                #expect(error?.message.contains(token) == false)
            }
        }
    }

    @Test func forbiddenIsTyped() async throws {
        try await ControlPlane.withNamespace { client, namespace in
            let token = try await serviceAccountToken(client, namespace)
            try await ControlPlane.withClient(configuration(token: token)) { guest in
                let error = await #expect(throws: KubernetesError.self) { try await guest.list(Secret.self, namespace: "kube-system") }
                #expect(error?.isForbidden == true && error?.isUnauthorized == false)
                #expect(error?.message.contains("system:serviceaccount:\(namespace):default") == true)
                #expect(error?.message.contains("Ask whoever runs the cluster") == true)
                let request = APIRequest.selfSubjectAccessReview(verb: "list", .secrets, namespace: "kube-system")
                let review = try await guest.send(request, as: AccessReview.self)
                #expect(!review.isAllowed)
            }
            let request = APIRequest.selfSubjectAccessReview(verb: "list", .secrets, namespace: "kube-system")
            #expect(try await client.send(request, as: AccessReview.self).isAllowed)
        }
    }

    @Test func aTokenOfAPluginAndOfAFile() async throws {
        try await ControlPlane.withNamespace { client, namespace in
            let token = try await serviceAccountToken(client, namespace)
            let directory = FileManager.default.temporaryDirectory.appending(path: "seaway-\(namespace)").path
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: directory) }
            try token.write(toFile: "\(directory)/token", atomically: true, encoding: .utf8)
            let script = """
                #!/bin/sh
                printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"%s"}}' "$(cat \(directory)/token)"
                """
            try script.write(toFile: "\(directory)/login", atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: "\(directory)/login")

            let bearers: [Credentials.Bearer] = [
                .tokenFile("\(directory)/token"),
                .exec(ExecPlugin(apiVersion: "client.authentication.k8s.io/v1", command: "\(directory)/login", interactiveMode: .never)),
            ]
            for bearer in bearers {
                var configuration = try ControlPlane.configuration()
                configuration.credentials = Credentials(bearer: bearer)
                try await ControlPlane.withClient(configuration) { guest in
                    let error = await #expect(throws: KubernetesError.self) { try await guest.list(Secret.self, namespace: "kube-system") }
                    #expect(error?.message.contains("system:serviceaccount:\(namespace):default") == true)
                }
            }
        }
    }

    /// As in a pod, where the kubelet writes a new token into the file: the old one is of an account that is gone.
    @Test func aTokenThatWasReplacedInItsFileIsReadAgain() async throws {
        try await ControlPlane.withNamespace { client, namespace in
            func token(_ account: String) async throws -> String {
                _ = try await client.create([
                    "apiVersion": "v1", "kind": "ServiceAccount", "metadata": ["name": .string(account), "namespace": .string(namespace)],
                ])
                let request = APIRequest.tokenRequest(serviceAccount: account, namespace: namespace, audiences: [], expirationSeconds: 600)
                return try #require(try await client.send(request, as: TokenRequest.self).status).token
            }
            let file = FileManager.default.temporaryDirectory.appending(path: "seaway-\(namespace).token")
            defer { try? FileManager.default.removeItem(at: file) }
            try await token("first").write(to: file, atomically: true, encoding: .utf8)
            var configuration = try ControlPlane.configuration()
            configuration.credentials = Credentials(bearer: .tokenFile(file.path))
            try await ControlPlane.withClient(configuration) { pod in
                /// Who the API server takes the client for: nobody when it does not accept its token.
                func user() async throws -> String? {
                    let error = await #expect(throws: KubernetesError.self) { try await pod.list(Secret.self, namespace: "kube-system") }
                    guard error?.isForbidden == true else { return nil }
                    return ["first", "second"].first { error?.message.contains("system:serviceaccount:\(namespace):\($0)\"") == true }
                }
                #expect(try await user() == "first")
                try await token("second").write(to: file, atomically: true, encoding: .utf8)
                try await client.delete(.serviceAccounts, name: "first", namespace: namespace)
                // The API server remembers for seconds that it accepted a token; a client believes its file for a minute.
                let deadline = ContinuousClock.now + .seconds(50)
                var seen: [String?] = []
                while seen.last != "second", ContinuousClock.now < deadline {
                    seen.append(try await user())
                    try await Task.sleep(for: .milliseconds(200))
                }
                #expect(seen.last == "second")
                #expect(!seen.contains(nil), "no request fails meanwhile")
            }
        }
    }

    @Test func impersonation() async throws {
        var configuration = try ControlPlane.configuration()
        configuration.credentials.impersonation = .init(user: "kim", groups: ["designers"])
        try await ControlPlane.withClient(configuration) { kim in
            let error = await #expect(throws: KubernetesError.self) { try await kim.list(Secret.self, namespace: "kube-system") }
            #expect(error?.message.contains(#"User "kim""#) == true)
        }
    }
}
