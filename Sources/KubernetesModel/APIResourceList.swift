/// The kinds that one group and version has, as discovery answers.
public struct APIResourceList: Codable, Sendable, Equatable {
    public var groupVersion: String
    public var resources: [Resource]

    public init(groupVersion: String, resources: [Resource]) {
        self.groupVersion = groupVersion
        self.resources = resources
    }

    public struct Resource: Codable, Sendable, Equatable {
        /// The plural; `pods/log` for a subresource.
        public var name: String
        public var kind: String
        public var namespaced: Bool

        public init(name: String, kind: String, namespaced: Bool) {
            self.name = name
            self.kind = kind
            self.namespaced = namespaced
        }
    }

    /// Where a kind is served; `nil` when it is not among them.
    public func resourceType(kind: String) -> ResourceType? {
        guard let resource = resources.first(where: { $0.kind == kind && !$0.name.contains("/") }) else { return nil }
        let parts = groupVersion.split(separator: "/", maxSplits: 1).map(String.init)
        return ResourceType(
            group: parts.count == 2 ? parts[0] : "", version: parts.last ?? groupVersion, plural: resource.name, kind: kind,
            namespaced: resource.namespaced)
    }
}
