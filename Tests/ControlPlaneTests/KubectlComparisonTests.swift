import Foundation
import KubernetesModel
import Subprocess
import Testing

@testable import KubernetesClient

/// The same kubeconfigs, good and bad, read by kubectl and by us: both get in or both don't, as the same user in the same namespace.
///
/// Who was seen is what the API server itself says when it refuses that user.
@Suite(.enabled(if: ControlPlane.isWanted), .timeLimit(.minutes(10))) struct KubectlComparisonTests {
    private struct Case {
        var name: String
        /// File → content; `config` alone unless `variable` names others.
        var files: [String: String]
        var variable = "$DIR/config"
        /// Beside KUBECONFIG.
        var environment: [String: String] = [:]
        var expected: String
        /// Where we differ from kubectl, and know it.
        var ours: String?

        func butOurs(_ ours: String) -> Case {
            var copy = self
            copy.ours = ours
            return copy
        }

        init(_ name: String, _ expected: String, variable: String = "$DIR/config", _ files: [String: String]) {
            self.name = name
            self.expected = expected
            self.variable = variable
            self.files = files
        }

        init(
            _ name: String, _ expected: String, cluster: String = #"server: "$SERVER", certificate-authority: ca.crt"#, user: String,
            context: String = "", environment: [String: String] = [:]
        ) {
            self.init(name, expected, ["config": KubectlComparisonTests.config(cluster: cluster, user: user, context: context)])
            self.environment = environment
        }
    }

    private static func config(cluster: String, user: String, context: String = "") -> String {
        """
        apiVersion: v1
        kind: Config
        current-context: c
        contexts: [{name: c, context: {cluster: k, user: u\(context)}}]
        clusters: [{name: k, cluster: {\(cluster)}}]
        users: [{name: u, user: {\(user)}}]
        """
    }

    private static let admin = "client-certificate: admin.crt, client-key: admin.key"
    private static let kim = admin + ", as: kim"
    private static let account = "system:serviceaccount:$NS:default in default"
    private static let good = #"server: "$SERVER", certificate-authority: ca.crt"#
    /// A name that only the proxy finds.
    private static let far = #"server: "https://kubernetes:$PORT", certificate-authority: ca.crt"#
    private static let plugin = "apiVersion: client.authentication.k8s.io/v1beta1, command: "

    private static let cases: [Case] = [
        Case("certificate files", "allowed", user: admin),
        Case("certificate data", "allowed", user: "client-certificate-data: $CERT, client-key-data: $KEY"),
        Case("authority data", "allowed", cluster: #"server: "$SERVER", certificate-authority-data: $AUTHORITY"#, user: admin),
        Case("impersonation", "kim in default", user: kim),
        Case("impersonation with groups", "allowed", user: kim + #", as-groups: ["system:masters"]"#),
        Case("impersonation with extra", "kim in default", user: kim + ", as-user-extra: {scopes: [a, b], a/b: [c]}"),
        Case("groups without a user", "failed", user: admin + ", as-groups: [x]"),
        Case("namespace", "kim in web", user: kim, context: ", namespace: web"),
        Case("token", account, user: "token: $TOKEN"),
        Case("wrong token", "failed", user: "token: nonsense"),
        Case("token file", account, user: "tokenFile: token"),
        Case("token file over token", account, user: "tokenFile: token, token: nonsense"),
        Case("missing token file", "failed", user: "tokenFile: none"),
        Case("missing token file with a token", account, user: "tokenFile: none, token: $TOKEN"),
        Case("token and password", "failed", user: "token: $TOKEN, username: a, password: b"),
        Case("wrong password", "system:anonymous in default", user: "username: a, password: b"),
        Case("plugin beside the file", account, user: "exec: {\(plugin)./login}"),
        Case("plugin with variables", account, user: "exec: {\(plugin)./login-env, env: [{name: T, value: token}]}"),
        Case("plugin that fails", "failed", user: "exec: {\(plugin)./fails}"),
        Case("plugin that is missing", "failed", user: "exec: {\(plugin)no-such-program-here}"),
        Case("plugin with a certificate", "allowed", user: "exec: {\(plugin)./certificate}"),
        Case("plugin without a version", "failed", user: "exec: {command: ./login}"),
        Case("unknown auth-provider", "failed", user: "auth-provider: {name: nothing}"),
        Case("key missing", "failed", user: "client-certificate: admin.crt"),
        Case("certificate file missing", "failed", user: "client-certificate: none.crt, client-key: admin.key"),
        Case("certificate twice", "failed", user: "client-certificate: admin.crt, client-certificate-data: $CERT, client-key: admin.key"),
        Case("tls-server-name", "kim in default", cluster: good + ", tls-server-name: kubernetes", user: kim),
        // swift-nio-ssl is also content with a certificate for the very IP address that it is connected to.
        Case("wrong tls-server-name", "failed", cluster: good + ", tls-server-name: elsewhere.test", user: kim).butOurs("kim in default"),
        Case("insecure", "kim in default", cluster: #"server: "$SERVER", insecure-skip-tls-verify: true"#, user: kim),
        Case("insecure with an authority", "failed", cluster: good + ", insecure-skip-tls-verify: true", user: kim),
        Case("no authority", "failed", cluster: #"server: "$SERVER""#, user: kim),
        Case("authority missing", "failed", cluster: #"server: "$SERVER", certificate-authority: none.crt"#, user: kim),
        Case("authority twice", "failed", cluster: good + ", certificate-authority-data: $AUTHORITY", user: kim),
        Case("no scheme", "failed", cluster: #"server: "$HOST", certificate-authority: ca.crt"#, user: kim),
        Case("slash at the end", "kim in default", cluster: #"server: "$SERVER/", certificate-authority: ca.crt"#, user: kim),
        Case("path", "failed", cluster: #"server: "$SERVER/k8s/clusters/one", certificate-authority: ca.crt"#, user: kim),
        Case("no server", "failed", cluster: "certificate-authority: ca.crt", user: kim),
        Case("proxy", "kim in default", cluster: good + #", proxy-url: "http://127.0.0.1:$PROXY""#, user: kim),
        Case(
            "proxy with tls-server-name", "kim in default", cluster: good + #", tls-server-name: kubernetes, proxy-url: "http://127.0.0.1:$PROXY""#,
            user: kim),
        Case("proxy that is not there", "failed", cluster: good + #", proxy-url: "http://127.0.0.1:1""#, user: kim),
        Case("proxy of the environment", "kim in default", cluster: far, user: kim, environment: ["HTTPS_PROXY": "http://127.0.0.1:$PROXY"]),
        Case(
            "proxy in small letters and without a scheme", "kim in default", cluster: far, user: kim, environment: ["https_proxy": "127.0.0.1:$PROXY"]
        ),
        Case("capitals go first", "failed", cluster: far, user: kim, environment: ["https_proxy": "127.0.0.1:$PROXY", "HTTPS_PROXY": "127.0.0.1:1"]),
        Case("proxy for another scheme", "failed", cluster: far, user: kim, environment: ["HTTP_PROXY": "http://127.0.0.1:$PROXY"]),
        Case(
            "no proxy for this server", "failed", cluster: far, user: kim,
            environment: ["HTTPS_PROXY": "http://127.0.0.1:$PROXY", "NO_PROXY": "other.test, kubernetes:$PORT"]),
        Case(
            "no proxy for others", "kim in default", cluster: far, user: kim,
            environment: ["HTTPS_PROXY": "http://127.0.0.1:$PROXY", "no_proxy": "netes,.kubernetes,kubernetes:1,10.0.0.0/8"]),
        Case("no proxy to this machine", "kim in default", cluster: good, user: kim, environment: ["HTTPS_PROXY": "http://127.0.0.1:1"]),
        Case(
            "the file's proxy goes first", "kim in default", cluster: far + #", proxy-url: "http://127.0.0.1:$PROXY""#, user: kim,
            environment: ["HTTPS_PROXY": "http://127.0.0.1:1", "NO_PROXY": "*"]),
        Case("proxy of an unknown kind", "failed", cluster: good + #", proxy-url: "ftp://127.0.0.1:1""#, user: kim),
        Case("unknown cluster", "failed", ["config": config(cluster: good, user: kim).replacing("cluster: k,", with: "cluster: x,")]),
        Case("unknown user", "failed", ["config": config(cluster: good, user: kim).replacing("user: u}", with: "user: x}")]),
        Case("unknown context", "failed", ["config": config(cluster: good, user: kim).replacing("current-context: c", with: "current-context: x")]),
        Case("no current-context", "failed", ["config": config(cluster: good, user: kim).replacing("current-context: c", with: "")]),
        Case("no YAML", "failed", ["config": "contexts: [\n"]),
        Case("another version", "failed", ["config": config(cluster: good, user: kim).replacing("apiVersion: v1", with: "apiVersion: v7")]),
        Case("empty", "failed", ["config": ""]),
        Case("missing", "failed", variable: "$DIR/none", [:]),
        Case(
            "parts in three files, one missing", "kim in web", variable: "$DIR/none:$DIR/a:$DIR/sub/b",
            [
                "a": "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u, namespace: web}}]",
                "sub/b": """
                current-context: other
                contexts: [{name: c, context: {cluster: x, user: x}}]
                clusters: [{name: k, cluster: {server: "$SERVER", certificate-authority: ../ca.crt}}]
                users: [{name: u, user: {client-certificate: ../admin.crt, client-key: ../admin.key, as: kim}}]
                """,
            ]),
        Case(
            "the first user wins", "kim in default", variable: "$DIR/a:$DIR/b",
            ["a": config(cluster: good, user: kim), "b": config(cluster: #"server: "https://127.0.0.1:1""#, user: admin + ", as: joe")]),
    ]

    /// Writes a case's files.
    /// - Returns: its environment.
    private func prepare(_ directory: String, _ values: [String: String]) -> (Case) throws -> [String: String] {
        { item in
            let folder = "\(directory)/\(item.name.replacing(" ", with: "-"))"
            func fill(_ text: String) -> String {
                values.reduce(text) { $0.replacing("$\($1.key)", with: $1.value) }.replacing("$DIR", with: folder)
            }
            var files = item.files
            files["ca.crt"] = "$CAPEM"
            files["admin.crt"] = "$PEMCERT"
            files["admin.key"] = "$PEMKEY"
            files["token"] = "$TOKEN"
            let head = #"{"apiVersion":"client.authentication.k8s.io/v1beta1","kind":"ExecCredential","status":{"#
            files["login"] = "#!/bin/sh\nprintf '\(head)\"token\":\"%s\"}}' '$TOKEN'\n"
            files["login-env"] = "#!/bin/sh\ntest \"$T\" = token || exit 1\nprintf '\(head)\"token\":\"%s\"}}' '$TOKEN'\n".replacing(
                "$T\"", with: "${T}\"")
            files["certificate"] = "#!/bin/sh\nprintf '%s' '\(head)\"clientCertificateData\":\"$JSONCERT\",\"clientKeyData\":\"$JSONKEY\"}}'\n"
            files["fails"] = "#!/bin/sh\nexit 3\n"
            for (name, text) in files {
                let path = "\(folder)/\(name)"
                try FileManager.default.createDirectory(atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
                try fill(text).write(toFile: path, atomically: true, encoding: .utf8)
                try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
            }
            return item.environment.mapValues(fill).merging(["KUBECONFIG": fill(item.variable)]) { first, _ in first }
        }
    }

    private func verdict(_ message: String) -> String {
        guard let match = message.firstMatch(of: /User "([^"]+)" cannot list .* in the namespace "([^"]+)"/) else { return "failed" }
        return "\(match.1) in \(match.2)"
    }

    private func kubectl(_ program: String, _ environment: [String: String], home: String) async throws -> String {
        let result = try await Subprocess.run(
            .name("env"),
            arguments: Arguments(
                ["-i", "HOME=\(home)", "PATH=/usr/bin:/bin"] + environment.map { "\($0.key)=\($0.value)" } + [
                    program, "get", "secrets", "-o", "name",
                ]),
            input: .none, output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
        return result.terminationStatus.isSuccess ? "allowed" : verdict(result.standardError)
    }

    private func ours(_ environment: [String: String], home: String) async throws -> (verdict: String, message: String) {
        do {
            let configuration = try ClusterConfiguration.load(
                kubeconfig: nil, context: nil, environment: environment, home: home)
            _ = try await ControlPlane.withClient(configuration) { try await $0.list(Secret.self, namespace: configuration.namespace) }
            return ("allowed", "")
        } catch let error as KubernetesError {
            return (verdict(error.message), error.message)
        }
    }

    @Test func bothReadTheSame() async throws {
        let program = try #require(ProcessInfo.processInfo.environment["KUBECTL"], "KUBECTL names no kubectl: eval \"$(scripts/cluster env)\"")
        let admin = try ControlPlane.configuration()
        let port = try #require(URL(string: admin.server)?.port)
        let proxy = try await TCPProxy.start(to: port, isConnect: true)
        try await ControlPlane.withNamespace { client, namespace in
            try await ControlPlane.wait(client, ServiceAccount.self, "default", namespace: namespace) { $0 != nil }
            let request = APIRequest.tokenRequest(serviceAccount: "default", namespace: namespace, audiences: [], expirationSeconds: 600)
            let token = try #require(try await client.send(request, as: TokenRequest.self).status).token
            let certificate = try #require(admin.credentials.clientCertificate)
            let authority = try #require(admin.certificateAuthority)
            func text(_ data: Data) -> String { String(decoding: data, as: UTF8.self) }
            func json(_ data: Data) -> String { text(data).replacing("\n", with: "\\n") }
            let directory = FileManager.default.temporaryDirectory.appending(path: "seaway-\(namespace)").path
            defer { try? FileManager.default.removeItem(atPath: directory) }
            let values = [
                "SERVER": admin.server, "HOST": "127.0.0.1:\(port)", "PORT": "\(port)", "CAPEM": text(authority), "PEMCERT": text(certificate.chain),
                "PEMKEY": text(certificate.privateKey.exposed), "JSONCERT": json(certificate.chain), "JSONKEY": json(certificate.privateKey.exposed),
                "CERT": certificate.chain.base64EncodedString(), "KEY": certificate.privateKey.exposed.base64EncodedString(),
                "AUTHORITY": authority.base64EncodedString(), "TOKEN": token, "NS": namespace, "PROXY": "\(proxy.port)",
            ]
            let write = prepare(directory, values)
            for item in Self.cases {
                let environment = try write(item)
                let expected = item.expected.replacing("$NS", with: namespace)
                let theirs = try await kubectl(program, environment, home: directory)
                let (mine, message) = try await ours(environment, home: directory)
                #expect(theirs == expected, "kubectl, \(item.name)")
                #expect(mine == item.ours ?? expected, "\(item.name): \(message)")
                #expect(!message.contains(token), "\(item.name)")
            }
            print("\(Self.cases.count) kubeconfigs read as kubectl reads them")
        }
        #expect(proxy.connections >= 4)
        try await proxy.stop()
    }
}
