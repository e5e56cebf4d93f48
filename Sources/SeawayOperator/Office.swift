import KubernetesRuntime
import Synchronization

/// Whether this process leads, for parts that run before it does.
final class Office: Sendable {
    private let leadership = Mutex<Leadership?>(nil)

    func take(_ leadership: Leadership) { self.leadership.withLock { $0 = leadership } }

    var isLeading: Bool { leadership.withLock { $0?.isLeading() ?? false } }
}
