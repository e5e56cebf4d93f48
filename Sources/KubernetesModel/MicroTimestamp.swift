/// A point in time in the fields that want microseconds (`MicroTime`) and are refused without them.
public struct MicroTimestamp: Codable, Sendable, Hashable, Comparable {
    public var timestamp: Timestamp

    public init(_ timestamp: Timestamp) { self.timestamp = timestamp }

    public init(from decoder: any Decoder) throws {
        timestamp = try Timestamp(from: decoder)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(timestamp.microDescription)
    }

    public static func < (left: MicroTimestamp, right: MicroTimestamp) -> Bool { left.timestamp < right.timestamp }
}
