import AsyncHTTPClient
import Foundation
import Logging
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import NIOSSL
import Synchronization

/// Sends requests to an S3 until there is an answer that counts: repeats what fails for reasons that pass, signs for the
/// region that the bucket is found in, and by the server's clock when this machine's is wrong.
final class S3Connection: Sendable {
    private static let largestAnswer = 8 << 20
    /// Until the head of the answer; the body's own time-out is `timeout.read`.
    private static let longestRequest = TimeAmount.seconds(60)
    /// For what carries no body. A store that does not answer for so long is not asked again here: whoever waits is to hear of it.
    private static let longestQuestion = TimeAmount.seconds(10)

    private struct Learnt {
        var configuration: S3Configuration
        /// Seconds that the server's clock is ahead.
        var ahead: TimeInterval = 0
    }

    private let learnt: Mutex<Learnt>
    private let client: HTTPClient
    private let retry: RetryPolicy
    private let now: @Sendable () -> Date
    private let logger: Logger?

    /// - Parameter addresses: where names are, that no name server knows.
    /// - Throws: `ObjectStoreError` with code `invalidConfiguration`.
    init(configuration: S3Configuration, retry: RetryPolicy, addresses: [String: String] = [:], now: @escaping @Sendable () -> Date, logger: Logger?)
        throws
    {
        _ = try S3Request.list(prefix: "", continuation: nil).signed(with: configuration, date: now())
        learnt = Mutex(Learnt(configuration: configuration))
        self.retry = retry
        self.now = now
        self.logger = logger
        var settings = HTTPClient.Configuration()
        settings.dnsOverride = addresses
        if let authority = configuration.certificateAuthority {
            guard let roots = try? NIOSSLCertificate.fromPEMBytes(Array(authority.utf8)), !roots.isEmpty else {
                throw ObjectStoreError(.invalidConfiguration, "The certificate authority of the S3 store is no certificate in PEM form.")
            }
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.trustRoots = .certificates(roots)
            settings.tlsConfiguration = tls
        }
        settings.httpVersion = .http1Only
        settings.redirectConfiguration = .disallow
        settings.timeout = .init(connect: .seconds(5), read: .seconds(30))
        settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 32
        // What cannot be connected to is tried again here, where the reason is known.
        settings.connectionPool.retryConnectionEstablishment = false
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
    }

    func shutdown() async throws { try await client.shutdown() }

    var configuration: S3Configuration { learnt.withLock { $0.configuration } }

    /// - Parameter what: what is done, for errors: `read a/b`.
    /// - Throws: `ObjectStoreError` with code `unavailable` when no attempt is answered.
    func send(_ request: S3Request, _ what: String) async throws -> S3Answer {
        var attempt = 1
        var corrections = 0
        while true {
            let failed: ObjectStoreError
            do {
                let (configuration, date) = learnt.withLock { ($0.configuration, now().addingTimeInterval($0.ahead)) }
                let answer = try await sendOnce(request, configuration, date)
                if corrections < 3, correct(by: answer, configuration, signed: date) {
                    corrections += 1
                    continue
                }
                guard answer.isTransient else { return answer }
                failed = failure(what, answer)
            } catch let error as ObjectStoreError {
                throw error
            } catch let error as CancellationError {
                throw error
            } catch {
                try Task.checkCancellation()
                failed = S3Failure.unreachable(what, configuration.endpoint, error)
                guard S3Failure.mayPass(error), !(request.body.isEmpty && S3Failure.isSilence(error)) else { throw failed }
            }
            guard let delay = retry.delay(after: attempt, jitter: Double.random(in: 0...1)) else { throw failed }
            logger?.debug("S3 request is repeated", metadata: ["attempt": "\(attempt)", "reason": "\(failed.message)"])
            attempt += 1
            try await Task.sleep(for: delay)
        }
    }

    /// Sends once, also from a task that is cancelled, and does not care for the answer.
    func sendLast(_ request: S3Request) async {
        let (configuration, date) = learnt.withLock { ($0.configuration, now().addingTimeInterval($0.ahead)) }
        guard let signed = try? request.signed(with: configuration, date: date),
            let http = try? HTTPClient.Request(
                url: signed.url, method: HTTPMethod(rawValue: request.method),
                headers: HTTPHeaders(signed.headers.filter { $0.name != "host" }.map { ($0.name, $0.value) }))
        else { return }
        _ = try? await client.execute(request: http, deadline: .now() + .seconds(10)).get()
    }

    func failure(_ what: String, _ answer: S3Answer) -> ObjectStoreError { S3Failure.refused(what, configuration, answer) }

    /// - Returns: Whether the answer told something that makes the same request worth sending again.
    private func correct(by answer: S3Answer, _ configuration: S3Configuration, signed: Date) -> Bool {
        if let region = answer.region(besides: configuration.region) {
            learnt.withLock { $0.configuration = configuration.moved(to: region) }
            logger?.info("The bucket is in another region", metadata: ["bucket": "\(configuration.bucket)", "region": "\(region)"])
            return true
        }
        if let clock = answer.clock(besides: signed) {
            let ahead = clock.timeIntervalSince(now())
            learnt.withLock { $0.ahead = ahead }
            logger?.warning("The clocks of this machine and of the S3 store differ", metadata: ["seconds": "\(Int(ahead))"])
            return true
        }
        return false
    }

    private func sendOnce(_ request: S3Request, _ configuration: S3Configuration, _ date: Date) async throws -> S3Answer {
        let signed = try request.signed(with: configuration, date: date)
        var http = HTTPClientRequest(url: signed.url)
        http.method = HTTPMethod(rawValue: request.method)
        // The client makes this header itself, from the same URL.
        for header in signed.headers where header.name != "host" { http.headers.add(name: header.name, value: header.value) }
        if !request.body.isEmpty || ["PUT", "POST"].contains(request.method) { http.body = .bytes(ByteBuffer(bytes: request.body)) }
        let response = try await client.execute(http, timeout: request.body.isEmpty ? Self.longestQuestion : Self.longestRequest)
        let limit = response.status == .ok && request.key != nil ? ObjectKey.largestObject : Self.largestAnswer
        if request.method != "HEAD", let length = response.headers.first(name: "content-length").flatMap({ Int($0) }), length > limit {
            throw ObjectStoreError(.tooLarge, "The S3 store answered with \(length) bytes, more than is read.")
        }
        let body: [UInt8]
        do {
            body = Array(buffer: try await response.body.collect(upTo: limit))
        } catch is NIOTooManyBytesError {
            throw ObjectStoreError(.tooLarge, "The S3 store answered with more bytes than are read.")
        }
        return S3Answer(status: Int(response.status.code), headers: response.headers, body: body, mayHideError: request.mayHideError)
    }
}
