import Foundation
import KubernetesModel
import Logging

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

    /// Follows a container's log to its end, also across broken connections: no line is left out, and none comes twice.
    ///
    /// That a container restarts while the connection is broken is not noticed; its next run's lines then follow.
    /// - Throws: `KubernetesError`, with `isBadRequest` as status while the container has not started. What `onLine` throws.
    public func followLog(
        pod: String, namespace: String, container: String?, previous: Bool = false, tailLines: Int? = nil,
        isolation: isolated (any Actor)? = #isolation, _ onLine: (String) async throws -> Void
    ) async throws {
        var position = LogPosition()
        var failures = 0
        while true {
            let since = position.last.map(String.init)
            let request = APIRequest.logs(
                pod: pod, namespace: namespace, container: container, follow: true, previous: previous,
                tailLines: since == nil ? tailLines : nil, timestamps: true, sinceTime: since)
            do {
                let body = try await open(request, lane: .log)
                for try await line in LogLines(body: body, mapError: { [self] in translate($0, request) }) {
                    guard let line = position.take(line) else { continue }
                    failures = 0
                    try await onLine(line)
                }
                return
            } catch let error as KubernetesError where error.isNotFound && since != nil {
                // The pod went away while the connection was broken.
                return
            } catch let error as KubernetesError where error.isTransient {
                failures += 1
                guard let delay = retries.delay(ofResumption: failures) else { throw error }
                logger.debug("following again", metadata: ["request": "\(request)", "failures": "\(failures)", "after": "\(delay)"])
                try await Task.sleep(for: delay)
                position.resume()
            }
        }
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
