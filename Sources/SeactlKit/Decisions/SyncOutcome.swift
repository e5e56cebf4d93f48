import KubernetesModel
import SeawayAPI

/// What a sync has applied, and what it therefore waits for.
struct AppliedRevision: Equatable, Sendable {
    var revision: String
    /// `metadata.generation` after the apply. A status of an older generation tells nothing about this sync.
    var generation: Int
    var uid: String?
}

/// How a sync stands, read from the Environment alone.
enum SyncOutcome: Equatable, Sendable {
    case inProgress([StageReport])
    case ready(urls: [String], [StageReport])
    case failed(CommandFailure, [StageReport])
}

struct StageReport: Equatable, Sendable {
    var stage: Stage
    var state: StageState
    /// The condition's.
    var reason: String?
}

extension SyncOutcome {
    /// Judges an Environment that was read from the cluster; `nil` is one that is gone.
    ///
    /// Pure. Never ready while `Stalled`, nor by a status, or a condition, of an older generation than was applied.
    static func judge(environment: Environment?, applied: AppliedRevision) -> SyncOutcome {
        guard let environment, environment.metadata.deletionTimestamp == nil,
            applied.uid == nil || environment.metadata.uid == applied.uid
        else {
            return .failed(.deletedWhileWaiting, [])
        }
        let name = environment.displayName
        guard environment.spec.revision == applied.revision else {
            return .failed(.superseded(name, by: environment.spec.revision), [])
        }
        guard let status = environment.status, let observed = status.observedGeneration, observed >= applied.generation else {
            return .inProgress([StageReport(stage: .build, state: .running("waiting for the operator"))])
        }

        let conditions = CurrentConditions(status: status, generation: applied.generation)
        let reports = conditions.reports
        if let stalled = conditions[.stalled], stalled.status == .true {
            return .failed(.stalled(name, status: status, cause: conditions.cause ?? stalled), reports)
        }
        guard let ready = conditions[.ready], ready.status == .true, conditions[.reconciling]?.status != .true,
            status.deployedRevision == applied.revision
        else {
            return .inProgress(reports)
        }
        return .ready(urls: status.urls ?? [], reports)
    }

    var reports: [StageReport] {
        switch self {
        case .inProgress(let reports), .ready(_, let reports), .failed(_, let reports): reports
        }
    }
}

/// The conditions that speak of the generation that was applied, or of a later one.
private struct CurrentConditions {
    var status: EnvironmentStatus
    var generation: Int

    subscript(type: ConditionType) -> Condition? {
        status.condition(type).flatMap { ($0.observedGeneration ?? generation) >= generation ? $0 : nil }
    }

    /// The step that failed: the first that is not done.
    var cause: Condition? {
        [ConditionType.sourceReady, .imageBuilt, .deployed, .ready].lazy.compactMap { self[$0] }.first { $0.status == .false }
    }

    var reports: [StageReport] {
        let steps: [(Stage, ConditionType)] = [(.build, .imageBuilt), (.deploy, .deployed), (.ready, .ready)]
        var reports: [StageReport] = []
        var earlier = self[.sourceReady]
        if let source = earlier, source.status != .true {
            // What the operator says of the sources is shown where the user looks next.
            return [StageReport(stage: .build, state: state(of: source, isCurrent: true), reason: source.reason.rawValue)]
        }
        for (stage, type) in steps {
            let condition = self[type]
            let isCurrent = earlier?.status == .true
            earlier = condition
            guard isCurrent, let condition else { continue }
            if type == .ready, condition.status == .true { continue }
            reports.append(StageReport(stage: stage, state: state(of: condition, isCurrent: isCurrent), reason: condition.reason.rawValue))
        }
        return reports
    }

    private func state(of condition: Condition, isCurrent: Bool) -> StageState {
        let text = condition.message.firstLine ?? condition.reason.rawValue
        if condition.status == .true { return .done(text) }
        return self[.stalled]?.status == .true ? .failed(condition.reason.rawValue) : .running(text)
    }
}

extension CommandFailure {
    static let deletedWhileWaiting = CommandFailure(
        .deployFailed, "the environment was deleted while the sync waited for it",
        next: ["run `seactl env sync` again to make it anew"])

    static func superseded(_ name: String, by revision: String) -> CommandFailure {
        CommandFailure(
            .buildFailed, "\(name) was synced to another revision meanwhile (\(Format.short(revision)))", reason: Reason.superseded.rawValue,
            next: ["agree with whoever else syncs this environment, then run `seactl env sync` again"])
    }

    /// The failure that a stalled Environment tells of.
    static func stalled(_ name: String, status: EnvironmentStatus, cause: Condition) -> CommandFailure {
        let exit = CommandStatus(reason: cause.reason, step: cause.type)
        return CommandFailure(
            exit, "\(headline(exit, cause.reason)) in \(name)", reason: cause.reason.rawValue,
            detail: status.message.flatMap { $0.isEmpty ? nil : $0 } ?? cause.message, next: Self.next(exit, cause.reason))
    }

