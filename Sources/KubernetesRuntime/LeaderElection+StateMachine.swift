import KubernetesModel

/// Decides who leads, by a Lease. Pure: times and answers come in, the next request goes out.
///
/// Clocks of two machines are never compared. A challenger measures by its own clock how long it has seen the same record; a
/// leader counts from before it sent its last renewal. The times in the record are for people.
struct LeaderElectionStateMachine: Sendable {
    typealias Instant = ContinuousClock.Instant

    enum Step: Equatable, Sendable {
        case wait(until: Instant)
        case read
        case create(Lease.Spec)
        /// To be done only if the Lease is still of this version.
        case update(Lease.Spec, resourceVersion: String)
        /// Led, and does no more. Nothing follows.
        case lost(String)
    }

    enum Answer: Sendable {
        case found(Lease)
        case missing
        /// Another writer was faster.
        case conflict
        /// No answer, or a refusal: nothing is known of what the server did.
        case failed
    }

    /// The Lease as it is on the server, and since when, by the clock here, its record has been the same.
    private struct Observed {
        var lease: Lease
        var since: Instant
        var spec: Lease.Spec { lease.spec ?? Lease.Spec() }
    }

    private enum State {
        /// Can transition to: leading (wrote itself as holder).
        case following(Observed?, due: Instant?, isRead: Bool)
        /// Can transition to: lost (the deadline passed, or another one holds the Lease).
        case leading(Observed, renewed: Instant, due: Instant, mustRead: Bool)
        case lost(String, Observed)
    }

    let identity: String
    let timing: LeaderElectionTiming
    private var state = State.following(nil, due: nil, isRead: false)

    init(identity: String, timing: LeaderElectionTiming) {
        self.identity = identity
        self.timing = timing
    }

    /// Until when nobody else leads, unless renewed; `nil` when not leading.
    var leadsUntil: Instant? {
        guard case .leading(_, let renewed, _, _) = state else { return nil }
        return renewed + timing.renewDeadline
    }

    /// Who holds the Lease, as far as is known here.
    var holder: String? {
        switch state {
        case .following(let observed, _, _): observed?.spec.holderIdentity
        case .leading: identity
        case .lost(_, let observed): observed.spec.holderIdentity
        }
    }

    mutating func next(now: Instant, wall: Timestamp) -> Step {
        switch state {
        case .lost(let reason, _):
            return .lost(reason)
        case .following(let observed, let due, let isRead):
            if let due, now < due { return .wait(until: due) }
            guard isRead else { return .read }
            guard let observed else { return .create(claim(nil, wall)) }
            guard isFree(observed, now: now) else {
                state = .following(observed, due: nil, isRead: false)
                return .read
            }
            return .update(claim(observed.spec, wall), resourceVersion: observed.lease.metadata.resourceVersion ?? "")
        case .leading(let observed, let renewed, let due, let mustRead):
            guard now < renewed + timing.renewDeadline else {
                let reason = "the Lease could not be renewed for \(timing.renewDeadline)"
                state = .lost(reason, observed)
                return .lost(reason)
            }
            if now < due { return .wait(until: min(due, renewed + timing.renewDeadline)) }
            if mustRead { return .read }
            guard let version = observed.lease.metadata.resourceVersion else { return .create(claim(observed.spec, wall)) }
            return .update(claim(observed.spec, wall), resourceVersion: version)
        }
    }

    /// What a request came to.
    /// - Parameters:
    ///   - sent: before the request was.
    ///   - random: from 0 up to 1; spreads those who wait.
    mutating func answered(_ step: Step, _ answer: Answer, sent: Instant, now: Instant, random: Double) {
        let wrote = step != .read
        switch state {
        case .lost:
            break
        case .following(let observed, _, _):
            follow(observed, answer, wrote: wrote, sent: sent, now: now, random: random)
        case .leading(let observed, let renewed, _, let mustRead):
            lead(observed, answer, wrote: wrote, renewed: renewed, mustRead: mustRead, sent: sent, now: now)
        }
    }

