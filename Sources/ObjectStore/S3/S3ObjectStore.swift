import AsyncHTTPClient
import Foundation
import Logging
import NIOCore
import NIOFoundationCompat
import NIOHTTP1

/// Objects in a bucket of any S3.
///
/// A bucket that is missing is created. Requests that fail for reasons that pass are repeated, and signed anew each time.
/// `shutdown()` must be called before the process ends.
public final class S3ObjectStore: ObjectStore {
    private static let deletesAtOnce = 16
    private static let largestAnswer = 8 << 20

    private let configuration: S3Configuration
    private let client: HTTPClient
    private let retry: RetryPolicy
    private let logger: Logger?

    /// - Throws: `ObjectStoreError` with code `invalidConfiguration`.
    public convenience init(configuration: S3Configuration, logger: Logger? = nil) throws {
        try self.init(configuration: configuration, retry: RetryPolicy(), logger: logger)
    }

    init(configuration: S3Configuration, retry: RetryPolicy, logger: Logger?) throws {
        _ = try S3Request.headBucket.signed(with: configuration, date: Date())
        self.configuration = configuration
        self.retry = retry
        self.logger = logger
        var settings = HTTPClient.Configuration()
        settings.httpVersion = .http1Only
        settings.redirectConfiguration = .disallow
        settings.timeout = .init(connect: .seconds(5), read: .seconds(30))
        settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 32
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
    }

    public func shutdown() async throws { try await client.shutdown() }

    public func prepare() async throws {
        let answer = try await send(.headBucket, "reach the bucket", createsBucket: false)
        if answer.status == 404 {
            try await createBucket()
        } else if answer.status != 200 {
            throw failure("reach the bucket", answer)
        }
    }

    public func put(_ key: String, _ bytes: [UInt8]) async throws {
        let answer = try await send(.put(try stored(key), bytes), "write \(key)")
        guard answer.status == 200 else { throw failure("write \(key)", answer) }
    }

    public func get(_ key: String) async throws -> [UInt8]? {
        let answer = try await send(.get(try stored(key)), "read \(key)")
        if answer.isMissing { return nil }
        guard answer.status == 200 else { throw failure("read \(key)", answer) }
        return answer.body
    }

    public func head(_ key: String) async throws -> Int? {
        let answer = try await send(.head(try stored(key)), "read \(key)")
        if answer.status == 404 { return nil }
        guard answer.status == 200, let length = answer.length else { throw failure("read \(key)", answer) }
        return length
    }

    public func list(_ prefix: String) async throws -> [String] {
        try ObjectKey.check(prefix: prefix, mayBeEmpty: true)
        let base = configuration.prefix.isEmpty ? "" : configuration.prefix + "/"
        var keys: [String] = []
        var continuation: String?
        repeat {
            let answer = try await send(.list(prefix: base + prefix, continuation: continuation), "list \(prefix)")
            if answer.isMissing { return [] }
            guard answer.status == 200 else { throw failure("list \(prefix)", answer) }
            let page = try S3Listing(answer.body)
            keys += page.keys.filter { $0.hasPrefix(base + prefix) }.map { String($0.dropFirst(base.count)) }
            continuation = page.continuation
        } while continuation != nil
        return keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    public func delete(_ key: String) async throws {
        let answer = try await send(.delete(try stored(key)), "delete \(key)")
        guard answer.status == 204 || answer.status == 200 || answer.isMissing else { throw failure("delete \(key)", answer) }
    }

    public func deleteAll(_ prefix: String) async throws {
        try ObjectKey.check(prefix: prefix, mayBeEmpty: false)
        let keys = try await list(prefix)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for (index, key) in keys.enumerated() {
                if index >= Self.deletesAtOnce { try await tasks.next() }
                tasks.addTask { try await self.delete(key) }
            }
            try await tasks.waitForAll()
        }
    }

    private func stored(_ key: String) throws -> String {
        try ObjectKey.check(key)
        return configuration.prefix.isEmpty ? key : "\(configuration.prefix)/\(key)"
    }

    // MARK: Sending

    private struct Answer {
        var status: Int
        var body: [UInt8]
        var length: Int?
        /// S3's code, such as `NoSuchKey`.
        var code: String?

