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
    /// PEM certificates that are trusted instead of the system's.
    public var certificateAuthority: String?

    public init(
        endpoint: String, region: String = "us-east-1", bucket: String, prefix: String = "", accessKey: String, secretKey: String,
        sessionToken: String? = nil, pathStyle: Bool = true, certificateAuthority: String? = nil
    ) {
        self.endpoint = endpoint
        self.region = region
        self.bucket = bucket
        self.prefix = prefix
        self.accessKey = accessKey
        self.secretKey = secretKey
        self.sessionToken = sessionToken
        self.pathStyle = pathStyle
        self.certificateAuthority = certificateAuthority
    }

    /// The same bucket in another region. Only AWS's own endpoints have the region in their name.
    func moved(to region: String) -> S3Configuration {
        var moved = self
        moved.region = region
        if endpoint == Self.amazon(self.region) { moved.endpoint = Self.amazon(region) }
        return moved
    }

    static func amazon(_ region: String) -> String { "https://s3.\(region).amazonaws.com" }

    static func isRegion(_ name: String) -> Bool {
        (1...64).contains(name.utf8.count) && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
    }
}

extension S3Configuration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "s3://\(bucket)/\(prefix) at \(endpoint)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["endpoint": endpoint, "bucket": bucket, "prefix": prefix, "region": region]) }
}
