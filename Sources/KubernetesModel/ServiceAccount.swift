/// A ServiceAccount.
public struct ServiceAccount: KubernetesObject, Equatable {
    public static let resource = ResourceType.serviceAccounts

    public var metadata: ObjectMeta

    public init(metadata: ObjectMeta) {
        self.metadata = metadata
    }
}
