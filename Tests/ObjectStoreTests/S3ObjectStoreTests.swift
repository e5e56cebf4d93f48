import Foundation
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
    @Test(.timeLimit(.minutes(5))) func listingsGoOverManyPages() async throws {
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
