import Foundation
import Logging

/// Where objects are kept, as written in options: `file:///var/lib/seaway`, or
/// `s3://BUCKET/PREFIX?endpoint=http://HOST:PORT&region=REGION&style=path`.
///
/// The query of `s3://` is optional. Without `endpoint`, the store is AWS's in `region`; `region` is `us-east-1` by
/// default, and another one is found when the store names it. `style` is where the bucket's name goes: `path` or `host`;
/// by default into the path when there is an endpoint, or a dot in the name, which no certificate would cover.
public enum ObjectStoreURL: Sendable, Equatable {
    case file(directory: String)
    case s3(bucket: String, prefix: String, endpoint: String, region: String, pathStyle: Bool)

    /// - Throws: `ObjectStoreError` with code `invalidConfiguration` that says what is wrong.
    public init(_ text: String) throws(ObjectStoreError) {
        guard let parts = URLComponents(string: text), let scheme = parts.scheme else {
            throw ObjectStoreURL.invalid(text, "it is no URL")
        }
        guard parts.user == nil, parts.password == nil else {
            throw ObjectStoreError(
                .invalidConfiguration, "The URL of the store must not hold credentials; give them as SEAWAY_S3_ACCESS_KEY and SEAWAY_S3_SECRET_KEY.")
        }
        switch scheme {
        case "file":
            guard parts.host ?? "" == "", parts.path.hasPrefix("/"), parts.path.count > 1 else {
                throw ObjectStoreURL.invalid(text, "a directory is written file:///absolute/path")
            }
            self = .file(directory: parts.path)
        case "s3": self = try ObjectStoreURL.s3(text, parts)
        default: throw ObjectStoreURL.invalid(text, "the scheme is s3 or file")
        }
    }

    private static func s3(_ text: String, _ parts: URLComponents) throws(ObjectStoreError) -> ObjectStoreURL {
        guard let bucket = parts.host, isBucketName(bucket) else {
            throw invalid(text, "a bucket's name has 3 to 63 lower-case letters, digits, '.' and '-'")
        }
        var endpoint: String?
        var region = "us-east-1"
        var pathStyle: Bool?
        for item in parts.queryItems ?? [] {
            switch (item.name, item.value ?? "") {
            case ("endpoint", let value): endpoint = value
            case ("region", let value) where S3Configuration.isRegion(value):
                region = value
            case ("style", "path"): pathStyle = true
            case ("style", "host"): pathStyle = false
            default: throw invalid(text, "'\(item.name)' is not understood; endpoint, region and style=path|host are")
            }
        }
        if let endpoint {
            guard let url = URLComponents(string: endpoint), ["http", "https"].contains(url.scheme), url.host?.isEmpty == false,
                ["", "/"].contains(url.path), url.query == nil, url.user == nil
            else { throw invalid(text, "an endpoint is written http://HOST:PORT or https://HOST:PORT") }
        }
        let prefix = parts.path.split(separator: "/").joined(separator: "/")
        if !prefix.isEmpty { try ObjectKey.check(prefix) }
        return .s3(
            bucket: bucket, prefix: prefix, endpoint: endpoint ?? S3Configuration.amazon(region), region: region,
            pathStyle: pathStyle ?? (endpoint != nil || bucket.contains(".")))
    }

    /// Opens the store.
    /// - Parameters:
    ///   - accessKey: For `s3://`, the access key.
    ///   - secretKey: For `s3://`, the secret key.
    ///   - sessionToken: For `s3://` with temporary credentials; an empty one counts as none.
    ///   - certificateAuthority: For `s3://` over TLS: PEM certificates that are trusted instead of the system's; empty counts as none.
    /// - Throws: `ObjectStoreError` with code `invalidConfiguration`, when credentials are missing.
    public func open(
        accessKey: String? = nil, secretKey: String? = nil, sessionToken: String? = nil, certificateAuthority: String? = nil, logger: Logger? = nil
    ) throws -> any ObjectStore {
        switch self {
        case .file(let directory): return DirectoryObjectStore(root: directory)
        case .s3(let bucket, let prefix, let endpoint, let region, let pathStyle):
            guard let accessKey, let secretKey, !accessKey.isEmpty, !secretKey.isEmpty else {
                throw ObjectStoreError(.invalidConfiguration, "An s3:// store needs SEAWAY_S3_ACCESS_KEY and SEAWAY_S3_SECRET_KEY.")
            }
            let configuration = S3Configuration(
                endpoint: endpoint, region: region, bucket: bucket, prefix: prefix, accessKey: accessKey, secretKey: secretKey,
                sessionToken: sessionToken?.isEmpty == false ? sessionToken : nil, pathStyle: pathStyle,
                certificateAuthority: certificateAuthority?.isEmpty == false ? certificateAuthority : nil)
            return try S3ObjectStore(configuration: configuration, logger: logger)
        }
    }

    private static func isBucketName(_ name: String) -> Bool {
        (3...63).contains(name.utf8.count) && name.first != "." && name.first != "-"
            && name.allSatisfy { $0.isASCII && ($0.isLowercase || $0.isNumber || $0 == "." || $0 == "-") }
    }

    private static func invalid(_ text: String, _ why: String) -> ObjectStoreError {
        ObjectStoreError(.invalidConfiguration, "The URL of the store, '\(text)', is not valid: \(why).")
    }
}
