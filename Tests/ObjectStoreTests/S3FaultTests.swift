import Foundation
import NIOHTTP1
import ScriptedServer
import Testing

@testable import ObjectStore

/// What a real server cannot be made to do.
@Suite struct S3FaultTests {
    private typealias Reply = ScriptedServer.Reply

    private static func error(_ code: String, _ more: String = "") -> String {
        "<?xml version=\"1.0\"?><Error><Code>\(code)</Code><Message>secret words</Message>\(more)</Error>"
    }

    private func withStore(
        partSize: Int = S3MultipartUpload.partSize, region: String = "us-east-1",
        _ answer: @escaping @Sendable (ScriptedServer.Request, Int) -> ScriptedServer.Reply,
        body: (S3ObjectStore, ScriptedServer) async throws -> Void
    ) async throws {
        let server = try await ScriptedServer(answer: answer)
        let store = try S3ObjectStore(
            configuration: S3Configuration(
                endpoint: "http://127.0.0.1:\(server.port)", region: region, bucket: "bucket", accessKey: "AK-hidden", secretKey: "SK-hidden",
                sessionToken: "ST-hidden"),
            retry: RetryPolicy(attempts: 3, first: .milliseconds(1), longest: .milliseconds(2)), logger: nil, partSize: partSize)
        do {
            try await body(store, server)
        } catch {
            try await store.shutdown()
            try await server.shutdown()
            throw error
        }
        try await store.shutdown()
        try await server.shutdown()
    }

    @Test(arguments: [
        ScriptedServer.Reply(503, [], error("SlowDown")), .init(500, [], error("InternalError")), .init(400, [], error("RequestTimeout")),
        .init(200, [], "the whole of it", cut: true),
    ])
    func whatPassesIsTriedAgain(_ first: ScriptedServer.Reply) async throws {
        try await withStore(
            { _, number in number < 3 ? first : Reply(200, [], "content") },
            body: {
                (store: S3ObjectStore, server: ScriptedServer) async throws in
                #expect(try await store.get("a") == Array("content".utf8))
                #expect(server.requests.count == 3)
            })
    }

