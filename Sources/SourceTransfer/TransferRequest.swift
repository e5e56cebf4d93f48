import Foundation
import Source

/// A request to the operator's source API. The path begins with `/v1/`; a transport puts its own address (or that of
/// the service proxy) before it and adds the token.
public struct TransferRequest: Sendable, Equatable {
    public var method: String
    public var path: String
    public var headers: [String: String]
    public var body: Data?

    public init(method: String, path: String, headers: [String: String] = [:], body: Data? = nil) {
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
    }
}

/// What came back, success or not.
public struct TransferResponse: Sendable, Equatable {
    public var status: Int
    public var body: Data

    public init(status: Int, body: Data) {
        self.status = status
        self.body = body
    }
}

/// Sends a request. Throws when there is no answer. A `TransferError` that is thrown is final, unless it is `interrupted`; anything
/// else is tried again.
public typealias TransferTransport = @Sendable (TransferRequest) async throws -> TransferResponse

/// The requests of the source API. Requests are values: building one sends nothing.
public struct SourceAPI: Sendable, Equatable {
    /// The header that carries the ServiceAccount token: the API server's proxy strips `Authorization`.
    public static let tokenHeader = "X-Seaway-Token"
    /// Names the revision of a tree that the body of a posted tree refers to. Such a body is compressed with the
    /// canonical form of that tree as zstd prefix, so a small change is a small body.
    public static let baseHeader = "X-Seaway-Base"
    /// In every answer: which version of this interface the operator speaks. What a proxy before it answers has none.
    public static let versionHeader = "X-Seaway-Api"
    public static let version = 1
    /// The reason of an answer that says that the object store does not answer (503) or refuses (502).
    public static let storeUnavailable = "SourceStoreUnavailable"
    /// The reason of an answer that says that the registry is not available.
    public static let registryUnavailable = "RegistryUnavailable"
    /// The largest tree as it travels, in bytes.
    public static let largestTree = 16 << 20

    public let namespace: String
    public let environment: String

    public init(namespace: String, environment: String) {
        self.namespace = namespace
        self.environment = environment
    }

    /// Asks whether the operator reaches the registry: 204 when it does.
    public static func registry(namespace: String) -> TransferRequest {
        TransferRequest(method: "GET", path: "/v1/namespaces/\(namespace)/registry")
    }

    private var base: String { "/v1/namespaces/\(namespace)/environments/\(environment)" }

    /// Asks what is missing; when nothing is, the tree is stored. Answered by `TreeAnswer`.
    /// - Parameter compressed: The canonical form, compressed with zstd.
    public func postTree(_ compressed: [UInt8], base revision: Digest? = nil) -> TransferRequest {
        var headers = ["Content-Type": "application/zstd"]
        if let revision { headers[SourceAPI.baseHeader] = revision.hex }
        return TransferRequest(method: "POST", path: "\(base)/trees", headers: headers, body: Data(compressed))
    }

    /// The canonical form, compressed with zstd.
    public func getTree(_ revision: Digest) -> TransferRequest {
        TransferRequest(method: "GET", path: "\(base)/trees/\(revision.hex)")
    }

    /// Answered by `PacksAnswer`.
    public func getPacks(of revision: Digest) -> TransferRequest {
        TransferRequest(method: "GET", path: "\(base)/trees/\(revision.hex)/packs")
    }

    public func putPack(_ pack: Pack) -> TransferRequest {
        TransferRequest(
            method: "PUT", path: "\(base)/packs/\(pack.id.hex)", headers: ["Content-Type": "application/octet-stream"], body: Data(pack.bytes))
    }

    public func getPack(_ id: Digest) -> TransferRequest {
        TransferRequest(method: "GET", path: "\(base)/packs/\(id.hex)")
    }
}

/// The answer to a posted tree.
public struct TreeAnswer: Codable, Sendable, Equatable {
    public var revision: Digest
    /// The chunks that are not there yet. When empty, the tree is stored.
    public var missing: [Digest]

    public init(revision: Digest, missing: [Digest]) {
        self.revision = revision
        self.missing = missing
    }
}

/// The packs that together hold all chunks of a tree.
public struct PacksAnswer: Codable, Sendable, Equatable {
    public var packs: [Digest]

    public init(packs: [Digest]) { self.packs = packs }
}

/// The body of an answer that is no success: the fields of a Kubernetes `Status` that say something.
public struct StatusAnswer: Codable, Sendable, Equatable {
    public var kind = "Status"
    public var apiVersion = "v1"
    public var status = "Failure"
    public var message: String
    public var reason: String
    public var code: Int

    public init(code: Int, reason: String, message: String) {
        self.code = code
        self.reason = reason
        self.message = message
    }
}
