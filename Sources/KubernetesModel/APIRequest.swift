import Foundation

/// A request to the API server as a value: what a client will send, readable in a test without a server.
///
/// Neither header values nor the body are part of its description: they may hold tokens and keys.
public struct APIRequest: Sendable, Equatable {
    public var method: String
    /// Begins with a slash and is percent-encoded: `/api/v1/namespaces/default/pods/web`.
    public var path: String
    /// Not encoded; `target` encodes it.
    public var query: [QueryItem]
    /// Headers beyond those that every request has (`Accept`, `Authorization`, …).
    public var headers: [QueryItem]
    public var body: Data?

    public init(method: String, path: String, query: [QueryItem] = [], headers: [QueryItem] = [], body: Data? = nil) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
    }

    /// The request target: path and encoded query.
    public var target: String {
        guard !query.isEmpty else { return path }
        let items = query.map { "\(PercentEncoding.encode($0.name))=\(PercentEncoding.encode($0.value))" }
        return path + "?" + items.joined(separator: "&")
    }

    /// The value of the first header of that name, compared without regard to case.
    public func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }

    /// The value of the first query item of that name.
    public func queryValue(_ name: String) -> String? {
        query.first { $0.name == name }?.value
    }
}

extension APIRequest: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Method and path alone.
    public var description: String { "\(method) \(path)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror {
        Mirror(self, children: ["method": method, "target": target, "bodyLength": body?.count ?? 0], displayStyle: .struct)
    }
}

/// A name and a value: an item of a query, or a header field.
public struct QueryItem: Sendable, Hashable {
    public var name: String
    public var value: String

    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// RFC 3986 percent-encoding with the unreserved characters alone.
///
/// The server reads `+` as a space and cuts a query at `;`, so neither may stand unescaped, though URL types let them pass.
enum PercentEncoding {
    static func encode(_ text: String, keeping extra: String = "") -> String {
        var result: [UInt8] = []
        let kept = Set(extra.utf8)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
                result.append(byte)
            case _ where kept.contains(byte):
                result.append(byte)
            default:
                result.append(UInt8(ascii: "%"))
                result.append(digits[Int(byte >> 4)])
                result.append(digits[Int(byte & 15)])
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// One segment of a path. Colons stay, as in `services/https:seaway:api`; a slash becomes `%2F`, and the segments `.`
    /// and `..`, which URL handling may resolve, are escaped whole.
    static func segment(_ text: String) -> String {
        if text == "." { return "%2E" }
        if text == ".." { return "%2E%2E" }
        return encode(text, keeping: ":")
    }

    private static let digits = Array("0123456789ABCDEF".utf8)
}
