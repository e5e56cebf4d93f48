import Foundation

/// A Secret. Its description names the keys and never a value.
public struct Secret: KubernetesObject, Equatable {
    public static let resource = ResourceType.secrets

    public var metadata: ObjectMeta
    public var type: String?
    /// Decoded: the API server sends base64.
    public var data: [String: Data]?

    public init(metadata: ObjectMeta, type: String? = nil, data: [String: Data]? = nil) {
        self.metadata = metadata
        self.type = type
        self.data = data
    }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "Secret \(key) with keys \((data ?? [:]).keys.sorted())" }
    public var debugDescription: String { description }
    public var customMirror: Mirror {
        Mirror(self, children: ["key": key, "keys": (data ?? [:]).keys.sorted()], displayStyle: .struct)
    }
}
