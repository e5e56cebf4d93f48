import KubernetesClient
import Synchronization

/// Says whether this process still leads, at any moment and without asking anyone.
///
/// The answer goes by a clock that also runs while the process is stopped or the machine sleeps, so a process that wakes up after
/// its lease has ended is told so before it has done anything.
public final class Leadership: Sendable {
    public typealias Instant = ContinuousClock.Instant

    private let validUntil: Mutex<Instant?>

    /// Led from now until then, for tests of what asks.
    public init(until: Instant? = nil) {
        validUntil = Mutex(until)
    }

    public func isLeading(at now: Instant = .now) -> Bool {
        validUntil.withLock { $0.map { now < $0 } ?? false }
    }

    /// To be called right before every effect that only the leader may have.
    /// - Throws: `KubernetesError` with code `notLeading`.
    public func check() throws {
        guard isLeading() else {
            throw KubernetesError(.notLeading, "nothing is written: this process does not lead any more, another one goes on with the work")
        }
    }

    func set(until: Instant?) {
        validUntil.withLock { $0 = until }
    }
}

/// This process led and does not lead any more; its work was cancelled.
public struct LeadershipLost: Error, Equatable, CustomStringConvertible {
    public var reason: String

    public init(reason: String) { self.reason = reason }

    public var description: String { "this process does not lead any more: \(reason)" }
}
