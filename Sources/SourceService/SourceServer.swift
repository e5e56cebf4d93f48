import Hummingbird
import HummingbirdTLS
import Logging
import NIOCore
import NIOSSL
import ServiceLifecycle

/// Serves the source API over TLS, with `/healthz` and `/readyz` beside it.
public struct SourceServer: Service {
    public struct Configuration: Sendable {
        public var host: String
        /// 0 lets the system choose.
        public var port: Int
        /// The serving certificate and those between it and its root.
        public var certificateChainPEM: String
        public var privateKeyPEM: String
        /// How slowly bodies may arrive.
        public var patience = BodyPatience()

        public init(host: String = "0.0.0.0", port: Int = 8443, certificateChainPEM: String, privateKeyPEM: String) {
            self.host = host
            self.port = port
            self.certificateChainPEM = certificateChainPEM
            self.privateKeyPEM = privateKeyPEM
        }
    }

    private let configuration: Configuration
    private let store: SourceStore
    private let authorizer: RequestAuthorizer
    private let registry: RegistryCheck?
    private let routes: MoreRoutes
    private let readiness: @Sendable () async -> Bool
    private let observer: SourceObserver
    private let logger: Logger
    private let onListening: @Sendable (_ port: Int) async -> Void

    /// Adds routes beside those of the source API, for callers that the authorizer lets in.
    public typealias MoreRoutes = @Sendable (_ router: Router<BasicRequestContext>, _ authorizer: RequestAuthorizer) -> Void

    /// - Parameters:
    ///   - configuration: Where to listen, and with which certificate.
    ///   - store: Where sources are kept.
    ///   - authenticate: Tells whose token it is.
    ///   - registry: Asks the registry for something.
    ///   - routes: What else is served.
    ///   - readiness: Whether the operator can serve; asked by `/readyz`.
    ///   - observer: Is told of what is done, to count it.
    ///   - logger: Stored sources are logged at info, each request at debug, failures at error; never tokens.
    ///   - onListening: Called once with the port when connections are accepted.
    public init(
        configuration: Configuration, store: SourceStore, authenticate: @escaping SourceAuthenticator, registry: RegistryCheck? = nil,
        routes: @escaping MoreRoutes = { _, _ in }, readiness: @escaping @Sendable () async -> Bool, observer: SourceObserver = SourceObserver(),
        logger: Logger, onListening: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.store = store
        self.authorizer = RequestAuthorizer(authenticate: authenticate)
        self.registry = registry
        self.routes = routes
        self.readiness = readiness
        self.observer = observer
        self.logger = logger
        self.onListening = onListening
    }

    /// Serves until it is cancelled; requests under way may end.
    /// - Throws: When the certificate is not valid or the address cannot be listened on.
    public func run() async throws {
        let chain = try NIOSSLCertificate.fromPEMBytes(Array(configuration.certificateChainPEM.utf8))
        let key = try NIOSSLPrivateKey(bytes: Array(configuration.privateKeyPEM.utf8), format: .pem)
        var tls = TLSConfiguration.makeServerConfiguration(certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        tls.minimumTLSVersion = .tlsv12
        tls.applicationProtocols = ["http/1.1"]
        let application = Application(
            router: makeRouter(),
            // Idle connections of clients that went away are closed; the proxy opens new ones as it needs them.
            server: try .tls(.http1(configuration: .init(idleTimeout: .seconds(120))), tlsConfiguration: tls),
            configuration: ApplicationConfiguration(address: .hostname(configuration.host, port: configuration.port), serverName: nil),
            onServerRunning: { channel in await onListening(channel.localAddress?.port ?? configuration.port) },
            logger: logger)
        try await application.runUntilCancelled()
    }

    private func makeRouter() -> Router<BasicRequestContext> {
        let router = sourceRoutes(
            store: store, authorizer: authorizer, patience: configuration.patience, registry: registry, observer: observer)
        routes(router, authorizer)
        let readiness = readiness
        router.get("healthz") { _, _ in "ok\n" }
        router.get("readyz") { _, _ -> Response in
            guard await readiness() else { throw RequestRefusal(.serviceUnavailable, "The operator is not ready yet.") }
            return Response(status: .ok, body: ResponseBody(byteBuffer: ByteBuffer(string: "ok\n")))
        }
        return router
    }
}
