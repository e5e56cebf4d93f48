import Foundation

/// A request to S3 as a value: what is asked, before it is signed.
struct S3Request: Sendable {
    var method: String
    /// `nil` for requests about the bucket itself.
    var key: String?
    var query: [(String, String)] = []
    var body: [UInt8] = []
    /// Whether the answer may be a failure though its status is 200.
    var mayHideError = false

    /// A request that is ready to be sent.
    struct Signed: Sendable, Equatable {
        struct Header: Sendable, Equatable {
            var name: String
            var value: String
        }

        var url: String
        var headers: [Header]
    }

    /// - Throws: `ObjectStoreError` with code `invalidConfiguration` when the endpoint is no URL.
    func signed(with configuration: S3Configuration, date: Date) throws(ObjectStoreError) -> Signed {
        guard let endpoint = URLComponents(string: configuration.endpoint), let scheme = endpoint.scheme, let name = endpoint.host else {
            throw ObjectStoreError(.invalidConfiguration, "The endpoint '\(configuration.endpoint)' is no URL; write http://HOST:PORT.")
        }
        let host = (configuration.pathStyle ? "" : configuration.bucket + ".") + name + (endpoint.port.map { ":\($0)" } ?? "")
        let segments = (configuration.pathStyle ? [configuration.bucket] : []) + (key.map { [$0] } ?? [])
        let path = "/" + SignatureV4.encode(segments.joined(separator: "/"), keeping: "/")
        let payload = SignatureV4.sha256(body)
        var headers = [("host", host), ("x-amz-content-sha256", payload), ("x-amz-date", SignatureV4.timestamp(date))]
        if let token = configuration.sessionToken { headers.append(("x-amz-security-token", token)) }
        let signer = SignatureV4(
            accessKey: configuration.accessKey, secretKey: configuration.secretKey, region: configuration.region, service: "s3")
        let authorization = signer.authorization(
            method: method, path: path, query: query, headers: headers, payloadHash: payload, date: date)
        headers.append(("authorization", authorization))
        let target = query.isEmpty ? path : "\(path)?\(SignatureV4.queryString(query))"
        return Signed(url: "\(scheme)://\(host)\(target)", headers: headers.map { Signed.Header(name: $0.0, value: $0.1) })
    }
}

extension S3Request {
    static func put(_ key: String, _ body: [UInt8]) -> S3Request { S3Request(method: "PUT", key: key, body: body) }
    static func get(_ key: String) -> S3Request { S3Request(method: "GET", key: key) }
    static func head(_ key: String) -> S3Request { S3Request(method: "HEAD", key: key) }
    static func delete(_ key: String) -> S3Request { S3Request(method: "DELETE", key: key) }
    static let firstKey = S3Request(method: "GET", query: [("list-type", "2"), ("max-keys", "1")])

    static func beginUpload(_ key: String) -> S3Request { S3Request(method: "POST", key: key, query: [("uploads", "")]) }

    static func uploadPart(_ key: String, id: String, number: Int, _ body: [UInt8]) -> S3Request {
        S3Request(method: "PUT", key: key, query: [("partNumber", "\(number)"), ("uploadId", id)], body: body)
    }

    static func abortUpload(_ key: String, id: String) -> S3Request { S3Request(method: "DELETE", key: key, query: [("uploadId", id)]) }

    /// - Parameter tags: What the store named each part, in order.
    static func completeUpload(_ key: String, id: String, tags: [String]) -> S3Request {
        let parts = tags.enumerated().map { "<Part><PartNumber>\($0.offset + 1)</PartNumber><ETag>\(S3XML.escaped($0.element))</ETag></Part>" }
        let body = "<CompleteMultipartUpload>\(parts.joined())</CompleteMultipartUpload>"
        return S3Request(method: "POST", key: key, query: [("uploadId", id)], body: Array(body.utf8), mayHideError: true)
    }

    static func list(prefix: String, continuation: String?) -> S3Request {
        var query = [("list-type", "2"), ("max-keys", "1000"), ("prefix", prefix)]
        if let continuation { query.append(("continuation-token", continuation)) }
        return S3Request(method: "GET", query: query)
    }

    static func createBucket(region: String) -> S3Request {
        // The oldest region has no name in this request.
        guard region != "us-east-1" else { return S3Request(method: "PUT") }
        let body = "<CreateBucketConfiguration><LocationConstraint>\(region)</LocationConstraint></CreateBucketConfiguration>"
        return S3Request(method: "PUT", body: Array(body.utf8))
    }
}
