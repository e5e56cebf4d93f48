import Foundation
import Logging

/// Objects in a bucket of any S3.
///
/// A bucket that is missing is created. Requests that fail for reasons that pass are repeated, and signed anew each time.
/// `shutdown()` must be called before the process ends.
public final class S3ObjectStore: ObjectStore {
    private static let deletesAtOnce = 16

    private let prefix: String
    private let connection: S3Connection
    private let partSize: Int

    /// - Throws: `ObjectStoreError` with code `invalidConfiguration`.
    public convenience init(configuration: S3Configuration, logger: Logger? = nil) throws {
        try self.init(configuration: configuration, retry: RetryPolicy(), logger: logger)
    }

    /// - Parameters:
    ///   - partSize: Larger objects are sent in parts of so many bytes.
    ///   - addresses: Where names are, that no name server knows.
    ///   - now: This machine's clock.
    init(
        configuration: S3Configuration, retry: RetryPolicy, logger: Logger?, partSize: Int = S3MultipartUpload.partSize,
        addresses: [String: String] = [:], now: @escaping @Sendable () -> Date = { Date() }
    ) throws {
        prefix = configuration.prefix
        self.partSize = partSize
        connection = try S3Connection(configuration: configuration, retry: retry, addresses: addresses, now: now, logger: logger)
    }

    public func shutdown() async throws { try await connection.shutdown() }

    public func prepare() async throws {
        // A HEAD of the bucket would be refused without a reason.
        let answer = try await send(.firstKey, "reach the bucket")
        guard answer.isSuccess else { throw connection.failure("reach the bucket", answer) }
    }

    public func put(_ key: String, _ bytes: [UInt8]) async throws {
        try await write(try stored(key), bytes, "write \(key)")
    }

    public func get(_ key: String) async throws -> [UInt8]? {
        let answer = try await send(.get(try stored(key)), "read \(key)")
        if answer.isMissing { return nil }
        guard answer.status == 200 else { throw connection.failure("read \(key)", answer) }
        return answer.body
    }

    public func head(_ key: String) async throws -> Int? {
        let answer = try await send(.head(try stored(key)), "read \(key)")
        if answer.status == 404 { return nil }
        guard answer.status == 200, let length = answer.length else { throw connection.failure("read \(key)", answer) }
        return length
    }

    public func list(_ prefix: String) async throws -> [String] {
        try ObjectKey.check(prefix: prefix, mayBeEmpty: true)
        let base = self.prefix.isEmpty ? "" : self.prefix + "/"
        var keys: [String] = []
        var continuation: String?
        repeat {
            let answer = try await send(.list(prefix: base + prefix, continuation: continuation), "list \(prefix)")
            if answer.isMissing { return [] }
            guard answer.status == 200 else { throw connection.failure("list \(prefix)", answer) }
            let page = try S3Listing(answer.body)
            keys += page.keys.filter { $0.hasPrefix(base + prefix) }.map { String($0.dropFirst(base.count)) }
            continuation = page.continuation
        } while continuation != nil
        return keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    public func delete(_ key: String) async throws {
        let answer = try await send(.delete(try stored(key)), "delete \(key)")
        guard answer.isSuccess || answer.isMissing else { throw connection.failure("delete \(key)", answer) }
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
        return prefix.isEmpty ? key : "\(prefix)/\(key)"
    }

    // MARK: With any key that S3 allows

    func write(_ key: String, _ bytes: [UInt8], _ what: String) async throws {
        if bytes.count <= partSize {
            let answer = try await send(.put(key, bytes), what)
            guard answer.isSuccess else { throw connection.failure(what, answer) }
        } else {
            try await S3MultipartUpload(key: key, what: what, send: send, connection: connection).run(bytes, partSize: partSize)
        }
    }

    /// Sends a request, and creates the bucket when it is missing.
    func send(_ request: S3Request, _ what: String) async throws -> S3Answer {
        let answer = try await connection.send(request, what)
        guard answer.status == 404, answer.code == "NoSuchBucket" else { return answer }
        try await createBucket()
        return try await connection.send(request, what)
    }

    private func createBucket() async throws {
        let what = "create the bucket"
        let answer = try await connection.send(.createBucket(region: connection.configuration.region), what)
        // Someone else may have created it meanwhile. Should it not be ours, the next request says so.
        guard answer.isSuccess || ["BucketAlreadyOwnedByYou", "BucketAlreadyExists"].contains(answer.code) else {
            throw connection.failure(what, answer)
        }
    }
}
