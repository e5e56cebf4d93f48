import Foundation
import KubernetesModel

extension KubernetesClient {
    /// Watches objects for as long as `body` runs and the server keeps the watch open.
    ///
    /// The server ends every watch; whoever wants more opens the next from the last `resourceVersion` seen. `Informer` does so.
    /// - Parameters:
    ///   - name: watches one object.
    ///   - resourceVersion: where to go on; `nil` sends the present objects as `added` first.
    ///   - timeoutSeconds: when the server is to end the watch, at most `longestWatch`.
    /// - Throws: `KubernetesError`; with `isGone` when `resourceVersion` is too old. What `body` throws.
    public func withWatch<T: KubernetesObject, R>(
        _ type: T.Type, namespace: String? = nil, name: String? = nil, labelSelector: String? = nil,
        fieldSelector: String? = nil, resourceVersion: String? = nil, timeoutSeconds: Int = KubernetesClient.longestWatch,
        isolation: isolated (any Actor)? = #isolation, _ body: (WatchSequence<T>) async throws -> R
    ) async throws -> R {
        let fields = [name.map { "metadata.name=\($0)" }, fieldSelector].compactMap(\.self).joined(separator: ",")
        let request = APIRequest.watch(
            T.resource, namespace: namespace, labelSelector: labelSelector, fieldSelector: fields.isEmpty ? nil : fields,
            resourceVersion: resourceVersion, timeoutSeconds: min(max(timeoutSeconds, 1), Self.longestWatch))
        let answer = try await open(request, lane: .watch)
        return try await body(WatchSequence(body: answer) { [self] in translate($0, request) })
    }
}
