import Foundation
import Testing

@testable import ObjectStore

@Suite struct S3RequestTests {
    private let date = Date(timeIntervalSince1970: 1_440_938_160)

    private func configuration(pathStyle: Bool, endpoint: String = "http://store:9000", token: String? = nil) -> S3Configuration {
        S3Configuration(
            endpoint: endpoint, bucket: "bucket", accessKey: "AK-hidden", secretKey: "SK-hidden", sessionToken: token, pathStyle: pathStyle)
    }

    @Test func bothStylesOfAddress() throws {
        let request = S3Request.get("a/b")
        let path = try request.signed(with: configuration(pathStyle: true), date: date)
        #expect(path.url == "http://store:9000/bucket/a/b")
        #expect(path.headers.contains(.init(name: "host", value: "store:9000")))
        let host = try request.signed(with: configuration(pathStyle: false, endpoint: "https://s3.example"), date: date)
        #expect(host.url == "https://bucket.s3.example/a/b")
        #expect(host.headers.contains(.init(name: "host", value: "bucket.s3.example")))
        let bucket = try S3Request.createBucket(region: "us-east-1").signed(with: configuration(pathStyle: false), date: date)
        #expect(bucket.url == "http://bucket.store:9000/")
    }

    @Test func listingsAreEncoded() throws {
        let signed = try S3Request.list(prefix: "a/", continuation: "x+/=").signed(with: configuration(pathStyle: true), date: date)
        #expect(signed.url == "http://store:9000/bucket?continuation-token=x%2B%2F%3D&list-type=2&max-keys=1000&prefix=a%2F")
    }

    @Test func bodyAndTokenAreSigned() throws {
        let signed = try S3Request.put("k", [1, 2, 3]).signed(with: configuration(pathStyle: true, token: "session"), date: date)
        #expect(signed.headers.contains(.init(name: "x-amz-security-token", value: "session")))
        #expect(signed.headers.contains(.init(name: "x-amz-date", value: "20150830T123600Z")))
        #expect(signed.headers.contains(.init(name: "x-amz-content-sha256", value: SignatureV4.sha256([1, 2, 3]))))
        let authorization = try #require(signed.headers.first { $0.name == "authorization" }?.value)
        #expect(authorization.contains("SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,"))
        #expect(!authorization.contains("SK-hidden"))
    }

    @Test func regionsAreNamedWhenBucketsAreMade() {
        #expect(S3Request.createBucket(region: "us-east-1").body.isEmpty)
        #expect(String(decoding: S3Request.createBucket(region: "eu-west-1").body, as: UTF8.self).contains(">eu-west-1<"))
    }

    @Test func descriptionsHideCredentials() {
        let configuration = configuration(pathStyle: true, token: "token-hidden")
        var dumped = ""
        dump(configuration, to: &dumped)
        for text in ["\(configuration)", String(reflecting: configuration), dumped, "\([configuration])", "\(Optional(configuration) as Any)"] {
            #expect(!text.contains("hidden"))
        }
    }

    @Test func listingsAreParsed() throws {
        let page = """
            <?xml version="1.0" encoding="UTF-8"?>
            <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix>a/</Prefix><IsTruncated>true</IsTruncated>
            <Contents><Key>a/1</Key><Owner><ID>x</ID></Owner></Contents><Contents><Key>a/&amp;2</Key></Contents>
            <CommonPrefixes><Prefix>no</Prefix></CommonPrefixes><NextContinuationToken>go on=</NextContinuationToken></ListBucketResult>
            """
        let listing = try S3Listing(Array(page.utf8))
        #expect(listing.keys == ["a/1", "a/&2"])
        #expect(listing.continuation == "go on=")
        let last = try S3Listing(Array(page.replacingOccurrences(of: "true", with: "false").utf8))
        #expect(last.continuation == nil)
    }

    @Test(arguments: [
        "", "garbage", "<a/>", "<ListBucketResult></ListBucketResult>", "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        "<html><body>a proxy's page</body></html>",
    ])
    func otherAnswersAreRefused(_ text: String) {
        #expect { try S3Listing(Array(text.utf8)) } throws: { ($0 as? ObjectStoreError)?.code == .invalidResponse }
    }

    @Test func delaysGrowAndEnd() {
        let policy = RetryPolicy(attempts: 4, first: .milliseconds(100), longest: .milliseconds(300))
        #expect(policy.delay(after: 1, jitter: 1) == .milliseconds(100))
        #expect(policy.delay(after: 2, jitter: 1) == .milliseconds(200))
        #expect(policy.delay(after: 3, jitter: 1) == .milliseconds(300))
        #expect(policy.delay(after: 3, jitter: 0) == .milliseconds(150))
        #expect(policy.delay(after: 4, jitter: 1) == nil)
    }
}

@Suite struct ObjectStoreURLTests {
    @Test func understood() throws {
        #expect(try ObjectStoreURL("file:///var/lib/seaway") == .file(directory: "/var/lib/seaway"))
        #expect(
            try ObjectStoreURL("s3://seaway?endpoint=http://store:9000")
                == .s3(bucket: "seaway", prefix: "", endpoint: "http://store:9000", region: "us-east-1", pathStyle: true))
        #expect(
            try ObjectStoreURL("s3://my.bucket/a/b/?region=eu-west-1")
                == .s3(bucket: "my.bucket", prefix: "a/b", endpoint: "https://s3.eu-west-1.amazonaws.com", region: "eu-west-1", pathStyle: true))
        #expect(
            try ObjectStoreURL("s3://seaway?endpoint=https%3A%2F%2Fs3.example&style=host")
                == .s3(bucket: "seaway", prefix: "", endpoint: "https://s3.example", region: "us-east-1", pathStyle: false))
    }

    @Test(arguments: [
        "", "seaway", "http://x", "file://relative", "file:///", "s3://", "s3:///x", "s3://UPPER", "s3://ab", "s3://bucket?endpoint=ftp://x",
        "s3://bucket?endpoint=http://x/path", "s3://bucket?endpiont=http://x", "s3://bucket?style=yes", "s3://bucket/../x",
        "s3://bucket?region=a/b",
        "s3://key:secret@bucket",
    ])
    func refused(_ text: String) {
        #expect { try ObjectStoreURL(text) } throws: { error in
            guard let error = error as? ObjectStoreError else { return false }
            return !error.message.contains("secret@") && [.invalidConfiguration, .invalidKey].contains(error.code)
        }
    }

    @Test func s3NeedsCredentials() throws {
        let url = try ObjectStoreURL("s3://seaway?endpoint=http://store:9000")
        #expect { try url.open(accessKey: "x", secretKey: "") } throws: { error in
            (error as? ObjectStoreError)?.message.contains("SEAWAY_S3_SECRET_KEY") == true
        }
    }
}
