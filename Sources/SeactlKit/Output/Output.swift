import Synchronization

/// Where a command tells what it does: one renderer, one stream, the time since the start.
final class Output: Sendable {
    private let renderer: Mutex<any Renderer>
    private let isAside = Mutex(false)
    private let write: @Sendable (String) -> Void
    private let elapsed: @Sendable () -> Duration
    /// Whether the view moves and wants `tick()`s.
    let isLive: Bool

    init(
        _ renderer: any Renderer, isLive: Bool = false, elapsed: @escaping @Sendable () -> Duration,
        write: @escaping @Sendable (String) -> Void
    ) {
        self.renderer = Mutex(renderer)
        self.isLive = isLive
        self.elapsed = elapsed
        self.write = write
    }

    // Written under the lock, so that two tasks cannot mix their frames.
    func emit(_ event: OutputEvent) { update { $0.render(event, at: $1) } }
    func tick() {
        if !isAside.withLock(\.self) { update { $0.tick(at: $1) } }
    }
    func finish() { update { $0.finish(at: $1) } }

    /// Leaves the stream to `body`, which may take as long as a person needs for an answer.
    func aside<Result>(_ body: () throws -> Result) rethrows -> Result {
        isAside.withLock { $0 = true }
        defer { isAside.withLock { $0 = false } }
        update { renderer, _ in renderer.stepAside() }
        return try body()
    }

    private func update(_ change: (inout any Renderer, Duration) -> String) {
        let time = elapsed()
        renderer.withLock { renderer in
            let text = change(&renderer, time)
            if !text.isEmpty { write(text) }
        }
    }
}
