import Foundation

/// A ConfigMap.
public struct ConfigMap: KubernetesObject, Equatable {
    public static let resource = ResourceType.configMaps

    public var metadata: ObjectMeta
    public var data: [String: String]?
    public var binaryData: [String: Data]?

    public init(metadata: ObjectMeta, data: [String: String]? = nil, binaryData: [String: Data]? = nil) {
        self.metadata = metadata
        self.data = data
        self.binaryData = binaryData
    }
}
