@preconcurrency import Dispatch

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#endif

/// Ctrl-C, and a polite request of the system to end.
enum Interruption {
    /// Returns at the first SIGINT, SIGTERM or SIGHUP. The next one then ends the process as usual.
    /// - Throws: `CancellationError` when the task is cancelled first.
    static func wait() async throws {
        let signals = [SIGINT, SIGTERM, SIGHUP]
        let stream = AsyncStream<Void> { continuation in
            let sources = signals.map { number in
                // The default action would end the process before the source hears of it.
                signal(number, SIG_IGN)
                let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
                source.setEventHandler { continuation.yield() }
                source.activate()
                return source
            }
            continuation.onTermination = { _ in
                for source in sources { source.cancel() }
                for number in signals { signal(number, SIG_DFL) }
            }
        }
        for await _ in stream { return }
        throw CancellationError()
    }
}
