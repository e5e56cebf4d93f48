import Foundation
import ScriptedServer
import Testing

@testable import ObjectStore

/// Tests on the S3 server that `scripts/cluster` brings up. Without it they fail, unless they are switched off by name.
private let environment = ProcessInfo.processInfo.environment

@Suite(.enabled(if: environment["SEAWAY_SKIP_CLUSTER_TESTS"] != "1", "switched off by SEAWAY_SKIP_CLUSTER_TESTS"))
struct S3ObjectStoreTests {
    private static func value(_ name: String) throws -> String {
        try #require(environment[name], "\(name) is not set: run 'eval $(scripts/cluster env)', or set SEAWAY_SKIP_CLUSTER_TESTS=1")
    }

    private func configuration(prefix: String = "", secretKey: String? = nil, bucket: String? = nil) throws -> S3Configuration {
        S3Configuration(
            endpoint: try Self.value("SEAWAY_TEST_S3_ENDPOINT"), bucket: bucket ?? "seaway-test-\(UUID().uuidString.lowercased())", prefix: prefix,
            accessKey: try Self.value("SEAWAY_S3_ACCESS_KEY"), secretKey: try secretKey ?? Self.value("SEAWAY_S3_SECRET_KEY"))
    }

    private func withStore(_ configuration: S3Configuration, _ body: (S3ObjectStore) async throws -> Void) async throws {
        let store = try S3ObjectStore(
            configuration: configuration, retry: RetryPolicy(attempts: 3, first: .milliseconds(1), longest: .milliseconds(5)), logger: nil)
        do {
            try await body(store)
        } catch {
            try await store.shutdown()
            throw error
        }
        try await store.shutdown()
    }

    @Test(arguments: ["", "some/prefix"]) func conformance(_ prefix: String) async throws {
        try await withStore(try configuration(prefix: prefix)) { try await checkConformance($0) }
    }

    @Test func bucketIsMadeOnTheFirstWrite() async throws {
        try await withStore(try configuration()) { store in
            #expect(try await store.get("a") == nil)
            try await store.put("a", [1, 2])
            #expect(try await store.get("a") == [1, 2])
            try await store.delete("a")
        }
    }

    /// More keys than a page holds.
    @Test(.timeLimit(.minutes(10))) func listingsGoOverManyPages() async throws {
        try await withStore(try configuration()) { store in
            let keys = (0..<1100).map { "many/\(10_000 + $0)" }
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for (index, key) in keys.enumerated() {
                    if index >= 16 { try await tasks.next() }
                    tasks.addTask { try await store.put(key, [1]) }
                }
                try await tasks.waitForAll()
            }
            #expect(try await store.list("many/") == keys)
            try await store.deleteAll("many/")
            #expect(try await store.list("many/") == [])
        }
    }

    @Test func wrongKeysAreRefusedWithoutNamingThem() async throws {
        let wrong = "wrong-secret-that-must-not-show"
        let configuration = try configuration(secretKey: wrong)
        try await withStore(configuration) { store in
            await #expect {
                try await store.put("a", [1])
            } throws: { error in
                guard let error = error as? ObjectStoreError, error.code == .refused else { return false }
                return !error.message.contains(wrong) && !error.message.contains(configuration.accessKey) && error.message.contains("access key")
            }
        }
    }
}

@Suite struct S3UnreachableTests {
    @Test func unreachableStoresAreNamed() async throws {
        // The discard port: nobody listens there.
        let configuration = S3Configuration(endpoint: "http://127.0.0.1:9", bucket: "bucket", accessKey: "AK-hidden", secretKey: "SK-hidden")
        let store = try S3ObjectStore(
            configuration: configuration, retry: RetryPolicy(attempts: 2, first: .milliseconds(1), longest: .milliseconds(1)), logger: nil)
        await #expect {
            try await store.get("a")
        } throws: { error in
            guard let error = error as? ObjectStoreError, error.code == .unavailable else { return false }
            return error.message.contains("http://127.0.0.1:9") && !error.message.contains("hidden")
        }
        try await store.shutdown()
    }
}

