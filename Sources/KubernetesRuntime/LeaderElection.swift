import Foundation
import KubernetesClient
import KubernetesModel
import Logging
import Synchronization

/// Lets one of several processes do the work, by a Lease of coordination.k8s.io/v1.
///
/// Wants the verbs `get`, `create` and `patch` on leases.
/// See <https://kubernetes.io/docs/concepts/architecture/leases/#leader-election>.
public struct LeaderElection: Sendable {
    private let client: KubernetesClient
    private let lease: ObjectKey
    private let identity: String
    private let timing: LeaderElectionTiming
    private let logger: Logger

    /// - Parameters:
    ///   - client: one whose writes are not guarded by this very leadership.
    ///   - lease: namespace and name; it is created when it is not there.
    ///   - identity: never that of two processes that live at one time. A pod's name is good: its container, started again,
    ///     leads again at once.
    public init(
        client: KubernetesClient, lease: ObjectKey, identity: String, timing: LeaderElectionTiming = .standard,
        logger: Logger = Logger(label: "seaway.leader")
    ) {
        self.client = client
        self.lease = lease
        self.identity = identity
        self.timing = timing
        self.logger = logger
    }

    /// Waits until this process leads, then runs `body` for as long as it does.
    ///
    /// When the Lease is lost `body` is cancelled, and this returns once it has ended. When `body` ends by itself or the calling
    /// task is cancelled, the Lease is given back and another process takes over at its next look, within seconds.
    /// - Throws: `LeadershipLost`; what `body` throws; `CancellationError` when the calling task is cancelled while it waits.
    public func withLeadership<R: Sendable>(_ body: @escaping @Sendable (Leadership) async throws -> R) async throws -> R {
        let elector = Elector(client: client, lease: lease, identity: identity, timing: timing, logger: logger)
        try await elector.acquire()
        logger.info("leading", metadata: ["lease": "\(lease)", "identity": "\(identity)"])
        let result: Result<R, any Error>
        do {
            result = .success(try await Self.run(body, elector))
        } catch {
            result = .failure(error)
        }
        await elector.release()
        if case .failure(let error as LeadershipLost) = result {
            logger.warning("not leading any more", metadata: ["lease": "\(lease)", "reason": "\(error.reason)"])
        }
        return try result.get()
    }

    private static func run<R: Sendable>(_ body: @escaping @Sendable (Leadership) async throws -> R, _ elector: Elector) async throws -> R {
        try await withThrowingTaskGroup(of: R?.self) { group in
            group.addTask { try await body(elector.leadership) }
            group.addTask {
                // When all is cancelled it is the body's result that counts.
                do { try await elector.renew() } catch is CancellationError {}
                return nil
            }
            defer { group.cancelAll() }
            while let ended = try await group.next() { if let ended { return ended } }
            throw CancellationError()
        }
    }
}

/// Does what the state machine says.
private final class Elector: Sendable {
    let leadership = Leadership()
    private let client: KubernetesClient
    private let lease: ObjectKey
    private let timing: LeaderElectionTiming
    private let logger: Logger
    private let machine: Mutex<LeaderElectionStateMachine>

    init(client: KubernetesClient, lease: ObjectKey, identity: String, timing: LeaderElectionTiming, logger: Logger) {
        self.client = client
        self.lease = lease
        self.timing = timing
        self.logger = logger
        machine = Mutex(LeaderElectionStateMachine(identity: identity, timing: timing))
    }

    func acquire() async throws {
        while !leadership.isLeading() { try await advance() }
    }

    /// - Throws: `LeadershipLost`, or `CancellationError`; never returns.
    func renew() async throws {
        while true { try await advance() }
    }

