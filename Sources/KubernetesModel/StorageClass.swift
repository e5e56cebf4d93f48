/// A StorageClass.
public struct StorageClass: KubernetesObject, Equatable {
    public static let resource = ResourceType.storageClasses

    public var metadata: ObjectMeta
    public var provisioner: String?
    public var volumeBindingMode: String?

    public init(metadata: ObjectMeta, provisioner: String? = nil, volumeBindingMode: String? = nil) {
        self.metadata = metadata
        self.provisioner = provisioner
        self.volumeBindingMode = volumeBindingMode
    }
}

extension StorageClass {
    /// Whether claims that name no class get this one.
    public var isDefault: Bool {
        let annotations = metadata.annotations ?? [:]
        return annotations["storageclass.kubernetes.io/is-default-class"] == "true"
            || annotations["storageclass.beta.kubernetes.io/is-default-class"] == "true"
    }
}
