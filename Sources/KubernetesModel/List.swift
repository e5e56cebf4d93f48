/// A page, or all pages, of a list.
///
/// An object that does not decode is left out of `items` and named in `undecodable`: one odd object must not hide all others.
public struct List<Item: KubernetesObject>: Sendable {
    public var metadata: ListMeta
    public var items: [Item]
    public var undecodable: [UndecodableObject]

    public init(metadata: ListMeta = ListMeta(), items: [Item] = [], undecodable: [UndecodableObject] = []) {
        self.metadata = metadata
        self.items = items
        self.undecodable = undecodable
    }

    public var resourceVersion: String? { metadata.resourceVersion }
}

public struct ListMeta: Codable, Sendable, Equatable {
    /// Where a watch continues this list.
    public var resourceVersion: String?
    /// Asks for the next page; `nil` after the last.
    public var `continue`: String?
    public var remainingItemCount: Int?

    public init(resourceVersion: String? = nil, continue: String? = nil, remainingItemCount: Int? = nil) {
        self.resourceVersion = resourceVersion
        self.continue = `continue`
        self.remainingItemCount = remainingItemCount
    }
}

/// An object that is there but could not be read.
public struct UndecodableObject: Sendable, Equatable {
    /// `nil` when not even the metadata could be read.
    public var key: ObjectKey?
    public var resourceVersion: String?
    /// Which field, and what was expected; never the value.
    public var reason: String

    public init(key: ObjectKey?, resourceVersion: String?, reason: String) {
        self.key = key
        self.resourceVersion = resourceVersion
        self.reason = reason
    }
}

extension List: Equatable where Item: Equatable {}

extension List: Decodable {
    private enum CodingKeys: String, CodingKey {
        case metadata, items
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let elements = try container.decodeIfPresent([Lossy<Item>].self, forKey: .items) ?? []
        var list = List(metadata: try container.decodeIfPresent(ListMeta.self, forKey: .metadata) ?? ListMeta())
        list.items.reserveCapacity(elements.count)
        for element in elements {
            switch element {
            case .object(let item): list.items.append(item)
            case .undecodable(let what): list.undecodable.append(what)
            }
        }
        self = list
    }
}

/// An object, or what can be said of one that does not decode.
enum Lossy<Object: KubernetesObject>: Decodable {
    case object(Object)
    case undecodable(UndecodableObject)

    init(from decoder: any Decoder) throws {
        do {
            self = .object(try Object(from: decoder))
        } catch {
            let meta = try? MetadataOnly(from: decoder).metadata
            self = .undecodable(
                UndecodableObject(
                    key: meta?.name.map { ObjectKey(namespace: meta?.namespace, name: $0) }, resourceVersion: meta?.resourceVersion,
                    reason: describeDecodingError(error)))
        }
    }
}

struct MetadataOnly: Decodable {
    struct Metadata: Decodable {
        var name: String?
        var namespace: String?
        var resourceVersion: String?
    }
    var metadata: Metadata?
}

/// Where and why decoding failed, without the value that was there: it may be a secret.
public func describeDecodingError(_ error: any Error) -> String {
    guard let error = error as? DecodingError else { return "not readable as JSON" }
    func path(_ context: DecodingError.Context) -> String {
        let text = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? ".\($0.stringValue)" }.joined()
        return text.isEmpty ? "the document" : text.hasPrefix(".") ? String(text.dropFirst()) : text
    }
    switch error {
    case .keyNotFound(let key, let context): return "\(path(context)) has no field '\(key.stringValue)'"
    case .typeMismatch(let type, let context): return "\(path(context)) is no \(type)"
    case .valueNotFound(let type, let context): return "\(path(context)) is null, not a \(type)"
    case .dataCorrupted(let context): return "\(path(context)) has no valid value"
    @unknown default: return "not readable as JSON"
    }
}
