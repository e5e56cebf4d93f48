import Foundation
import KubernetesModel

extension KubernetesClient {
    /// Reads a container's log line by line.
    /// - Parameters:
    ///   - container: may be `nil` when the pod has one container.
    ///   - follow: goes on while the container runs; silent containers are waited for without limit.
    ///   - previous: the log of the container's last run.
    ///   - tailLines: begins so many lines before the end.
    /// - Throws: `KubernetesError`, with `isBadRequest` as status while the container has not started. What `body` throws.
    public func withLogs<R>(
        pod: String, namespace: String, container: String?, follow: Bool, previous: Bool = false, tailLines: Int? = nil,
        isolation: isolated (any Actor)? = #isolation, _ body: (LogLines) async throws -> R
    ) async throws -> R {
        let request = APIRequest.logs(
            pod: pod, namespace: namespace, container: container, follow: follow, previous: previous, tailLines: tailLines)
        let answer = try await open(request, lane: follow ? .log : .request)
        return try await body(LogLines(body: answer) { [self] in translate($0, request) })
    }

    /// The last lines of a container's log, at most 1 MiB of them.
    public func logTail(pod: String, namespace: String, container: String?, previous: Bool = false, lines: Int) async throws -> [String] {
        let request = APIRequest.logs(
            pod: pod, namespace: namespace, container: container, previous: previous, tailLines: lines, limitBytes: 1 << 20)
        let text = String(decoding: try await send(request), as: UTF8.self)
        var result = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if result.last?.isEmpty == true { result.removeLast() }
        return result.suffix(lines)
    }
}