/// On OpenStack Swift's S3 door, which checks signatures too, and with rclone as the client that is not ours.
@Suite(.enabled(if: environment["SEAWAY_SKIP_CLUSTER_TESTS"] != "1", "switched off by SEAWAY_SKIP_CLUSTER_TESTS"))
struct S3IndependentClientTests {
    private static func value(_ name: String) throws -> String {
        try #require(environment[name], "\(name) is not set: run 'eval $(scripts/cluster env)', or set SEAWAY_SKIP_CLUSTER_TESTS=1")
    }

    private func withStore(
        region: String = "us-east-1", host: String? = nil, pathStyle: Bool = true, partSize: Int = S3MultipartUpload.partSize,
        now: @escaping @Sendable () -> Date = { Date() }, _ body: (S3ObjectStore, String) async throws -> Void
    ) async throws {
        let bucket = "seaway-test-\(UUID().uuidString.lowercased())"
        var endpoint = try Self.value("SEAWAY_REGISTRY_S3_ENDPOINT")
        if let host, let port = URLComponents(string: endpoint)?.port { endpoint = "http://\(host):\(port)" }
        let store = try S3ObjectStore(
            configuration: S3Configuration(
                endpoint: endpoint, region: region, bucket: bucket, accessKey: try Self.value("SEAWAY_REGISTRY_S3_ACCESS_KEY"),
                secretKey: try Self.value("SEAWAY_REGISTRY_S3_SECRET_KEY"), pathStyle: pathStyle),
            retry: RetryPolicy(), logger: nil, partSize: partSize,
            addresses: pathStyle ? [:] : ["\(bucket).localhost": "127.0.0.1"], now: now)
        do {
            try await body(store, bucket)
        } catch {
            _ = try? rclone("purge", ":s3:\(bucket)")
            try await store.shutdown()
            throw error
        }
        _ = try rclone("purge", ":s3:\(bucket)")
        try await store.shutdown()
    }

    private func rclone(_ command: String, _ arguments: String...) throws -> Data {
        let settings = [
            "RCLONE_CONFIG": "/dev/null", "RCLONE_S3_PROVIDER": "Other", "NO_PROXY": "*",
            "RCLONE_S3_ENDPOINT": try Self.value("SEAWAY_REGISTRY_S3_ENDPOINT"),
            "RCLONE_S3_ACCESS_KEY_ID": try Self.value("SEAWAY_REGISTRY_S3_ACCESS_KEY"),
            "RCLONE_S3_SECRET_ACCESS_KEY": try Self.value("SEAWAY_REGISTRY_S3_SECRET_KEY"),
        ]
        return try run([try Self.value("SEAWAY_RCLONE"), command] + arguments, environment: settings)
    }

    @Test func conformance() async throws {
        try await withStore { (store: S3ObjectStore, _: String) async throws in try await checkConformance(store) }
    }

    @Test func whatOneWritesTheOtherReads() async throws {
        try await withStore(partSize: 5 << 20) { (store: S3ObjectStore, bucket: String) async throws in
            // Three parts, the last one short.
            let large = (0..<(11 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 12) }
            try await store.put("ours/large", large)
            #expect(try Array(rclone("cat", ":s3:\(bucket)/ours/large")) == large)
            let file = NSTemporaryDirectory() + "seaway-\(UUID().uuidString)"
            defer { try? FileManager.default.removeItem(atPath: file) }
            try Data(large).write(to: URL(fileURLWithPath: file))
            _ = try rclone("copyto", file, ":s3:\(bucket)/theirs/large")
            #expect(try await store.get("theirs/large") == large)
            #expect(try await store.list("") == ["ours/large", "theirs/large"])
        }
    }

