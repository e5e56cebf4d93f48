import Foundation
import Testing

@testable import KubernetesClient

@Suite struct KubeconfigTests {
    static let good = """
        apiVersion: v1
        kind: Config
        current-context: dev
        contexts:
          - {name: dev, context: {cluster: one, user: kim, namespace: web}}
          - {name: prod, context: {cluster: two, user: ops}}
        clusters:
          - name: one
            cluster: {server: "https://one.test:6443/", certificate-authority: ca.crt, tls-server-name: kubernetes}
          - name: two
            cluster: {server: "https://two.test", insecure-skip-tls-verify: true, proxy-url: "http://proxy.test:3128"}
        users:
          - {name: kim, user: {client-certificate: pki/kim.crt, client-key-data: a2V5}}
          - {name: ops, user: {token: t0ken, as: root, as-groups: [admins]}}
        """

    private func load(_ text: String, context: String? = nil) async throws -> ClusterConfiguration {
        try await withTemporaryDirectory { directory in
            try FileManager.default.createDirectory(atPath: "\(directory)/pki", withIntermediateDirectories: true)
            try write("authority", to: "\(directory)/ca.crt")
            try write("certificate", to: "\(directory)/pki/kim.crt")
            try write(text, to: "\(directory)/config")
            return try ClusterConfiguration.load(kubeconfig: "\(directory)/config", context: context, environment: [:], home: "/nowhere")
        }
    }

