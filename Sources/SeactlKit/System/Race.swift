/// Runs `work` until it ends, the user interrupts it, or `timeout` is over, whichever is first; the others are cancelled.
///
/// - Throws: what `work` throws, or the failure made for the interruption or the time-out.
func race<Result: Sendable>(
    _ system: System, output: Output? = nil, timeout: (limit: Duration, failure: @Sendable () -> CommandFailure)? = nil,
    interrupted: @escaping @Sendable () -> CommandFailure = { CommandFailure(.interrupted, "interrupted") },
    work: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    try await withThrowingTaskGroup(of: Result?.self) { group in
        group.addTask { try await work() }
        group.addTask {
            try await system.interruption()
            throw interrupted()
        }
        if let timeout {
            group.addTask {
                try await system.sleep(timeout.limit)
                throw timeout.failure()
            }
        }
        if let output, output.isLive {
            group.addTask {
                while !Task.isCancelled {
                    try await system.sleep(.milliseconds(100))
                    output.tick()
                }
                return nil
            }
        }
        defer { group.cancelAll() }
        while let result = try await group.next() {
            if let result { return result }
        }
        throw CancellationError()
    }
}
