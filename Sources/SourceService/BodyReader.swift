import HTTPTypes
import Hummingbird
import NIOCore
import NIOFoundationCompat
import Synchronization

/// How long the body of a request may take. Only so many bodies are in memory at once, so each one that arrives slowly
/// keeps others waiting; but a slow line alone is no reason to refuse anybody.
public struct BodyPatience: Sendable {
    /// How long nothing at all may arrive.
    public var silence: Duration = .seconds(30)
    /// How long a body may take in any case.
    public var total: Duration = .seconds(900)
    /// After this time, while others wait, a body must have arrived at `rate` on average.
    public var grace: Duration = .seconds(10)
    /// Bytes a second.
    public var rate = 128 << 10
    /// How often it is looked at.
    public var tick: Duration = .seconds(1)

    public init() {}
}

/// Reads a body, up to a size and no slower than patience lasts.
struct BodyReader: Sendable {
    let patience: BodyPatience
    let isContended: @Sendable () -> Bool

    private struct Progress {
        var bytes = 0
        var last: ContinuousClock.Instant
    }

    private final class State: Sendable {
        let progress: Mutex<Progress>
        let began = ContinuousClock.now
        init() { progress = Mutex(Progress(last: began)) }
    }

    /// - Throws: `SourceStoreError` with code `tooLarge`; `RequestRefusal` with status 408.
    func collect(_ request: Request, upTo limit: Int) async throws -> [UInt8] {
        let tooLarge = SourceStoreError(.tooLarge, "The body is larger than \(limit) bytes.")
        let announced = request.headers[.contentLength].flatMap { Int($0) }
        if let announced, announced > limit { throw tooLarge }
        let state = State()
        return try await withThrowingTaskGroup(of: [UInt8]?.self) { tasks in
            tasks.addTask {
                var bytes: [UInt8] = []
                for try await piece in request.body {
                    guard bytes.count + piece.readableBytes <= limit else { throw tooLarge }
                    // Memory is taken as bytes arrive, not as they are announced.
                    bytes += piece.readableBytesView
                    state.progress.withLock { $0 = Progress(bytes: bytes.count, last: .now) }
                }
                guard announced == nil || announced == bytes.count else {
                    throw RequestRefusal(.badRequest, "The body ended after \(bytes.count) bytes, which is before it should.")
                }
                return bytes
            }
            tasks.addTask {
                while true {
                    try await Task.sleep(for: patience.tick)
                    if isTooSlow(state) { return nil }
                }
            }
            defer { tasks.cancelAll() }
            guard let first = try await tasks.next(), let bytes = first else {
                throw RequestRefusal(.requestTimeout, "The body arrives too slowly while others wait; repeat, what was sent already is kept.")
            }
            return bytes
        }
    }

    private func isTooSlow(_ state: State) -> Bool {
        let (progress, now) = (state.progress.withLock(\.self), ContinuousClock.now)
        let took = now - state.began
        if now - progress.last > patience.silence || took > patience.total { return true }
        guard took > patience.grace, isContended() else { return false }
        return Double(progress.bytes) < Double(patience.rate) * (took / .seconds(1))
    }
}