    /// The message of the error for a file, with its directory taken away.
    private func complaint(_ text: String, context: String? = nil) async throws -> String {
        let error = await #expect(throws: KubernetesError.self) { try await load(text, context: context) }
        let message = try #require(error).message
        #expect(error?.code == .configuration)
        return message.replacing(/[^ ']*\/seaway-test-[^\/]*\//, with: "")
    }

    @Test func theCurrentContextWithFilesBesideTheKubeconfig() async throws {
        let configuration = try await load(Self.good)
        #expect(configuration.server == "https://one.test:6443")
        #expect(configuration.namespace == "web")
        #expect(configuration.contextName == "dev")
        #expect(configuration.certificateAuthority == Data("authority".utf8))
        #expect(configuration.tlsServerName == "kubernetes")
        #expect(configuration.credentials.clientCertificate?.chain == Data("certificate".utf8))
        #expect(configuration.credentials.clientCertificate?.privateKey.exposed == Data("key".utf8))
        #expect(configuration.credentials.bearer == .none)
    }

    @Test func aNamedContext() async throws {
        let configuration = try await load(Self.good, context: "prod")
        #expect(configuration.skipsTLSVerification)
        #expect(configuration.proxyURL == "http://proxy.test:3128")
        #expect(configuration.namespace == "default")
        #expect(configuration.credentials.bearer == .token(Sensitive("t0ken")))
        #expect(configuration.credentials.impersonation == .init(user: "root", groups: ["admins"]))
    }

    @Test func anExecPlugin() async throws {
        let text = Self.good.replacing(
            "user: {token: t0ken, as: root, as-groups: [admins]}",
            with: """
                user: {exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: ./bin/login, args: [a, b],
                  env: [{name: A, value: b}], provideClusterInfo: true, interactiveMode: Never, installHint: get it}}
                """)
        guard case .exec(let plugin) = try await load(text, context: "prod").credentials.bearer else {
            Issue.record("no exec plugin")
            return
        }
        #expect(plugin.command.hasSuffix("/./bin/login") && plugin.command.hasPrefix("/"))
        #expect(plugin.arguments == ["a", "b"])
        #expect(plugin.environment["A"]?.exposed == "b")
        #expect(plugin.providesClusterInfo && plugin.interactiveMode == .never)
    }

    @Test func whatIsMissingIsNamed() async throws {
        #expect(try await complaint(Self.good, context: "test") == "config has no context 'test'; it has: dev, prod")
        #expect(
            try await complaint(Self.good.replacing("current-context: dev", with: ""))
                == "config has no current-context; name one of its contexts: dev, prod")
        #expect(
            try await complaint(Self.good.replacing("cluster: one,", with: "cluster: none,"))
                == "config: context 'dev' names cluster 'none', which is not there; there is: one, two")
        #expect(
            try await complaint(Self.good.replacing("user: kim,", with: "user: nobody,"))
                == "config: context 'dev' names user 'nobody', which is not there; there is: kim, ops")
        #expect(
            try await complaint(Self.good.replacing("certificate-authority: ca.crt", with: "certificate-authority: no.crt"))
                == "config: certificate-authority of cluster 'one' names no.crt, which cannot be read")
        #expect(
            try await complaint(Self.good.replacing(", client-key-data: a2V5", with: ""))
                == "config: user 'kim' has a client-certificate without a client-key")
        #expect(try await complaint("") == "config has no current-context; name one of its contexts: none")
    }

    @Test func whatIsWrongIsNamed() async throws {
        #expect(
            try await complaint(Self.good.replacing("contexts:\n", with: "contexts: [\n")).hasPrefix("the kubeconfig config is not valid: line "))
        #expect(
            try await complaint(Self.good.replacing("client-key-data: a2V5", with: "client-key-data: '%%%'"))
                == "config: client-key-data of user 'kim' is no base64")
        #expect(
            try await complaint(Self.good.replacing("users:\n", with: "users: 5\nothers:\n")).hasPrefix(
                "the kubeconfig config is not valid: users"))
        #expect(
            try await complaint(Self.good.replacing("token: t0ken", with: "auth-provider: {name: gcp}"), context: "prod").contains("exec plugin"))
        #expect(
            try await complaint(
                Self.good.replacing("token: t0ken", with: "exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: x}"),
                context: "prod"
            ).contains("update the plugin"))
    }

    @Test func filesOfTheVariableAreMerged() async throws {
        try await withTemporaryDirectory { directory in
            try FileManager.default.createDirectory(atPath: "\(directory)/b", withIntermediateDirectories: true)
            try write("contexts: [{name: a, context: {cluster: c, user: u}}]\ncurrent-context: a", to: "\(directory)/a")
            try write(
                """
                current-context: b
                contexts: [{name: a, context: {cluster: other}}, {name: b, context: {cluster: c}}]
                clusters: [{name: c, cluster: {server: "https://c", certificate-authority: ca.crt}}]
                users: [{name: u, user: {token: t}}]
                """, to: "\(directory)/b/config")
            try write("authority", to: "\(directory)/b/ca.crt")
            let variable = "\(directory)/missing:\(directory)/a:\(directory)/b/config"
            let configuration = try ClusterConfiguration.load(
                kubeconfig: nil, context: nil, environment: ["KUBECONFIG": variable], home: directory)
            #expect(configuration.contextName == "a")
            #expect(configuration.server == "https://c")
            #expect(configuration.certificateAuthority == Data("authority".utf8))
            #expect(configuration.credentials.bearer == .token(Sensitive("t")))
        }
    }

    @Test func noKubeconfigAtAll() async throws {
        try await withTemporaryDirectory { directory in
            func complaint(_ kubeconfig: String?, _ environment: [String: String]) throws -> String {
                let error = #expect(throws: KubernetesError.self) {
                    try ClusterConfiguration.load(kubeconfig: kubeconfig, context: nil, environment: environment, home: directory)
                }
                return try #require(error).message
            }
            #expect(try complaint(nil, [:]).contains("\(directory)/.kube/config does not exist and $KUBECONFIG is not set"))
            #expect(try complaint(nil, ["KUBECONFIG": "/no/a:/no/b"]) == "none of the files in $KUBECONFIG exists: /no/a, /no/b")
            #expect(try complaint("/no/a", ["KUBECONFIG": "/no/b"]).contains("the kubeconfig /no/a cannot be read"))

            try FileManager.default.createDirectory(atPath: "\(directory)/.kube", withIntermediateDirectories: true)
            try write(Self.good, to: "\(directory)/.kube/config")
            let configuration = try ClusterConfiguration.load(kubeconfig: nil, context: "prod", environment: [:], home: directory)
            #expect(configuration.contextName == "prod")
        }
    }

    @Test func insideAPod() async throws {
        try await withTemporaryDirectory { directory in
            let environment = ["KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"]
            #expect(throws: KubernetesError.self) { try ClusterConfiguration.inCluster(environment: [:], directory: directory) }
            #expect(throws: KubernetesError.self) { try ClusterConfiguration.inCluster(environment: environment, directory: directory) }
            for (name, text) in [("token", "t"), ("ca.crt", "authority"), ("namespace", "seaway-system\n")] {
                try write(text, to: "\(directory)/\(name)")
            }
            let configuration = try ClusterConfiguration.inCluster(environment: environment, directory: directory)
            #expect(configuration.server == "https://[fd00::1]:443")
            #expect(configuration.namespace == "seaway-system")
            #expect(configuration.credentials.bearer == .tokenFile("\(directory)/token"))
        }
    }
}
