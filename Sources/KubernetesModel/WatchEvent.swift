import Foundation

/// One line of a watch.
public enum WatchEvent<Object: KubernetesObject>: Sendable {
    case added(Object)
    case modified(Object)
    /// The object as it was last.
    case deleted(Object)
    /// Nothing happened up to this version: a watch may go on from it.
    case bookmark(resourceVersion: String)
    /// The watch is over; with `isGone` the version it began at is too old.
    case error(Status)
    /// Something happened to an object that cannot be read.
    case undecodable(UndecodableObject, deleted: Bool)
}

extension WatchEvent: Equatable where Object: Equatable {}

extension WatchEvent {
    /// Reads a line of a watch's answer.
    /// - Throws: `DecodingError` when the line is no watch event at all.
    public init(line: Data) throws {
        self = try JSONDecoder().decode(Envelope.self, from: line).event
    }

    /// The version to go on from after this event.
    public var resourceVersion: String? {
        switch self {
        case .added(let object), .modified(let object), .deleted(let object): object.metadata.resourceVersion
        case .bookmark(let version): version
        case .undecodable(let object, _): object.resourceVersion
        case .error: nil
        }
    }

    private struct Envelope: Decodable {
        var event: WatchEvent

        enum CodingKeys: String, CodingKey {
            case type, object
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            let type = try container.decode(String.self, forKey: .type)
            switch type {
            case "BOOKMARK":
                let version = try container.decode(MetadataOnly.self, forKey: .object).metadata?.resourceVersion
                event = .bookmark(resourceVersion: version ?? "")
            case "ERROR":
                event = .error(try container.decode(Status.self, forKey: .object))
            case "ADDED", "MODIFIED", "DELETED":
                switch (try container.decode(Lossy<Object>.self, forKey: .object), type) {
                case (.undecodable(let what), _): event = .undecodable(what, deleted: type == "DELETED")
                case (.object(let object), "ADDED"): event = .added(object)
                case (.object(let object), "MODIFIED"): event = .modified(object)
                case (.object(let object), _): event = .deleted(object)
                }
            default:
                throw DecodingError.dataCorruptedError(forKey: .type, in: container, debugDescription: "unknown type of watch event")
            }
        }
    }
}