    private static func headline(_ exit: CommandStatus, _ reason: Reason) -> String {
        switch reason {
        case .buildFailed: "the build failed"
        case .buildDeadlineExceeded: "the build took too long"
        case .dockerfileNotFound: "there is no Dockerfile"
        case .dockerfileInvalid: "the Dockerfile is not valid"
        case .baseImageUnavailable: "the base image cannot be pulled"
        case .platformUnsupported: "the platform cannot be built"
        case .buildOutOfMemory: "the build ran out of memory"
        case .crashLoop: "the application crashes"
        case .imagePullFailed: "the image cannot be pulled"
        case .unschedulable: "no node takes the pod"
        case .notReady: "the application does not become ready"
        case .nameTaken: "an object of this name belongs to somebody else"
        case .refused, .forbidden: "an object was refused"
        case .invalidSpec: "the operator refuses the settings"
        case .sourceMissing: "the sources are not in the object store"
        case .sourceStoreUnavailable: "the object store is not available"
        case .registryUnavailable: "the registry is not available"
        case .namespaceTerminating: "the namespace is being deleted"
        default: exit == .buildFailed ? "the build failed" : "the deployment failed"
        }
    }

    private static func next(_ exit: CommandStatus, _ reason: Reason) -> [String] {
        switch reason {
        case .buildFailed:
            ["fix the Dockerfile or the sources and run `seactl env sync` again", "the whole log: `seactl env logs --build`"]
        case .dockerfileNotFound: ["name it under `build.dockerfile`, and see that `include` and `exclude` leave it among the sources"]
        case .dockerfileInvalid: ["correct the Dockerfile and run `seactl env sync` again"]
        case .baseImageUnavailable: ["check the image's name in the Dockerfile, and that the machine that builds reaches its registry"]
        case .platformUnsupported: ["correct `build.platform` in the manifest, or leave it out"]
        case .buildDeadlineExceeded: ["look where the build hangs: `seactl env logs --build`"]
        case .buildOutOfMemory: ["make the build use less memory, then run `seactl env sync` again"]
        case .crashLoop: ["`seactl env logs --previous` shows the log; fix the application and run `seactl env sync` again"]
        case .imagePullFailed: ["check that the nodes reach the registry (`seactl install --registry-pull`), then run `seactl env sync` again"]
        case .unschedulable where exit == .buildFailed:
            ["change `build.resources`, `build.nodeSelector` or `build.tolerations`, or make room in the cluster; then run `seactl env sync` again"]
        case .unschedulable: ["lower `resources` in the manifest or make room in the cluster, then run `seactl env sync` again"]
        case .notReady: ["`seactl env logs` shows the log; check the readiness probe and the ports in the manifest"]
        case .nameTaken: ["choose another `name` or `namespace` in the manifest"]
        case .invalidSpec: ["correct the manifest and run `seactl env sync` again"]
        case .sourceStoreUnavailable:
            ["the cluster's administrator sees to the object store of `seactl install --store`; then run `seactl env sync` again"]
        case .registryUnavailable:
            ["the cluster's administrator sees to the registry of `seactl install --registry`; then run `seactl env sync` again"]
        case .namespaceTerminating: ["wait until the namespace is gone, then run `seactl env sync` again"]
        case .refused, .forbidden:
            ["correct the manifest, where it is about rights or quotas ask the cluster's administrator; then run `seactl env sync` again"]
        default: ["run `seactl env sync` again; `seactl env status` shows the conditions"]
        }
    }
}

extension CommandStatus {
    /// The exit status of a failure with `reason` in a step.
    init(reason: Reason, step: ConditionType) {
        if Reason.buildFailures.contains(reason) {
            self = .buildFailed
        } else if Reason.deployFailures.contains(reason) {
            self = .deployFailed
        } else if reason == .invalidSpec {
            self = .badInput
        } else if [.sourceMissing, .sourceStoreUnavailable, .namespaceTerminating, .forbidden].contains(reason) {
            self = .clusterFailed
        } else {
            self = step == .sourceReady || step == .imageBuilt ? .buildFailed : .deployFailed
        }
    }
}

extension Environment {
    /// `hello/dev (namespace hello-dev)`.
    var displayName: String {
        let variant = metadata.labels?[Names.environmentNameLabel].map { "/\($0)" } ?? ""
        return "\(name)\(variant)" + (namespace.map { " (namespace \($0))" } ?? "")
    }
}

extension String {
    /// The first line that is not blank; `nil` when there is none.
    var firstLine: String? {
        split(whereSeparator: \.isNewline).lazy.map { $0.trimmed }.first { !$0.isEmpty }
    }
}

extension StringProtocol {
    /// Without blanks at both ends.
    var trimmed: String {
        var rest = self[...]
        while let first = rest.first, first.isWhitespace { rest.removeFirst() }
        while let last = rest.last, last.isWhitespace { rest.removeLast() }
        return String(rest)
    }
}