    @Test(arguments: ["with space", "a+b", "100%", "ünï/日本", "q?x=1&y", "tilde~'()!*;:@$,=", "a%2Fb"])
    func oddKeysAreSignedAsTheyAreSent(_ key: String) async throws {
        try await withStore { (store: S3ObjectStore, bucket: String) async throws in
            try await store.write(key, Array(key.utf8), "write")
            #expect(try await store.send(.get(key), "read").body == Array(key.utf8))
            let listing = try S3Listing(try await store.send(.list(prefix: String(key.prefix(2)), continuation: nil), "list").body)
            #expect(listing.keys == [key])
            #expect(try Array(rclone("cat", ":s3:\(bucket)/\(key)")) == Array(key.utf8))
        }
    }

    private static let twoHoursAgo: @Sendable () -> Date = { Date(timeIntervalSinceNow: -7200) }

    @Test func regionsAndClocksAreFound() async throws {
        let late: @Sendable () -> Date = { Date(timeIntervalSinceNow: -7200) }
        try await withStore(region: "eu-north-1", now: late) { (store: S3ObjectStore, _: String) async throws in
            try await store.put("a", [1])
            #expect(try await store.get("a") == [1])
        }
    }

    @Test func bucketsInTheNameOfTheHost() async throws {
        try await withStore(host: "localhost", pathStyle: false) { (store: S3ObjectStore, bucket: String) async throws in
            try await store.put("a/b", [1, 2])
            #expect(try await store.get("a/b") == [1, 2])
            #expect(try Array(rclone("cat", ":s3:\(bucket)/a/b")) == [1, 2])
        }
    }
}

/// On rclone's S3 door over TLS, with a certificate of an authority that no system knows. It checks signatures, too.
@Suite(.enabled(if: environment["SEAWAY_SKIP_CLUSTER_TESTS"] != "1", "switched off by SEAWAY_SKIP_CLUSTER_TESTS"))
struct S3OverTLSTests {
    @Test func aStoreWhoseAuthorityIsGiven() async throws {
        let program = try #require(environment["SEAWAY_RCLONE"], "SEAWAY_RCLONE is not set: run 'eval $(scripts/cluster env)'")
        let certificate = try TestCertificate()
        defer { certificate.remove() }
        let data = certificate.directory + "/data"
        try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
        let port = try await freePort()
        let arguments = ["--addr=127.0.0.1:\(port)", "--cert", certificate.chain, "--key", certificate.key, "--vfs-cache-mode=off", data]
        let settings = ["RCLONE_CONFIG": "/dev/null", "RCLONE_CACHE_DIR": certificate.directory, "RCLONE_AUTH_KEY": "\"access,secret\""]
        try await withServer([program, "serve", "s3"] + arguments, environment: settings, log: certificate.directory + "/log") {
            var configuration = S3Configuration(
                endpoint: "https://localhost:\(port)", bucket: "bucket", accessKey: "access", secretKey: "secret",
                certificateAuthority: try String(contentsOfFile: certificate.chain, encoding: .utf8))
            // Until it listens, that is a reason that passes.
            let store = try S3ObjectStore(configuration: configuration, retry: RetryPolicy(attempts: 12), logger: nil)
            try await store.prepare()
            try await checkConformance(store)
            try await store.shutdown()

            configuration.certificateAuthority = nil
            let stranger = try S3ObjectStore(configuration: configuration, retry: RetryPolicy(attempts: 1), logger: nil)
            await #expect { try await stranger.prepare() } throws: { ($0 as? ObjectStoreError)?.message.contains("SEAWAY_S3_CA") == true }
            try await stranger.shutdown()
            configuration.certificateAuthority = try String(contentsOfFile: certificate.chain, encoding: .utf8)
            configuration.secretKey = "another"
            let liar = try S3ObjectStore(configuration: configuration, retry: RetryPolicy(attempts: 1), logger: nil)
            await #expect { try await liar.prepare() } throws: { ($0 as? ObjectStoreError)?.code == .refused }
            try await liar.shutdown()
        }
    }
}
