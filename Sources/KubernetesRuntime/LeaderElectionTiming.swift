/// How long a Lease is good for, and how often it is renewed.
///
/// A leader stops writing `renewDeadline` after its last renewal, others take over `leaseDuration` after they saw it: what lies
/// between is the time that requests under way have to arrive. Clocks may run apart by that part, not more.
public struct LeaderElectionTiming: Sendable, Equatable {
    /// Whole seconds, at least 1; the API server stores no less.
    public var leaseDuration: Duration
    /// Shorter than `leaseDuration`.
    public var renewDeadline: Duration
    /// Between two attempts to renew, or to take over. Shorter than `renewDeadline`.
    public var retryPeriod: Duration

    public init(leaseDuration: Duration = .seconds(15), renewDeadline: Duration = .seconds(10), retryPeriod: Duration = .seconds(2)) {
        self.leaseDuration = leaseDuration
        self.renewDeadline = renewDeadline
        self.retryPeriod = retryPeriod
    }

    /// 15, 10 and 2 seconds, as the components of Kubernetes have it.
    public static let standard = LeaderElectionTiming()

    /// What stands in the record: rounded up, so that nobody takes over too early.
    var leaseSeconds: Int {
        let parts = leaseDuration.components
        return max(Int(parts.seconds) + (parts.attoseconds > 0 ? 1 : 0), 1)
    }
}
