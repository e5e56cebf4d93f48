import KubernetesModel

/// An object of any kind, with all that the API server sent.
public struct UntypedObject: KubernetesObject, Equatable {
    /// Objects of this type are of the kind that was asked for; nothing is asked by this.
    public static let resource = ResourceType(group: "", version: "", plural: "", kind: "")

    public var metadata: ObjectMeta
    public var value: JSONValue

    private enum CodingKeys: String, CodingKey {
        case metadata
    }

    public init(from decoder: any Decoder) throws {
        metadata = try decoder.container(keyedBy: CodingKeys.self).decode(ObjectMeta.self, forKey: .metadata)
        value = try JSONValue(from: decoder)
    }

    public func encode(to encoder: any Encoder) throws {
        try value.encode(to: encoder)
    }
}

extension KubernetesClient {
    /// Watches objects of any kind for as long as `body` runs and the server keeps the watch open.
    /// - Parameter request: made by ``APIRequest/watch(_:namespace:labelSelector:fieldSelector:resourceVersion:timeoutSeconds:)``.
    /// - Throws: `KubernetesError`; with `isGone` when the request's resourceVersion is too old. What `body` throws.
    public func withWatch<R>(
        _ request: APIRequest, isolation: isolated (any Actor)? = #isolation, _ body: (WatchSequence<UntypedObject>) async throws -> R
    ) async throws -> R {
        let answer = try await open(request, lane: .watch)
        return try await body(WatchSequence(body: answer) { [self] in translate($0, request) })
    }
}
