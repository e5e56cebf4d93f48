import KubernetesClient
import KubernetesModel
import SeawayAPI
import Synchronization

/// Keeps at it while the API server does not answer, and says so: when it is lost, and when it is back.
///
/// One for a whole command, which asks in several places at once. An API server that never answered is not waited for: a wrong
/// context or address is to be told at once.
final class ServerContact: Sendable {
    private struct State {
        var hasAnswered = false
        /// Since when nothing was answered, on the command's clock.
        var lostAt: Duration?
        var isTold = false
    }

    private let output: Output
    private let system: System
    /// How long the API server may be away.
    let patience: Duration
    private let state = Mutex(State())

    /// How long one request may be without an answer before that is told.
    static let silence = Duration.seconds(3)

    init(output: Output, system: System, patience: Duration) {
        self.output = output
        self.system = system
        self.patience = patience
    }

    /// Asks again until there is an answer, also a refusal.
    /// - Throws: the refusal; ``CommandFailure`` when the API server is away for too long.
    func keepTrying<Answer: Sendable>(_ ask: @escaping @Sendable () async throws -> Answer) async throws -> Answer {
        var pause: Duration = .milliseconds(200)
        while true {
            do {
                let answer = try await listening(ask)
                found()
                return answer
            } catch {
                try Task.checkCancellation()
                guard Self.mayPass(error) else {
                    if (error as? KubernetesError)?.status != nil { found() }
                    throw error
                }
                guard state.withLock(\.hasAnswered) else { throw error }
                try lost(error)
                try await system.sleep(pause)
                pause = min(pause * 2, .seconds(5))
            }
        }
    }

    /// Tells that the API server does not answer, once.
    /// - Throws: ``CommandFailure`` when that is so for too long.
    func lost(_ error: any Error) throws {
        let now = system.elapsed()
        let since = state.withLock { state in
            let since = state.lostAt ?? now
            state.lostAt = since
            return since
        }
        tell(Self.words(error))
        guard now - since < patience else { throw Self.givenUp(error, patience) }
    }

    /// Tells that it answers again, if it was told that it does not.
    func found() {
        let wasTold = state.withLock { state in
            defer { state = State(hasAnswered: true) }
            return state.isTold
        }
        if wasTold { output.emit(.note("the API server answers again")) }
    }

    /// Whether the same request may be answered in a while. Some refusals have code 500 for ever.
    static func mayPass(_ error: any Error) -> Bool {
        guard let error = error as? KubernetesError else { return false }
        guard let status = error.status else { return error.isTransient }
        if status.isTooManyRequests || status.isTimeout || status.isServiceUnavailable { return true }
        let message = status.message ?? ""
        return (status.code ?? 0) >= 500 && ["etcdserver", "rpc error", "context deadline", "context canceled"].contains { message.contains($0) }
    }

    /// Asks once, and tells when no answer comes.
    private func listening<Answer: Sendable>(_ ask: @escaping @Sendable () async throws -> Answer) async throws -> Answer {
        let began = system.elapsed()
        return try await withThrowingTaskGroup(of: Answer?.self) { group in
            group.addTask { try await ask() }
            group.addTask { [self] in
                try await system.sleep(Self.silence)
                if system.elapsed() - began >= Self.silence { tell("no answer for \(Format.seconds(Self.silence))") }
                return nil
            }
            defer { group.cancelAll() }
            while let answer = try await group.next() { if let answer { return answer } }
            throw CancellationError()
        }
    }

    private func tell(_ why: String) {
        let isNews = state.withLock { state in
            defer { state.isTold = true }
            return !state.isTold
        }
        if isNews { output.emit(.note("the API server does not answer (\(why)); waiting for it for up to \(Format.seconds(patience))")) }
    }

    private static func words(_ error: any Error) -> String {
        guard let error = error as? KubernetesError else { return "the connection broke" }
        if let message = error.status?.message?.firstLine { return String(message.prefix(200)) }
        return error.code == .timedOut ? "no answer in time" : "no connection"
    }

    private static func givenUp(_ error: any Error, _ patience: Duration) -> CommandFailure {
        CommandFailure(
            .clusterFailed, "the cluster cannot be reached any more, for \(Format.seconds(patience))", detail: "\(error)",
            next: ["what was begun there goes on; `seactl env status` tells how far it is"])
    }
}

extension Cluster {
    /// The same cluster, asked again while its API server does not answer.
    func patient(_ contact: ServerContact) -> Cluster {
        guard engine == .kubernetes else { return self }
        let (environments, namespaces, secrets, pods) = (environments, namespaces, secrets, pods)
        var copy = self
        copy.environments.get = { key in try await contact.keepTrying { try await environments.get(key) } }
        copy.environments.object = { key in try await contact.keepTrying { try await environments.object(key) } }
        copy.environments.apply = { object in try await contact.keepTrying { try await environments.apply(object) } }
        copy.namespaces.get = { name in try await contact.keepTrying { try await namespaces.get(name) } }
        copy.namespaces.create = { object in try await contact.keepTrying { try await namespaces.create(object) } }
        copy.secrets.get = { key in try await contact.keepTrying { try await secrets.get(key) } }
        copy.secrets.apply = { object in try await contact.keepTrying { try await secrets.apply(object) } }
        copy.secrets.delete = { key, uid in try await contact.keepTrying { try await secrets.delete(key, uid) } }
        copy.pods.list = { namespace, labels in try await contact.keepTrying { try await pods.list(namespace, labels) } }
        return copy
    }
}
