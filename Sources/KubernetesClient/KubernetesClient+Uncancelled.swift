import Foundation
import KubernetesModel
import NIOCore
import NIOPosix

extension KubernetesClient {
    /// Sends a request also when the calling task is cancelled, for what must be said at the very end. Waits for the answer.
    /// - Throws: `KubernetesError`, with `isUnreachable` when there was no answer in time.
    public func sendEvenIfCancelled(_ request: APIRequest, within limit: Duration) async throws -> Data {
        // A task of its own sees nothing of the cancellation; it ends before this function does.
        let future = MultiThreadedEventLoopGroup.singleton.any().makeFutureWithTask { [self] in
            try await withThrowingTaskGroup(of: Data.self) { group in
                group.addTask { try await self.send(request) }
                group.addTask {
                    try await Task.sleep(for: limit)
                    throw KubernetesError(.timedOut, "\(request): no answer within \(limit)")
                }
                defer { group.cancelAll() }
                guard let data = try await group.next() else { throw CancellationError() }
                return data
            }
        }
        return try await future.get()
    }
}
