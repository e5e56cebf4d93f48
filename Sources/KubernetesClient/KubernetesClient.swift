import AsyncHTTPClient
import Foundation
import KubernetesModel
import Logging
import NIOCore
import NIOFoundationCompat
import NIOHTTP1

/// Talks to the API server of one cluster.
///
/// Every failure is a `KubernetesError`, or `CancellationError` when the calling task was cancelled.
/// `shutdown()` must be called before the process ends.
public final class KubernetesClient: Sendable {
    public let configuration: ClusterConfiguration
    let logger: Logger
    let transport: HTTPTransport
    let credentials: CredentialSource
    let discovered: DiscoveryCache
    let retries: RetryPolicy
    /// Asked right before each write is sent.
    private let guardOfWrites: (@Sendable () throws -> Void)?
    private let baseURL: String
    private let host: String?

    /// The longest time, in seconds, that a watch is asked for; see `withWatch`.
    public static let longestWatch = 290
    /// Objects per page of a list.
    static let pageSize = 500
    /// The largest answer that is held in memory.
    static let answerLimit = 128 << 20

    /// Opens no connection yet.
    /// - Throws: `KubernetesError` with code `configuration` when a certificate, key or URL of the configuration cannot be used.
    public convenience init(
        configuration: ClusterConfiguration, logger: Logger = Logger(label: "seaway.kubernetes")
    ) throws {
        self.init(configuration: configuration, transport: try .live(configuration), logger: logger)
    }

    init(
        configuration: ClusterConfiguration, transport: HTTPTransport, logger: Logger = Logger(label: "seaway.kubernetes"),
        retries: RetryPolicy = RetryPolicy()
    ) {
        self.configuration = configuration
        self.transport = transport
        self.logger = logger
        self.retries = retries
        credentials = CredentialSource(configuration)
        discovered = DiscoveryCache()
        guardOfWrites = nil
        baseURL = TransportSettings.baseURL(configuration)
        host = TransportSettings.host(configuration)
    }

    private init(_ other: KubernetesClient, guardOfWrites: @escaping @Sendable () throws -> Void) {
        configuration = other.configuration
        logger = other.logger
        transport = other.transport
        credentials = other.credentials
        discovered = other.discovered
        retries = other.retries
        baseURL = other.baseURL
        host = other.host
        self.guardOfWrites = guardOfWrites
    }

    /// A client on the same connections that asks before each write is sent, also before it is sent again.
    ///
    /// Whoever leads passes `Leadership.check`: a process that was stopped past its lease then writes nothing when it wakes up.
    /// Reads are never held up. Only the original is to be shut down.
    /// - Parameter check: throws what the caller of the write is to get.
    public func guardingWrites(_ check: @escaping @Sendable () throws -> Void) -> KubernetesClient {
        KubernetesClient(self, guardOfWrites: check)
    }

    /// Closes all connections. Requests under way fail.
    public func shutdown() async throws {
        try await transport.shutdown()
    }

    /// Sends a request.
    /// - Returns: the body of the answer, whose status was 2xx.
    /// - Throws: `KubernetesError`, with the server's `Status` for every other status.
    public func send(_ request: APIRequest) async throws -> Data {
        var attempt = 1
        while true {
            let outcome: RetryPolicy.Outcome
            let failure: any Error
            do {
                let answer = try await exchange(request, lane: .request)
                if (200..<300).contains(answer.status) { return answer.body }
                outcome = .status(answer.status, retryAfter: answer.header("Retry-After").flatMap { Int($0) })
                failure = refusal(code: answer.status, body: answer.body, of: request)
            } catch let error as KubernetesError where error.code == .unreachable {
                outcome = .connectionLost
                failure = error
            }
            guard let delay = retries.delay(afterAttempt: attempt, method: request.method, outcome: outcome) else { throw failure }
            logger.debug("sending again", metadata: ["request": "\(request)", "attempt": "\(attempt)", "after": "\(delay)"])
            try await Task.sleep(for: delay)
            attempt += 1
        }
    }

    /// Sends a request and decodes the answer.
    public func send<T: Decodable & Sendable>(_ request: APIRequest, as type: T.Type) async throws -> T {
        let body = try await send(request)
        do {
            return try JSONDecoder().decode(type, from: body)
        } catch {
            throw KubernetesError(.invalidResponse, "\(request): the answer is not understood: \(describeDecodingError(error))")
        }
    }
}

