import KubernetesClient
import KubernetesModel
import SeawayAPI

/// Waits for an applied Environment: follows its status and the log of its build.
struct EnvironmentWait: Sendable {
    var cluster: Cluster
    var output: Output
    var system: System
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
            if cluster.engine == .kubernetes { states_.yield(environment) }
            group.addTask {
                do {
                    try await follow(key, from: environment.metadata.resourceVersion) { states_.yield($0) }
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

    /// How long the API server may be away before the wait is given up.
    private static let patience: Duration = .seconds(120)

    /// Hands over each state of an Environment; `nil` when it is gone. A watch that ends is begun again after a new look.
    private func follow(_ key: ObjectKey, from version: String?, _ handle: @escaping @Sendable (Environment?) -> Void) async throws {
        var version = version
        var lostAt: Duration?
        var pause: Duration = .milliseconds(100)
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
                lostAt = nil
                pause = .milliseconds(100)
            } catch {
                try Task.checkCancellation()
                guard Self.isPassing(error) else { throw error }
                version = nil
                if let since = lostAt {
                    guard system.elapsed() - since < Self.patience else { throw Self.lost(error) }
                } else {
                    lostAt = system.elapsed()
                    output.emit(.note("the connection to the cluster was lost; trying again"))
                }
                try await system.sleep(pause)
                pause = min(pause * 2, .seconds(5))
            }
        }
    }

    /// Whether the same request may succeed later.
    private static func isPassing(_ error: any Error) -> Bool {
        (error as? KubernetesError).map { $0.isTransient || $0.isGone } ?? false
    }

    private static func lost(_ error: any Error) -> CommandFailure {
        CommandFailure(
            .clusterFailed, "the cluster cannot be reached any more", detail: "\(error)",
            next: ["the build and the deployment go on there; `seactl env status` tells how far they are"])
    }

    // MARK: Build log

    /// Shows the log of the build, and of the one that takes its place if it is replaced.
    private func showBuildLogs(_ key: ObjectKey, digest: String?, onEnd: @Sendable () -> Void) async {
        let log = BuildLog(cluster: cluster, key: key)
        let output = output
        var seen = finishedBuilds
        do {
            while let request = try await log.next(digest: digest, excluding: seen) {
                try await cluster.pods.log(request) { output.emit(.log(.build, $0)) }
                onEnd()
                seen.insert(request.pod)
            }
        } catch {
            // A comfort only: the status has the last lines of a build that failed.
            if !Task.isCancelled { output.emit(.note("the build log cannot be followed: \(error)")) }
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
