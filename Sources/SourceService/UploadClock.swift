import Source
import Synchronization

/// How long uploads take, each of them several requests. Sources of which nothing is missing are no upload.
final class UploadClock: Sendable {
    private struct Upload: Hashable {
        var environment: ObjectName
        var revision: Digest
    }

    /// More are not under way at once; of those that were given up, the oldest are forgotten.
    private static let most = 1000
    /// One that goes on after such a pause begins anew: the time between is nobody's waiting.
    private static let longest = Duration.seconds(600)
    private let beginnings = Mutex<[Upload: ContinuousClock.Instant]>([:])

    /// Takes note of an answer to a tree.
    /// - Parameter began: When its request arrived.
    /// - Returns: The time since the upload's first request when it is complete now.
    func note(
        _ environment: ObjectName, _ revision: Digest, isComplete: Bool, _ began: ContinuousClock.Instant, now: ContinuousClock.Instant = .now
    ) -> Duration? {
        let upload = Upload(environment: environment, revision: revision)
        return beginnings.withLock { beginnings in
            if let first = beginnings[upload], now - first > Self.longest { beginnings[upload] = nil }
            guard !isComplete else { return beginnings.removeValue(forKey: upload).map { now - $0 } }
            if beginnings[upload] == nil, beginnings.count >= Self.most, let oldest = beginnings.min(by: { $0.value < $1.value })?.key {
                beginnings[oldest] = nil
            }
            if beginnings[upload] == nil { beginnings[upload] = began }
            return nil
        }
    }
}
