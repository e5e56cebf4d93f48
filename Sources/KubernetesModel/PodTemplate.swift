/// What the pods of a workload look like.
public struct PodTemplate: Codable, Sendable, Equatable {
    public var metadata: ObjectMeta?
    public var spec: Pod.Spec?

    public init(metadata: ObjectMeta? = nil, spec: Pod.Spec? = nil) {
        self.metadata = metadata
        self.spec = spec
    }
}

/// Selects objects by exact labels.
public struct LabelSelector: Codable, Sendable, Equatable {
    public var matchLabels: [String: String]?

    public init(matchLabels: [String: String]? = nil) {
        self.matchLabels = matchLabels
    }
}
