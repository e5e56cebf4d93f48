import Foundation

/// Where an S3 bucket is and how to sign in. Its descriptions never show the credentials.
public struct S3Configuration: Sendable, Equatable {
    /// `http://host:port` or `https://host`.
    public var endpoint: String
    public var region: String
    public var bucket: String
    /// Segments before every key, without `/` at either end; may be empty.
    public var prefix: String
    public var accessKey: String
    public var secretKey: String
    /// For temporary credentials.
    public var sessionToken: String?
    /// The bucket is the first segment of the path; else the first label of the host name.
    public var pathStyle: Bool

    public init(
        endpoint: String, region: String = "us-east-1", bucket: String, prefix: String = "", accessKey: String, secretKey: String,
        sessionToken: String? = nil, pathStyle: Bool = true
    ) {
        self.endpoint = endpoint
        self.region = region
        self.bucket = bucket
        self.prefix = prefix
        self.accessKey = accessKey
        self.secretKey = secretKey
        self.sessionToken = sessionToken
        self.pathStyle = pathStyle
    }
}

extension S3Configuration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "s3://\(bucket)/\(prefix) at \(endpoint)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["endpoint": endpoint, "bucket": bucket, "prefix": prefix, "region": region]) }
}
