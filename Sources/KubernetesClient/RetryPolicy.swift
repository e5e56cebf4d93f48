/// Which failed requests are sent again by themselves, and when. Pure: attempts in, delay out.
struct RetryPolicy: Sendable {
    enum Outcome: Sendable {
        case status(Int, retryAfter: Int?)
        /// No answer: it is not known whether the request arrived.
        case connectionLost
    }

    var maximumAttempts = 5
    /// Seconds; a server that asks for more is not waited for.
    var longestDelay = 10

    /// How long to wait before what broke off is taken up again; `nil` gives the failure to the caller.
    /// - Parameter failures: in a row, this one included.
    func delay(ofResumption failures: Int) -> Duration? {
        failures <= 20 ? min(.milliseconds(50 << min(failures, 10)), .seconds(longestDelay)) : nil
    }

    /// - Returns: how long to wait before the next attempt; `nil` gives the failure to the caller.
    func delay(afterAttempt attempt: Int, method: String, outcome: Outcome) -> Duration? {
        switch outcome {
        case .status(429, let retryAfter):
            // The server did nothing with it.
            guard attempt < maximumAttempts else { return nil }
            return .seconds(min(max(retryAfter ?? 1, 0), longestDelay))
        case .status(503, let retryAfter?) where method == "GET":
            guard attempt < maximumAttempts else { return nil }
            return .seconds(min(max(retryAfter, 0), longestDelay))
        case .connectionLost where method == "GET":
            // A kept connection that the server had closed meanwhile; a new one tells more.
            return attempt == 1 ? .zero : nil
        default:
            return nil
        }
    }
}
