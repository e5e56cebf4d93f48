import Foundation

/// Who the client is to the API server.
public struct Credentials: Sendable, Equatable {
    public var clientCertificate: ClientCertificate?
    public var bearer: Bearer
    public var impersonation: Impersonation?

    public init(clientCertificate: ClientCertificate? = nil, bearer: Bearer = .none, impersonation: Impersonation? = nil) {
        self.clientCertificate = clientCertificate
        self.bearer = bearer
        self.impersonation = impersonation
    }

    /// What stands in the `Authorization` header.
    public enum Bearer: Sendable, Equatable {
        case none
        case token(Sensitive<String>)
        /// Read again at least once a minute: the kubelet rotates the file.
        case tokenFile(String)
        case basic(username: String, password: Sensitive<String>)
        /// A program prints a token or a client certificate.
        case exec(ExecPlugin)
    }

    /// PEM, both parts.
    public struct ClientCertificate: Sendable, Equatable {
        public var chain: Data
        public var privateKey: Sensitive<Data>

        public init(chain: Data, privateKey: Sensitive<Data>) {
            self.chain = chain
            self.privateKey = privateKey
        }
    }

    /// Act as another user, which the real one must be allowed to do.
    public struct Impersonation: Sendable, Equatable {
        public var user: String
        public var uid: String?
        public var groups: [String]
        /// What the authenticator of the cluster says of users beyond that, as with scopes.
        public var extra: [String: [String]]

        public init(user: String, uid: String? = nil, groups: [String] = [], extra: [String: [String]] = [:]) {
            self.user = user
            self.uid = uid
            self.groups = groups
            self.extra = extra
        }
    }
}

/// A credential plugin of a kubeconfig (`users[].user.exec`).
/// See <https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins>.
public struct ExecPlugin: Sendable, Equatable {
    public var apiVersion: String
    public var command: String
    public var arguments: [String]
    /// Added to this process's environment.
    public var environment: [String: Sensitive<String>]
    /// What the kubeconfig says to people who lack the program.
    public var installHint: String?
    /// Tells the plugin which cluster it is for.
    public var providesClusterInfo: Bool
    public var interactiveMode: InteractiveMode
    /// The cluster's `client.authentication.k8s.io/exec` extension, passed on as it is.
    public var clusterConfigJSON: Data?

    public enum InteractiveMode: String, Sendable, Codable {
        case never = "Never"
        case ifAvailable = "IfAvailable"
        case always = "Always"
    }

    public static let supportedVersions = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"]

    public init(
        apiVersion: String, command: String, arguments: [String] = [], environment: [String: Sensitive<String>] = [:],
        installHint: String? = nil, providesClusterInfo: Bool = false, interactiveMode: InteractiveMode = .ifAvailable,
        clusterConfigJSON: Data? = nil
    ) {
        self.apiVersion = apiVersion
        self.command = command
        self.arguments = arguments
        self.environment = environment
        self.installHint = installHint
        self.providesClusterInfo = providesClusterInfo
        self.interactiveMode = interactiveMode
        self.clusterConfigJSON = clusterConfigJSON
    }
}
