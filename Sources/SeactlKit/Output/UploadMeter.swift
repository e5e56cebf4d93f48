/// How fast an upload is and how long it still takes, from what was sent and when.
///
/// The rate is that of the last seconds, not of the whole: a connection that became slow is shown as slow.
struct UploadMeter: Equatable, Sendable {
    private struct Sample: Equatable, Sendable {
        var bytes: Int
        var time: Duration
    }
    private var samples: [Sample] = []

    /// How far back the rate looks.
    static let window: Duration = .seconds(5)

    /// - Parameters:
    ///   - bytes: sent so far.
    ///   - time: since the command began.
    mutating func note(_ bytes: Int, at time: Duration) {
        // Less than before is another upload.
        if let last = samples.last, bytes < last.bytes { samples = [] }
        if samples.last?.bytes != bytes { samples.append(Sample(bytes: bytes, time: time)) }
        // The last one that is older than the window stays: the rate needs a beginning.
        while samples.count > 2, time - samples[1].time >= Self.window { samples.removeFirst() }
    }

    /// Bytes a second; `nil` until there is enough to tell.
    func rate(at time: Duration) -> Double? {
        guard let first = samples.first, let last = samples.last, last.bytes > first.bytes else { return nil }
        let seconds = (time - first.time) / .seconds(1)
        return seconds >= 0.2 ? Double(last.bytes - first.bytes) / seconds : nil
    }

    /// `12 MiB of 80 MiB, 5.2 MiB/s, 13 s left`.
    func text(_ state: UploadState, at time: Duration) -> String {
        var parts = ["\(Format.bytes(state.bytesSent)) of \(Format.bytes(state.bytesTotal))"]
        if let rate = rate(at: time), rate >= 1 {
            parts.append("\(Format.bytes(Int(rate)))/s")
            let left = Double(max(0, state.bytesTotal - state.bytesSent)) / rate
            // Nobody waits for a day; what takes longer is said by the rate.
            if left >= 1, left < 86400 { parts.append("\(Format.wholeSeconds(.seconds(left.rounded(.up)))) left") }
        }
        return parts.joined(separator: ", ")
    }
}
