/// A moment that others wait for.
struct Gate: Sendable {
    private let stream: AsyncStream<Never>
    private let continuation: AsyncStream<Never>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream() }

    func open() { continuation.finish() }

    /// - Throws: `CancellationError`.
    func wait() async throws {
        for await _ in stream {}
        try Task.checkCancellation()
    }

    /// Waits until the task is cancelled.
    static func never() async throws { try await Gate().wait() }
}