    private mutating func follow(_ observed: Observed?, _ answer: Answer, wrote: Bool, sent: Instant, now: Instant, random: Double) {
        let later = now + timing.retryPeriod * (1 + 0.2 * random)
        switch answer {
        case .found(let lease) where wrote:
            state = .leading(Observed(lease: lease, since: now), renewed: sent, due: sent + timing.retryPeriod, mustRead: false)
        case .found(let lease):
            // The record counts, not the version: whoever labels the Lease does not renew it.
            let isSame = observed?.lease.spec == lease.spec && observed?.lease.metadata.uid == lease.metadata.uid
            let seen = Observed(lease: lease, since: isSame ? observed?.since ?? now : now)
            let free = isFree(seen, now: now)
            state = .following(seen, due: free ? nil : later, isRead: free)
        case .missing:
            state = .following(nil, due: nil, isRead: !wrote)
        case .conflict, .failed:
            state = .following(observed, due: later, isRead: false)
        }
    }

    private mutating func lead(
        _ observed: Observed, _ answer: Answer, wrote: Bool, renewed: Instant, mustRead: Bool, sent: Instant, now: Instant
    ) {
        let later = now + timing.retryPeriod
        switch answer {
        case .found(let lease) where wrote:
            state = .leading(Observed(lease: lease, since: now), renewed: sent, due: sent + timing.retryPeriod, mustRead: false)
        case .found(let lease) where lease.spec?.holderIdentity == identity:
            // Someone else changed the Lease, but not its holder; or an answer to us was lost.
            state = .leading(Observed(lease: lease, since: now), renewed: renewed, due: now, mustRead: false)
        case .found(let lease):
            let holder = lease.spec?.holderIdentity ?? ""
            state = .lost(holder.isEmpty ? "the Lease has no holder any more" : "'\(holder)' holds the Lease now", Observed(lease: lease, since: now))
        case .missing:
            // Deleted: written anew, unless another one is faster.
            var gone = observed
            gone.lease.metadata = ObjectMeta(name: observed.lease.metadata.name, namespace: observed.lease.metadata.namespace)
            state = .leading(gone, renewed: renewed, due: now, mustRead: false)
        case .conflict:
            state = .leading(observed, renewed: renewed, due: now, mustRead: true)
        case .failed:
            state = .leading(observed, renewed: renewed, due: later, mustRead: mustRead)
        }
    }

    /// What gives the Lease back: the next reader may take it at once. `nil` when it is not ours to give.
    func release(wall: Timestamp) -> Step? {
        guard case .leading(let observed, _, _, _) = state, let version = observed.lease.metadata.resourceVersion else { return nil }
        var spec = observed.spec
        spec.holderIdentity = ""
        // Zero is refused.
        spec.leaseDurationSeconds = 1
        spec.acquireTime = MicroTimestamp(wall)
        spec.renewTime = MicroTimestamp(wall)
        return .update(spec, resourceVersion: version)
    }

    /// A release met a conflict, and this is what is there: a renewal that was cancelled on its way may have arrived.
    mutating func found(whileReleasing lease: Lease) {
        guard case .leading(_, let renewed, let due, _) = state, lease.spec?.holderIdentity == identity else { return }
        state = .leading(Observed(lease: lease, since: renewed), renewed: renewed, due: due, mustRead: false)
    }

    private func isFree(_ observed: Observed, now: Instant) -> Bool {
        let holder = observed.spec.holderIdentity ?? ""
        // A process that was started again under its name need not wait for itself.
        if holder.isEmpty || holder == identity { return true }
        // The holder says how long it relies on its lease; ours tells when it does not.
        let duration = observed.spec.leaseDurationSeconds.map { Duration.seconds($0) } ?? timing.leaseDuration
        return now >= observed.since + duration
    }

    private func claim(_ before: Lease.Spec?, _ wall: Timestamp) -> Lease.Spec {
        var spec = Lease.Spec(
            holderIdentity: identity, leaseDurationSeconds: timing.leaseSeconds, acquireTime: before?.acquireTime, renewTime: MicroTimestamp(wall),
            leaseTransitions: before?.leaseTransitions ?? 0)
        if before?.holderIdentity != identity {
            spec.acquireTime = MicroTimestamp(wall)
            if before != nil { spec.leaseTransitions = (before?.leaseTransitions ?? 0) + 1 }
        }
        return spec
    }
}
