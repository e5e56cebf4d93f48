/// How far a log has been read, so that reading can go on after the connection broke: by the time that the node wrote before
/// each line.
struct LogPosition: Sendable {
    /// The time before the last line that was handed out; `nil` before the first.
    private(set) var last: Substring?
    /// Lines with that time that were handed out.
    private var count = 0
    /// Lines with that time that the resumed log begins with.
    private var known = 0
    private var isBehind = false

    /// - Parameter line: as the server sends it when it is asked for timestamps.
    /// - Returns: the line itself; `nil` when it was handed out already.
    mutating func take(_ line: String) -> String? {
        // RFC 3339 with nine digits of the second, in the node's time zone: such texts are in the order of their times.
        guard let blank = line.firstIndex(of: " "), let stamp = Optional(line[..<blank]), stamp.utf8.count >= 20, stamp.first?.isNumber == true,
            stamp.contains("T")
        else { return line }
        if isBehind, let last {
            if stamp < last { return nil }
            if stamp == last, known > 0 {
                known -= 1
                return nil
            }
            isBehind = false
        }
        count = stamp == last ? count + 1 : 1
        last = stamp
        return String(line[line.index(after: blank)...])
    }

    /// The log is asked for again, from ``last`` on: the server counts in whole seconds and repeats what is known.
    mutating func resume() {
        isBehind = last != nil
        known = count
    }
}
