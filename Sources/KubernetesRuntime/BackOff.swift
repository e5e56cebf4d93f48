/// How long to wait before another attempt: longer each time, up to a limit, and never the same for all who failed together.
public struct BackOff: Sendable, Equatable {
    public var initial: Duration
    public var maximum: Duration
    public var factor: Double
    /// The part of a delay that is left to chance: with 0.5 it is between half of it and all.
    public var jitter: Double

    public init(initial: Duration, maximum: Duration, factor: Double = 2, jitter: Double = 0.5) {
        self.initial = initial
        self.maximum = maximum
        self.factor = factor
        self.jitter = jitter
    }

    /// Reads of the API server: quick at first, at most half a minute.
    public static let reading = BackOff(initial: .milliseconds(800), maximum: .seconds(30))
    /// Work on one key: at most a minute.
    public static let working = BackOff(initial: .milliseconds(200), maximum: .seconds(60))

    /// - Parameters:
    ///   - failures: in a row, at least 1.
    ///   - random: from 0 up to 1.
    public func delay(failures: Int, random: Double) -> Duration {
        let limit = maximum / .seconds(1)
        var seconds = initial / .seconds(1)
        var step = 1
        while step < failures, seconds < limit {
            seconds *= factor
            step += 1
        }
        return .seconds(min(seconds, limit) * (1 - jitter * random))
    }
}