    @Test func whatDoesNotPassEndsWithTheReason() async throws {
        try await withStore(
            { _, _ in Reply(503, [], Self.error("SlowDown")) },
            body: { (store: S3ObjectStore, server: ScriptedServer) async throws in
                await #expect {
                    try await store.put("a", [1])
                } throws: {
                    guard let error = $0 as? ObjectStoreError else { return false }
                    return error.code == .unavailable && error.message.contains("503, SlowDown") && !error.message.contains("secret")
                }
                #expect(server.requests.count == 3)
            })
    }

    @Test(arguments: [
        ("InvalidAccessKeyId", "SEAWAY_S3_ACCESS_KEY"), ("SignatureDoesNotMatch", "SEAWAY_S3_SECRET_KEY"),
        ("ExpiredToken", "SEAWAY_S3_SESSION_TOKEN"), ("AccessDenied", "permissions"),
    ])
    func refusalsSayWhatToDo(_ code: String, _ advice: String) async throws {
        try await withStore(
            { _, _ in Reply(403, [], Self.error(code)) },
            body: { (store: S3ObjectStore, server: ScriptedServer) async throws in
                await #expect {
                    try await store.prepare()
                } throws: {
                    guard let error = $0 as? ObjectStoreError, error.code == .refused else { return false }
                    return error.message.contains(code) && error.message.contains(advice) && !error.message.contains("hidden")
                }
                #expect(server.requests.count == 1)
            })
    }

    @Test func clocksThatDifferAreAllowedFor() async throws {
        let ahead = Date(timeIntervalSinceNow: 5 * 3600)
        let words = DateFormatter()
        words.locale = Locale(identifier: "en_US_POSIX")
        words.timeZone = TimeZone(secondsFromGMT: 0)
        words.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        let header = words.string(from: ahead)
        // A server that refuses what is signed more than 15 minutes from its own time, HEAD without a word.
        let stamp = SignatureV4.timestamp(ahead).prefix(11)
        try await withStore(
            { request, _ in
                let signed = request.headers.first(name: "x-amz-date") ?? ""
                let near = [stamp, SignatureV4.timestamp(ahead.addingTimeInterval(60)).prefix(11)].contains(signed.prefix(11))
                if near { return Reply(200, [("Date", header)], "0123") }
                return Reply(403, [("Date", header)], request.method == "HEAD" ? "" : Self.error("RequestTimeTooSkewed"))
            },
            body: { (store: S3ObjectStore, server: ScriptedServer) async throws in
                #expect(try await store.head("a") == 4)
                #expect(try await store.get("a") == Array("0123".utf8))
                // Learnt once, used from then on.
                #expect(server.requests.map(\.method) == ["HEAD", "HEAD", "GET"])
            })
    }

    @Test(arguments: [
        ScriptedServer.Reply(301, [("x-amz-bucket-region", "eu-west-3")], error("PermanentRedirect")),
        .init(400, [], error("AuthorizationHeaderMalformed", "<Region>eu-west-3</Region>")), .init(400, [("x-amz-bucket-region", "eu-west-3")]),
    ])
    func regionsAreFound(_ elsewhere: ScriptedServer.Reply) async throws {
        try await withStore(
            { request, _ in
                request.headers.first(name: "authorization")?.contains("/eu-west-3/s3/") == true ? Reply(200, [], "content") : elsewhere
            },
            body: { (store: S3ObjectStore, server: ScriptedServer) async throws in
                #expect(try await store.get("a") == Array("content".utf8))
                #expect(try await store.get("a") == Array("content".utf8))
                #expect(server.requests.count == 3)
            })
    }

    @Test func regionsThatAreNoneAreNotFollowed() async throws {
        try await withStore(
            { _, _ in Reply(301, [("x-amz-bucket-region", "evil.example/")]) },
            body: {
                (store: S3ObjectStore, server: ScriptedServer) async throws in
                await #expect(throws: ObjectStoreError.self) { try await store.get("a") }
                #expect(server.requests.count == 1)
            })
    }

    @Test func largeObjectsGoInPartsThatAreTriedAgain() async throws {
        try await withStore(
            partSize: 4,
            { request, number in
                if request.method == "POST", request.target.hasSuffix("?uploads=") {
                    return Reply(200, [], "<InitiateMultipartUploadResult><UploadId>id+1</UploadId></InitiateMultipartUploadResult>")
                }
                if request.method == "PUT" {
                    let first = request.target.contains("partNumber=1&") && number < 5
                    return first
                        ? Reply(503, [], Self.error("SlowDown")) : Reply(200, [("ETag", "\"\(String(decoding: request.body, as: UTF8.self))\"")])
                }
                return Reply(200, [], "<CompleteMultipartUploadResult/>")
            },
            body: { (store: S3ObjectStore, server: ScriptedServer) async throws in
                try await store.put("a", Array("0123456789".utf8))
                let last = try #require(server.requests.last)
                #expect(last.target == "/bucket/a?uploadId=id%2B1")
                let tags = try #require(S3XML(last.body)).all("CompleteMultipartUpload/Part/ETag")
                #expect(tags == ["\"0123\"", "\"4567\"", "\"89\""])
                #expect(server.requests.allSatisfy { $0.headers.first(name: "x-amz-security-token") == "ST-hidden" })
            })
    }

    /// A completion may fail with status 200.
    @Test func uploadsThatFailAreAborted() async throws {
        try await withStore(
            partSize: 4,
            { request, _ in
                if request.method == "POST", request.target.hasSuffix("?uploads=") {
                    return Reply(200, [], "<InitiateMultipartUploadResult><UploadId>id</UploadId></InitiateMultipartUploadResult>")
                }
                if request.method == "DELETE" { return Reply(204) }
                return request.method == "PUT" ? Reply(200, [("ETag", "x")]) : Reply(200, [], Self.error("InvalidPart"))
            },
            body: { (store: S3ObjectStore, server: ScriptedServer) async throws in
                await #expect(throws: ObjectStoreError.self) { try await store.put("a", Array("0123456789".utf8)) }
                #expect(server.requests.last?.method == "DELETE")
                #expect(server.requests.last?.target == "/bucket/a?uploadId=id")
            })
    }

    @Test func bucketsMadeByOthersMeanwhileAreTaken() async throws {
        try await withStore(
            { request, number in
                switch number {
                case 1: Reply(404, [], Self.error("NoSuchBucket"))
                case 2: Reply(409, [], Self.error("BucketAlreadyOwnedByYou"))
                default: Reply(200)
                }
            },
            body: { (store: S3ObjectStore, server: ScriptedServer) async throws in
                try await store.put("a", [1])
                #expect(server.requests.map(\.method) == ["PUT", "PUT", "PUT"])
            })
    }

    // MARK: Connections

    private func message(_ endpoint: String, authority: String? = nil) async throws -> String {
        let store = try S3ObjectStore(
            configuration: S3Configuration(
                endpoint: endpoint, bucket: "bucket", accessKey: "AK-hidden", secretKey: "SK-hidden", certificateAuthority: authority),
            retry: RetryPolicy(attempts: 1), logger: nil)
        var message = ""
        do {
            _ = try await store.get("a")
        } catch let error as ObjectStoreError {
            message = error.message
        }
        try await store.shutdown()
        #expect(!message.contains("hidden"))
        return message
    }

    @Test func connectionsThatFailSayWhy() async throws {
        #expect(try await message("http://127.0.0.1:9").contains("nobody listens there"))
        #expect(try await message("http://nowhere.invalid:80").contains("the name nowhere.invalid is not known"))
    }

    @Test func onlyTheCertificateAuthorityThatIsGivenIsTrusted() async throws {
        let certificate = try TestCertificate()
        defer { certificate.remove() }
        let server = try await ScriptedServer(certificate: (certificate.chain, certificate.key)) { _, _ in Reply(404, [], Self.error("NoSuchKey")) }
        let endpoint = "https://localhost:\(server.port)"
        let unknown = try await message(endpoint)
        #expect(unknown.contains("not trusted") && unknown.contains("SEAWAY_S3_CA"))
        let authority = try String(contentsOfFile: certificate.chain, encoding: .utf8)
        #expect(try await message(endpoint, authority: authority) == "")
        #expect(server.requests.count == 1)
        #expect(throws: ObjectStoreError.self) {
            try S3ObjectStore(
                configuration: S3Configuration(endpoint: endpoint, bucket: "bucket", accessKey: "a", secretKey: "b", certificateAuthority: "none"))
        }
        try await server.shutdown()
    }
}
