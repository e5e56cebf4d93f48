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

/// Temporary credentials on moto, which gives them as AWS does and checks each signature and token.
@Suite(.enabled(if: environment["SEAWAY_SKIP_CLUSTER_TESTS"] != "1", "switched off by SEAWAY_SKIP_CLUSTER_TESTS"))
struct S3SessionTests {
    private struct Session: Decodable {
        var url: String
        var accessKey: String
        var secretKey: String
        var token: String
    }

    /// Serves until it is ended. Nobody has rights on it before the role is made, so the first three requests need none.
    private static let server = """
        import json, os, sys, threading
        os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "3"
        import boto3
        from moto.server import ThreadedMotoServer
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
        server.start()
        url = "http://%s:%d" % server.get_host_and_port()
        def client(name):
            return boto3.client(name, endpoint_url=url, region_name="eu-central-1", aws_access_key_id="-", aws_secret_access_key="-")
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
        role = client("iam").create_role(RoleName="seaway", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        client("iam").put_role_policy(RoleName="seaway", PolicyName="s3", PolicyDocument=json.dumps(policy))
        session = client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
        with open(sys.argv[1] + ".new", "w") as file:
            json.dump({"url": url, "accessKey": session["AccessKeyId"], "secretKey": session["SecretAccessKey"],
                       "token": session["SessionToken"]}, file)
        os.rename(sys.argv[1] + ".new", sys.argv[1])
        threading.Event().wait()
        """

    @Test(.timeLimit(.minutes(10))) func temporaryCredentialsNeedTheirToken() async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "seaway-moto-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let home = environment["HOME"] ?? ""
        let packages = "\(environment["XDG_CACHE_HOME"] ?? "\(home)/.cache")/seaway/tools/python"
        try await withServer(
            ["/usr/bin/env", "python3", "-c", Self.server, "\(directory)/session"], environment: ["PYTHONPATH": packages], log: "\(directory)/log"
        ) {
            let deadline = ContinuousClock.now + .seconds(120)
            while !FileManager.default.fileExists(atPath: "\(directory)/session") {
                let log = try String(contentsOfFile: "\(directory)/log", encoding: .utf8)
                try #require(ContinuousClock.now < deadline, "\(log)")
                try await Task.sleep(for: .milliseconds(50))
            }
            let session = try JSONDecoder().decode(Session.self, from: Data(contentsOf: URL(fileURLWithPath: "\(directory)/session")))
            func use(_ token: String?, secretKey: String? = nil, _ body: (S3ObjectStore) async throws -> Void) async throws {
                let configuration = S3Configuration(
                    endpoint: session.url, region: "eu-central-1", bucket: "bucket", accessKey: session.accessKey,
                    secretKey: secretKey ?? session.secretKey, sessionToken: token)
                let store = try S3ObjectStore(configuration: configuration, retry: RetryPolicy(attempts: 1), logger: nil)
                let result: Result<Void, any Error>
                do { result = .success(try await body(store)) } catch { result = .failure(error) }
                try await store.shutdown()
                try result.get()
            }
            // Not the whole of what a store must do: moto takes nobody's signature of a query with a `/`, not even that of AWS' own client.
            try await use(session.token) { store in
                try await store.prepare()
                try await store.put("a-1", [1, 2])
                #expect(try await store.get("a-1") == [1, 2])
                #expect(try await store.head("a-1") == 2)
                #expect(try await store.list("") == ["a-1"])
                try await store.delete("a-1")
                #expect(try await store.get("a-1") == nil)
            }
            for (token, secretKey) in [(nil, nil), ("another", nil), (session.token, "another")] as [(String?, String?)] {
                try await use(token, secretKey: secretKey) { store in
                    await #expect { try await store.put("a", [1]) } throws: { error in
                        let message = (error as? ObjectStoreError)?.message ?? ""
                        return (error as? ObjectStoreError)?.code == .refused && !message.contains(session.token)
                            && !message.contains(session.secretKey)
                    }
                }
            }
        }
    }
}
