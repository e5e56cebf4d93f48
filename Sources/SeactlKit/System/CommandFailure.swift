import Foundation
import KubernetesClient
import KubernetesModel
import SeawayAPI
import SeawayLocal
import Source

/// Why a command did not do what it was asked: what happened and where, why, and what to do next.
struct CommandFailure: Error, Equatable, Sendable {
    var exit: CommandStatus
    /// One sentence without a full stop: what failed, where.
    var headline: String
    /// The reason of the condition that tells it, as in the Environment's status.
    var reason: String?
    /// Further lines: a message from the cluster, the end of a log.
    var detail: String?
    /// What to do next, one step each.
    var next: [String]

    init(_ exit: CommandStatus, _ headline: String, reason: String? = nil, detail: String? = nil, next: [String] = []) {
        self.exit = exit
        self.headline = headline
        self.reason = reason
        self.detail = detail
        self.next = next
    }

    /// The failure as it stands on stderr, one line each.
    var lines: [String] {
        var lines = ["error: \(headline)"]
        if let reason { lines.append("  reason: \(reason)") }
        if let detail {
            lines += detail.split(separator: "\n", omittingEmptySubsequences: true).map { "  \(TextCleaning.plain(String($0)))" }
        }
        for (index, step) in next.enumerated() {
            lines.append((index == 0 ? "next:  " : "       ") + step)
        }
        return lines
    }
}

extension CommandFailure {
    /// Whether its reason is no answer to why: it took too long, or has a reason that this `seactl` has never heard of.
    var needsExplanation: Bool {
        exit == .timedOut || exit != .dependencyFailed && reason.map { !Reason.explained.contains(Reason(rawValue: $0)) } == true
    }

    /// With all that the cluster has to say: a missing reason is worse than many words.
    func explained(by cluster: Cluster, _ key: ObjectKey, now: Date) async -> CommandFailure {
        guard let environment = try? await cluster.environments.get(key) else { return self }
        let events = (try? await cluster.environments.events(key.namespace ?? "default")) ?? []
        var copy = self
        copy.detail = [detail, EventsText.everything(environment, events, now: now)].compactMap(\.self).joined(separator: "\n")
        return copy
    }
}

extension CommandFailure {
    /// Any error that reached the end of a command, as a failure that says what to do.
    init(describing error: any Error) {
        switch error {
        case let failure as CommandFailure: self = failure
        case let errors as ManifestErrors: self.init(manifest: errors)
        case let error as LocalError: self.init(local: error)
        case let error as SourceError: self.init(.badInput, error.description, next: ["correct it and run the command again"])
        case let error as KubernetesError: self.init(cluster: error)
        case is CancellationError: self.init(.interrupted, "interrupted")
        default: self.init(.clusterFailed, "\(error)", next: ["run the command again with -v to see the requests"])
        }
    }

    init(manifest errors: ManifestErrors) {
        self.init(.badInput, "the manifest cannot be used", detail: "\(errors)", next: ["correct the manifest and run the command again"])
    }

    init(cluster error: KubernetesError) {
        var reason: Reason?
        var next = ["check the context with `kubectl cluster-info`, or name another one with --context"]
        if error.status?.isNamespaceTerminating == true {
            reason = .namespaceTerminating
            next = ["wait until the namespace is gone, then run the command again"]
        } else if error.status?.isQuotaExceeded == true {
            reason = .refused
            next = ["free some of the quota, or ask the cluster's administrator for a larger one"]
        } else if error.isForbidden {
            let missing = MissingRight(error.status?.message ?? "")
            reason = .forbidden
            next = [
                "\(missing.text): ask the cluster's administrator for the role `\(missing.role)`, which holds it,",
                "`\(missing.binding)`; or use another context with --context",
            ]
        } else if error.isUnauthorized {
            next = ["log in to the cluster again, or use another context with --context"]
        } else if error.status != nil {
            next = []
        }
        self.init(.clusterFailed, error.description, reason: reason?.rawValue, next: next)
    }
}

extension CommandFailure {
    /// The namespace is missing, and this person may not make it.
    static func noNamespace(_ name: String, _ error: KubernetesError) -> CommandFailure {
        CommandFailure(
            .clusterFailed, "namespace \(name) does not exist, and you may not create it", reason: Reason.forbidden.rawValue,
            detail: error.description,
            next: [
                "ask the cluster's administrator: `kubectl create namespace \(name)` and",
                "`kubectl create rolebinding NAME -n \(name) --clusterrole=edit --user=YOU`",
                "or use a namespace that is there: `namespace` in the manifest, or -n",
            ])
    }
}
