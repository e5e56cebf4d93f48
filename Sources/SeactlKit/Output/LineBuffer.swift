import Synchronization

/// The last lines of a log.
final class LineBuffer: Sendable {
    private let lines = Mutex<[String]>([])
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    func append(_ line: String) {
        lines.withLock { lines in
            lines.append(line)
            lines.removeFirst(max(0, lines.count - limit))
        }
    }

    var all: [String] { lines.withLock(\.self) }
}
