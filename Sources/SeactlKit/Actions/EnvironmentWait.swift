import KubernetesClient
import KubernetesModel
import SeawayAPI
import Synchronization

/// Waits for an applied Environment: follows its status and the log of its build.
struct EnvironmentWait: Sendable {
    var cluster: Cluster
    var output: Output
    var system: System
    var contact: ServerContact
    var progress: SyncProgress
    /// Pods of earlier builds.
    var finishedBuilds: Set<String> = []

    /// - Returns: the URLs that answer.
    /// - Throws: ``CommandFailure`` when the environment fails, is deleted or replaced, or the cluster is lost.
    func untilReady(_ environment: Environment, revision: String) async throws -> [String] {
        let applied = AppliedRevision(
            revision: revision, generation: environment.metadata.generation ?? 0, uid: environment.metadata.uid)
        let key = environment.key
        return try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            // Only the newest state counts: what is judged is where the environment is, not how it came there.
            let (states, states_) = AsyncThrowingStream<Environment?, any Error>.makeStream(bufferingPolicy: .bufferingNewest(1))
            let (logEnd, logEnd_) = AsyncStream<Void>.makeStream()
            var followsBuild = false
            let heard = LastHeard(environment, at: system.elapsed())
            let system = system
            if cluster.engine == .kubernetes {
                states_.yield(environment)
                group.addTask {
                    do {
                        try await ask(key, whenSilent: heard) { states_.yield($0) }
                    } catch {
                        states_.finish(throwing: error)
                    }
                }
            }
            group.addTask {
                do {
                    try await follow(key, from: environment.metadata.resourceVersion) { state in
                        _ = heard.isNews(state, at: system.elapsed())
                        states_.yield(state)
                    }
                } catch {
                    states_.finish(throwing: error)
                }
            }
            for try await state in states {
                let outcome = SyncOutcome.judge(environment: state, applied: applied)
                progress.note(outcome.reports)
                if case .failed(let failure, _) = outcome, followsBuild, failure.exit == .buildFailed { await drain(logEnd) }
                for report in outcome.reports { output.emit(.stage(report.stage, report.state)) }
                switch outcome {
                case .ready(let urls, _):
                    output.emit(.ready(urls: urls))
                    return urls
                case .failed(let failure, _):
                    throw failure
                case .inProgress:
                    guard !followsBuild, let status = state?.status, Self.isBuilding(status, applied) else { continue }
                    followsBuild = true
                    group.addTask {
                        await showBuildLogs(key, digest: status.buildDigest) { logEnd_.yield() }
                        logEnd_.finish()
                    }
                }
            }
            throw CancellationError()
        }
    }

    static func isBuilding(_ status: EnvironmentStatus, _ applied: AppliedRevision) -> Bool {
        guard (status.observedGeneration ?? 0) >= applied.generation else { return false }
        return status.condition(.imageBuilt)?.reason == .building && status.isTrue(.sourceReady)
    }

    // MARK: Status

    /// Asks now and then while the watch tells nothing: an API server that hangs, or a connection that died unnoticed, looks like a
    /// cluster in which nothing happens.
    private func ask(_ key: ObjectKey, whenSilent heard: LastHeard, _ handle: @Sendable (Environment?) -> Void) async throws {
        while true {
            try await system.sleep(ServerContact.silence)
            guard system.elapsed() - heard.at >= ServerContact.silence else { continue }
            let current = try await cluster.environments.get(key)
            if heard.isNews(current, at: system.elapsed()) { handle(current) }
        }
    }

    /// Hands over each state of an Environment; `nil` when it is gone. A watch that ends is begun again after a new look.
    private func follow(_ key: ObjectKey, from version: String?, _ handle: @escaping @Sendable (Environment?) -> Void) async throws {
        var version = version
        while true {
            do {
                if let current = version {
                    try await cluster.environments.watch(key, current) { event in
                        switch event {
                        case .added(let environment), .modified(let environment): handle(environment)
                        case .deleted: handle(nil)
                        case .bookmark: break
                        case .error, .undecodable: return false
                        }
                        return true
                    }
                    try await system.sleep(.milliseconds(100))
                }
                let current = try await cluster.environments.get(key)
                handle(current)
                version = current?.metadata.resourceVersion
                if version == nil { return }
            } catch let error as KubernetesError {
                try Task.checkCancellation()
                version = nil
                if !error.isGone {
                    guard error.isTransient else { throw error }
                    try contact.lost(error)
                }
                try await system.sleep(.milliseconds(100))
            }
        }
    }

    // MARK: Build log

    /// Shows the log of the build, and of the one that takes its place if it is replaced.
    private func showBuildLogs(_ key: ObjectKey, digest: String?, onEnd: @Sendable () -> Void) async {
        let log = BuildLog(cluster: cluster, key: key)
        let output = output
        var seen = finishedBuilds
        while !Task.isCancelled {
            do {
                let request = try await log.next(digest: digest, excluding: seen, system)
                try await cluster.pods.log(request) { output.emit(.log(.build, $0)) }
                onEnd()
                seen.insert(request.pod)
            } catch {
                // Whoever follows the status tells that the API server is away.
                if ServerContact.mayPass(error), (try? await system.sleep(.seconds(1))) != nil { continue }
                // A comfort only: the status has the last lines of a build that failed.
                if !Task.isCancelled { output.emit(.note("the build log cannot be followed: \(error)")) }
                return
            }
        }
    }

    /// Lets the last lines of a failed build arrive.
    private func drain(_ end: AsyncStream<Void>) async {
        let system = system
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in end { return } }
            group.addTask {
                // Cancelled when the log's end came first.
                try? await system.sleep(.seconds(2))
            }
            await group.next()
            group.cancelAll()
        }
    }
}

/// What was heard last of an Environment, by whichever way.
private final class LastHeard: Sendable {
    private struct State {
        /// On the command's clock.
        var at: Duration
        var version: UInt64?
    }
    private let state: Mutex<State>

    init(_ environment: Environment, at time: Duration) { state = Mutex(State(at: time, version: Self.version(environment))) }

    var at: Duration { state.withLock(\.at) }

    /// Takes note of a state.
    /// - Returns: `false` for one that is older than what was heard already, or the same.
    func isNews(_ environment: Environment?, at time: Duration) -> Bool {
        state.withLock { state in
            state.at = time
            guard let environment else { return true }
            // Versions of one resource are decimal numbers that grow (KEP-5504); anything else counts as news.
            guard let version = Self.version(environment) else { return true }
            defer { state.version = version }
            return state.version.map { version > $0 } ?? true
        }
    }

    private static func version(_ environment: Environment) -> UInt64? { environment.metadata.resourceVersion.flatMap { UInt64($0) } }
}