    private func advance() async throws {
        try Task.checkCancellation()
        let sent = ContinuousClock.now
        let step = machine.withLock { $0.next(now: sent, wall: Timestamp(Date())) }
        switch step {
        case .wait(let until):
            // No tolerance: a late renewal brings the deadline nearer.
            try await Task.sleep(until: until, tolerance: .zero, clock: .continuous)
        case .lost(let reason):
            leadership.set(until: nil)
            throw LeadershipLost(reason: reason)
        case .read, .create, .update:
            let answer = try await ask(step)
            let until = machine.withLock { machine in
                machine.answered(step, answer, sent: sent, now: .now, random: .random(in: 0..<1))
                return machine.leadsUntil
            }
            leadership.set(until: until)
        }
    }

    private func ask(_ step: LeaderElectionStateMachine.Step) async throws -> LeaderElectionStateMachine.Answer {
        do {
            // Two attempts must fit into the deadline, also when the first one hangs.
            let found = try await withTimeLimit(timing.renewDeadline / 2) { [self] in try await send(step) }
            return found.map { .found($0) } ?? .failed
        } catch let error as KubernetesError {
            if error.isNotFound { return .missing }
            if error.isConflict || error.isAlreadyExists { return .conflict }
            logger.warning("the Lease cannot be read or written", metadata: ["lease": "\(lease)", "error": "\(error)"])
            return .failed
        }
    }

    private func send(_ step: LeaderElectionStateMachine.Step) async throws -> Lease {
        switch step {
        case .create(let spec):
            let created = Lease(metadata: ObjectMeta(name: lease.name, namespace: lease.namespace), spec: spec)
            var object = try JSONValue(encoding: created)
            object["apiVersion"] = .string(Lease.resource.apiVersion)
            object["kind"] = .string(Lease.resource.kind)
            return try await client.send(.create(Lease.resource, object: object, namespace: lease.namespace), as: Lease.self)
        case .update(let spec, let version):
            return try await client.send(try patch(spec, version), as: Lease.self)
        case .read, .wait, .lost:
            return try await client.get(Lease.self, lease.name, namespace: lease.namespace)
        }
    }

    /// A patch that holds the version is refused when the object has another one, and leaves alone what we do not know.
    private func patch(_ spec: Lease.Spec, _ version: String) throws -> APIRequest {
        .mergePatch(
            Lease.resource, patch: ["metadata": ["resourceVersion": .string(version)], "spec": try JSONValue(encoding: spec)],
            name: lease.name, namespace: lease.namespace)
    }

    /// Gives the Lease back, if it is ours, also when the task is cancelled. Should it fail, the others wait until it has expired.
    func release() async {
        leadership.set(until: nil)
        do {
            if try await giveBack() { return }
            let request = APIRequest.get(Lease.resource, name: lease.name, namespace: lease.namespace)
            let present = try JSONDecoder().decode(Lease.self, from: try await client.sendEvenIfCancelled(request, within: timing.renewDeadline / 2))
            machine.withLock { $0.found(whileReleasing: present) }
            _ = try await giveBack()
        } catch {
            logger.info("the Lease cannot be given back", metadata: ["lease": "\(lease)", "error": "\(error)"])
        }
    }

    /// - Returns: `false` when the Lease has changed meanwhile.
    private func giveBack() async throws -> Bool {
        guard case .update(let spec, let version)? = machine.withLock({ $0.release(wall: Timestamp(Date())) }) else { return true }
        do {
            _ = try await client.sendEvenIfCancelled(try patch(spec, version), within: timing.renewDeadline / 2)
            logger.info("gave the Lease back", metadata: ["lease": "\(lease)"])
            return true
        } catch let error as KubernetesError where error.isConflict {
            return false
        }
    }
}

/// - Returns: `nil` when it took longer.
func withTimeLimit<R: Sendable>(_ limit: Duration, _ work: @escaping @Sendable () async throws -> R) async throws -> R? {
    try await withThrowingTaskGroup(of: R?.self) { group in
        group.addTask { try await work() }
        group.addTask {
            try await Task.sleep(for: limit)
            return nil
        }
        defer { group.cancelAll() }
        return try await group.next() ?? nil
    }
}
