import Foundation

/// Which cluster, and as whom.
public struct ClusterConfiguration: Sendable, Equatable {
    /// The API server's URL without a slash at its end; may have a path.
    public var server: String
    /// PEM certificates that the server's must be signed by; `nil` trusts those of the system.
    public var certificateAuthority: Data?
    /// Believe every certificate. Only for throw-away clusters.
    public var skipsTLSVerification: Bool
    /// The name to ask for and to find in the server's certificate, when it is not the one in the URL.
    public var tlsServerName: String?
    /// An HTTP proxy on the way to the server, as the kubeconfig names it.
    public var proxyURL: String?
    /// The one that the environment names; the kubeconfig's goes before it.
    public var environmentProxy: EnvironmentProxy?
    public var credentials: Credentials
    /// The namespace of objects that name none.
    public var namespace: String
    /// `nil` inside a cluster.
    public var contextName: String?
    /// Where this configuration was read, for messages.
    public var origin: String

    public init(
        server: String, certificateAuthority: Data? = nil, skipsTLSVerification: Bool = false, tlsServerName: String? = nil,
        proxyURL: String? = nil, credentials: Credentials = Credentials(), namespace: String = "default", contextName: String? = nil,
        origin: String = "the program"
    ) {
        self.server = server.hasSuffix("/") ? String(server.dropLast()) : server
        self.certificateAuthority = certificateAuthority
        self.skipsTLSVerification = skipsTLSVerification
        self.tlsServerName = tlsServerName
        self.proxyURL = proxyURL
        self.credentials = credentials
        self.namespace = namespace
        self.contextName = contextName
        self.origin = origin
    }

    /// Reads the user's kubeconfig: the given file, else those of `$KUBECONFIG` merged, else `~/.kube/config`.
    /// - Parameter context: its name; `nil` takes the file's current one.
    /// - Throws: `KubernetesError` with code `configuration` that names the file, what is missing and the known contexts.
    public static func load(kubeconfig: String? = nil, context: String? = nil) throws -> ClusterConfiguration {
        let environment = ProcessInfo.processInfo.environment
        let home = environment["HOME"] ?? FileManager.default.homeDirectoryForCurrentUser.path
        return try load(kubeconfig: kubeconfig, context: context, environment: environment, home: home)
    }

    static func load(
        kubeconfig: String?, context: String?, environment: [String: String], home: String
    ) throws -> ClusterConfiguration {
        let files = try KubeconfigFiles.find(explicit: kubeconfig, environment: environment, home: home)
        var configuration = try Kubeconfig.merged(files).configuration(context: context)
        configuration.environmentProxy = EnvironmentProxy(server: configuration.server, environment: environment)
        return configuration
    }

    /// The configuration of a pod, from its mounted ServiceAccount.
    /// - Throws: `KubernetesError` with code `configuration` when this process runs in no pod, or in one without a token.
    public static func inCluster() throws -> ClusterConfiguration {
        try inCluster(
            environment: ProcessInfo.processInfo.environment, directory: "/var/run/secrets/kubernetes.io/serviceaccount")
    }

    static func inCluster(environment: [String: String], directory: String) throws -> ClusterConfiguration {
        guard let host = environment["KUBERNETES_SERVICE_HOST"], !host.isEmpty,
            let port = environment["KUBERNETES_SERVICE_PORT"], !port.isEmpty
        else {
            throw KubernetesError(
                .configuration, "this process runs in no pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set")
        }
        func read(_ name: String) throws -> Data {
            guard let data = FileManager.default.contents(atPath: "\(directory)/\(name)"), !data.isEmpty else {
                throw KubernetesError(
                    .configuration,
                    "\(directory)/\(name) cannot be read; the pod needs automountServiceAccountToken or a projected volume there")
            }
            return data
        }
        _ = try read("token")
        let namespace = (try? read("namespace")).map { String(decoding: $0, as: UTF8.self) } ?? "default"
        var configuration = ClusterConfiguration(
            server: "https://\(host.contains(":") ? "[\(host)]" : host):\(port)", certificateAuthority: try read("ca.crt"),
            credentials: Credentials(bearer: .tokenFile("\(directory)/token")),
            namespace: namespace.trimmingCharacters(in: .whitespacesAndNewlines), origin: directory)
        configuration.environmentProxy = EnvironmentProxy(server: configuration.server, environment: environment)
        return configuration
    }

    /// `https://1.2.3.4:6443 (context 'dev' of /home/me/.kube/config)`.
    var whereabouts: String {
        contextName.map { "\(server) (context '\($0)' of \(origin))" } ?? "\(server) (from \(origin))"
    }
}
