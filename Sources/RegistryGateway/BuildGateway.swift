import AsyncHTTPClient
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import ServiceLifecycle
import SourceService
import SourceTransfer

/// The build pod's side: a registry on the loopback, over plain HTTP and without a login, for the time of one build. All that it does
/// is to hand requests to the operator, with the token that its container alone sees.
public struct BuildGateway: ServiceLifecycle.Service {
    public struct Build: Sendable {
        public var namespace: String
        public var environment: String
        /// Name of the pod.
        public var pod: String

        public init(namespace: String, environment: String, pod: String) {
            self.namespace = namespace
            self.environment = environment
            self.pod = pod
        }
    }

    private let build: Build
    private let endpoint: String
    private let port: Int
    private let token: @Sendable () throws -> String
    private let http: HTTPClient
    private let patience: Duration
    private let logger: Logger
    private let onListening: @Sendable (_ port: Int) async -> Void

    /// - Parameters:
    ///   - endpoint: `https://host:port` of the operator.
    ///   - port: on 127.0.0.1; 0 lets the system choose.
    ///   - token: of audience `seaway`; asked for with each request.
    ///   - http: trusts the operator, and follows no redirections. The caller shuts it down.
    ///   - patience: how long an operator that cannot be reached is asked again, by what has no body; builders do the rest themselves.
    public init(
        build: Build, endpoint: String, port: Int, token: @escaping @Sendable () throws -> String, http: HTTPClient,
        patience: Duration = .seconds(120), logger: Logger, onListening: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
    ) {
        self.build = build
        self.endpoint = endpoint
        self.port = port
        self.token = token
        self.http = http
        self.patience = patience
        self.logger = logger
        self.onListening = onListening
    }

    /// Serves until the operator says that the build is over, or until it is cancelled.
    /// - Throws: when the port cannot be listened on.
    public func run() async throws {
        let responder = CallbackResponder { (request: Request, _: BasicRequestContext) in await forward(request) }
        let application = Application(
            responder: responder, configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: port), serverName: nil),
            onServerRunning: { channel in await onListening(channel.localAddress?.port ?? port) }, logger: logger)
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await application.runUntilCancelled() }
                group.addTask { try await untilOver() }
                defer { group.cancelAll() }
                try await group.next()
            }
        } catch is CancellationError {
            // The pod is being deleted.
        }
    }

    private var base: String { "\(endpoint)/v1/namespaces/\(build.namespace)/environments/\(build.environment)" }

    private func forward(_ request: Request) async -> Response {
        guard request.uri.path == "/v2" || request.uri.path.hasPrefix("/v2/") else {
            return Response(refusal: "UNSUPPORTED", "this is a registry; there is nothing but /v2/", status: .notFound)
        }
        do {
            var prepared = HTTPClientRequest(url: "\(base)/registry\(request.uri.string)")
            prepared.method = HTTPMethod(rawValue: request.method.rawValue)
            for field in request.headers where !Self.ownHeaders.contains(field.name.canonicalName) {
                prepared.headers.add(name: field.name.rawName, value: field.value)
            }
            prepared.headers.replaceOrAdd(name: SourceAPI.tokenHeader, value: try token())
            let outgoing = prepared
            let answer = try await withBody(of: request) { body in
                // What was sent of a body is gone.
                guard let body else { return try await askAgain { try await http.execute(outgoing, timeout: .minutes(10)) } }
                var outgoing = outgoing
                outgoing.body = body
                // The answer to an upload comes after all of it was sent and stored.
                return try await http.execute(outgoing, timeout: .hours(1))
            }
            let names = answer.headers.map { $0.name.lowercased() }
            return Response(passingOn: answer, to: request.method, keeping: Set(names).subtracting(Self.ownHeaders).union(["content-length"]))
        } catch {
            // Never the request's own headers.
            logger.warning("the operator cannot be reached", metadata: ["error": "\(error)"])
            return Response(refusal: "UNAVAILABLE", "the operator, which passes images on to the registry, cannot be reached", status: .badGateway)
        }
    }

    /// An operator that starts anew is back within seconds, and few builders look at a base image twice.
    private func askAgain(_ ask: () async throws -> HTTPClientResponse) async throws -> HTTPClientResponse {
        let end = ContinuousClock.now + patience
        while true {
            do {
                return try await ask()
            } catch let error as CancellationError {
                throw error
            } catch {
                guard ContinuousClock.now < end else { throw error }
                logger.debug("the operator cannot be reached; asking again", metadata: ["error": "\(error)"])
                try await Task.sleep(for: .milliseconds(500))
            }
        }
    }

    /// Those that are about one connection or are set anew, and a login that a builder might have of its own.
    private static let ownHeaders: Set<String> = [
        "connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "host", "authorization", "content-length", "proxy-authorization",
        "expect",
    ]

    private func untilOver() async throws {
        while true {
            try await Task.sleep(for: .seconds(1))
            var request = HTTPClientRequest(url: "\(base)/builds/\(build.pod)")
            do {
                request.headers.replaceOrAdd(name: SourceAPI.tokenHeader, value: try token())
                let response = try await http.execute(request, timeout: .seconds(10))
                let body = try await response.body.collect(upTo: 1 << 16)
                if response.status == .ok, try JSONDecoder().decode(BuildState.self, from: Data(buffer: body)).isOver { return }
            } catch let error as CancellationError {
                throw error
            } catch {
                // An operator that starts anew is asked again.
                logger.debug("the operator does not say how the build is", metadata: ["error": "\(error)"])
            }
        }
    }
}