        var isMissing: Bool { status == 404 && code != "NoSuchBucket" }
    }

    /// Sends a request until there is an answer that counts.
    /// - Throws: `ObjectStoreError` with code `unavailable` when there is none.
    private func send(_ request: S3Request, _ what: String, createsBucket: Bool = true) async throws -> Answer {
        var mayCreate = createsBucket
        var attempt = 1
        while true {
            let failed: ObjectStoreError
            do {
                let answer = try await sendOnce(request)
                if answer.status == 404, answer.code == "NoSuchBucket", mayCreate {
                    mayCreate = false
                    try await createBucket()
                    continue
                }
                guard RetryPolicy.isTransient(status: answer.status) else { return answer }
                failed = failure(what, answer)
            } catch let error as ObjectStoreError {
                throw error
            } catch let error as CancellationError {
                throw error
            } catch {
                failed = ObjectStoreError(
                    .unavailable, "Cannot \(what): the S3 store at \(configuration.endpoint) cannot be reached (\(short(error))).")
            }
            try Task.checkCancellation()
            guard let delay = retry.delay(after: attempt, jitter: Double.random(in: 0...1)) else { throw failed }
            logger?.debug("S3 request is repeated", metadata: ["attempt": "\(attempt)", "reason": "\(failed.message)"])
            attempt += 1
            try await Task.sleep(for: delay)
        }
    }

    private func sendOnce(_ request: S3Request) async throws -> Answer {
        let signed = try request.signed(with: configuration, date: Date())
        var http = HTTPClientRequest(url: signed.url)
        http.method = HTTPMethod(rawValue: request.method)
        // The client makes this header itself, from the same URL.
        for header in signed.headers where header.name != "host" { http.headers.add(name: header.name, value: header.value) }
        if !request.body.isEmpty || request.method == "PUT" { http.body = .bytes(ByteBuffer(bytes: request.body)) }
        let response = try await client.execute(http, timeout: .seconds(60))
        let limit = response.status == .ok ? (request.key == nil ? Self.largestAnswer : ObjectKey.largestObject) : Self.largestAnswer
        let length = response.headers.first(name: "content-length").flatMap { Int($0) }
        if request.method != "HEAD", let length, length > limit {
            throw ObjectStoreError(.tooLarge, "The S3 store answered with \(length) bytes, more than is read.")
        }
        let body: [UInt8]
        do {
            body = Array(buffer: try await response.body.collect(upTo: limit))
        } catch is NIOTooManyBytesError {
            throw ObjectStoreError(.tooLarge, "The S3 store answered with more bytes than are read.")
        }
        let code = response.status.code >= 300 ? S3XML(body)?.first("Error/Code") : nil
        return Answer(status: Int(response.status.code), body: body, length: length, code: code)
    }

    private func createBucket() async throws {
        let answer = try await send(.createBucket(region: configuration.region), "create the bucket", createsBucket: false)
        // Someone else may have created it meanwhile. Should it not be ours, the next request says so.
        guard answer.status == 200 || ["BucketAlreadyOwnedByYou", "BucketAlreadyExists"].contains(answer.code) else {
            throw failure("create the bucket", answer)
        }
    }

    private func failure(_ what: String, _ answer: Answer) -> ObjectStoreError {
        let known = (answer.code ?? "").filter { $0.isASCII && ($0.isLetter || $0.isNumber) }.prefix(60)
        let reason = "status \(answer.status)" + (known.isEmpty ? "" : ", \(known)")
        let place = "the bucket '\(configuration.bucket)' at \(configuration.endpoint)"
        if RetryPolicy.isTransient(status: answer.status) {
            return ObjectStoreError(.unavailable, "Cannot \(what): \(place) is not available (\(reason)).")
        }
        let advice = [401, 403].contains(answer.status) ? " Check the access key, the secret key and the permissions of the bucket." : ""
        return ObjectStoreError(.refused, "Cannot \(what): \(place) refused (\(reason)).\(advice)")
    }

    private func short(_ error: any Error) -> String {
        if let error = error as? HTTPClientError { return error.shortDescription }
        return String(describing: type(of: error))
    }
}