extension KubernetesClient {
    /// Sends a request once (twice when the credentials had become stale) and returns the head of any answer.
    func execute(_ request: APIRequest, lane: Lane) async throws -> HTTPClientResponse {
        let (first, generation) = try await authorization()
        let response = try await execute(request, first, lane: lane)
        // Through a proxy it may be the service that says so; `proxy` tells.
        guard response.status == .unauthorized, let generation, lane != .proxy else { return response }
        credentials.invalidate(generation: generation)
        let (second, _) = try await authorization()
        return second == first ? response : try await execute(request, second, lane: lane)
    }

    /// Sends a request whose answer is read piece by piece.
    func open(_ request: APIRequest, lane: Lane) async throws -> HTTPClientResponse.Body {
        let response = try await execute(request, lane: lane)
        let code = Int(response.status.code)
        if (200..<300).contains(code) { return response.body }
        throw refusal(code: code, body: try await collect(response, of: request), of: request)
    }

    private func authorization() async throws -> (Authorization, generation: Int?) {
        try Task.checkCancellation()
        return try await credentials.authorization()
    }

    private func execute(_ request: APIRequest, _ authorization: Authorization, lane: Lane) async throws -> HTTPClientResponse {
        var message = HTTPClientRequest(url: baseURL + request.target)
        message.method = HTTPMethod(rawValue: request.method)
        message.headers.add(name: "Accept", value: "application/json, */*")
        message.headers.add(name: "User-Agent", value: "seaway")
        // With a tls-server-name the URL has another host than the one that is meant.
        if let host { message.headers.add(name: "Host", value: host) }
        for item in request.headers { message.headers.replaceOrAdd(name: item.name, value: item.value) }
        if let header = authorization.header { message.headers.replaceOrAdd(name: "Authorization", value: header.exposed) }
        if let impersonation = configuration.credentials.impersonation {
            message.headers.add(name: "Impersonate-User", value: impersonation.user)
            if let uid = impersonation.uid { message.headers.add(name: "Impersonate-Uid", value: uid) }
            for group in impersonation.groups { message.headers.add(name: "Impersonate-Group", value: group) }
            for (key, values) in impersonation.extra.sorted(by: { $0.key < $1.key }) {
                let name = "Impersonate-Extra-" + TransportSettings.headerName(key)
                for value in values { message.headers.add(name: name, value: value) }
            }
        }
        if let body = request.body { message.body = .bytes(ByteBuffer(data: body)) }
        if let certificate = authorization.clientCertificate {
            message.tlsConfiguration = try TransportSettings.tls(configuration, certificate: certificate)
        }
        if request.method != "GET" { try guardOfWrites?() }
        let start = ContinuousClock.now
        do {
            let response = try await transport.execute(message, lane)
            logger.debug(
                "answer",
                metadata: ["request": "\(request)", "status": "\(response.status.code)", "after": "\(ContinuousClock.now - start)"])
            return response
        } catch {
            throw translate(error, request)
        }
    }

    /// Sends a request and gathers its answer, whatever the status.
    func exchange(_ request: APIRequest, lane: Lane) async throws -> ProxyResponse {
        let response = try await execute(request, lane: lane)
        return ProxyResponse(
            status: Int(response.status.code), headers: response.headers.map { QueryItem($0.name, $0.value) },
            body: try await collect(response, of: request))
    }

    /// The whole body of an answer.
    func collect(_ response: HTTPClientResponse, of request: APIRequest) async throws -> Data {
        do {
            return Data(buffer: try await response.body.collect(upTo: Self.answerLimit))
        } catch {
            throw translate(error, request)
        }
    }

    /// The error for an answer that is no success, whose body is a `Status` or, from something between us and the server, is not.
    func refusal(code: Int, body: Data, of request: APIRequest) -> KubernetesError {
        var status = (try? JSONDecoder().decode(Status.self, from: body)) ?? Status()
        if status.message == nil {
            status.message = String(decoding: body.prefix(500), as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        }
        status.code = code
        if code == 404, status.reason == nil { status.reason = "NotFound" }
        return Explanation(configuration: configuration).error(status, of: request)
    }

    func translate(_ error: any Error, _ request: APIRequest) -> any Error {
        if Task.isCancelled || error is CancellationError { return CancellationError() }
        if error is KubernetesError { return error }
        return Explanation(configuration: configuration).error(error, of: request)
    }
}
