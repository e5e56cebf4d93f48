import KubernetesModel
import SeawayAPI

/// What a sync wants to be so: one Environment object.
struct WantedEnvironment: Equatable, Sendable {
    var key: ObjectKey
    /// Name of the manifest's environment, the value of ``Names/environmentNameLabel``.
    var environmentName: String
    var owner: String
    var spec: EnvironmentSpec

    /// `hello/dev (namespace hello-dev)`.
    var displayName: String { "\(key.name)/\(environmentName)" + (key.namespace.map { " (namespace \($0))" } ?? "") }

    /// The object as it is applied: nothing but what `seactl` owns.
    func object(syncedAt: Timestamp) throws -> JSONValue {
        [
            "apiVersion": .string(Environment.resource.apiVersion),
            "kind": .string(Environment.resource.kind),
            "metadata": [
                "name": .string(key.name),
                "namespace": .string(key.namespace ?? "default"),
                "labels": [Names.environmentNameLabel: .string(environmentName)],
                "annotations": [Names.ownerAnnotation: .string(owner), Names.syncedAtAnnotation: .string("\(syncedAt)")],
            ],
            "spec": try JSONValue(encoding: spec).droppingNulls,
        ]
    }
}

/// What is to be done, given what the cluster has.
enum SyncDecision: Equatable, Sendable {
    /// The wanted revision runs with the wanted settings.
    case upToDate(urls: [String])
    /// Send what the operator lacks, then apply.
    case proceed(WantedEnvironment)
    case refuse(CommandFailure)
}

extension SyncDecision {
    /// Whether the Environment that is there may be overwritten at all; `nil` when it may. Needs no scan.
    static func refusal(existing: Environment?, wanted: WantedEnvironment, takeOver: Bool) -> CommandFailure? {
        guard let existing else { return nil }
        if existing.metadata.deletionTimestamp != nil {
            return CommandFailure(
                .clusterFailed, "\(existing.displayName) is being deleted",
                next: ["wait until `seactl env status` no longer finds it, then run `seactl env sync` again"])
        }
        if let other = existing.metadata.labels?[Names.environmentNameLabel], other != wanted.environmentName {
            return CommandFailure(
                .badInput,
                "namespace \(wanted.key.namespace ?? "default") already holds \(wanted.key.name) as environment '\(other)', "
                    + "not '\(wanted.environmentName)': one would overwrite the other",
                next: ["give '\(wanted.environmentName)' a namespace of its own in the manifest, or name one with -n"])
        }
        if let failure = ownerRefusal(existing: existing, owner: wanted.owner, takeOver: takeOver, verb: "overwrite") { return failure }
        return nil
    }

    /// An environment that another person owns is theirs, unless taken over in so many words.
    static func ownerRefusal(existing: Environment, owner: String, takeOver: Bool, verb: String) -> CommandFailure? {
        guard !takeOver, let other = existing.metadata.annotations?[Names.ownerAnnotation], other != owner else { return nil }
        return CommandFailure(
            .badInput, "\(existing.displayName) belongs to \(other), not to \(owner)",
            next: [
                "use a namespace of your own (for example `namespace: \(existing.name)-${USER}`, or -n), "
                    + "or \(verb) it with --take-over"
            ])
    }

    /// Compares what is there with what is wanted.
    static func make(existing: Environment?, wanted: WantedEnvironment, takeOver: Bool) -> SyncDecision {
        if let refusal = refusal(existing: existing, wanted: wanted, takeOver: takeOver) { return .refuse(refusal) }
        guard let existing else { return .proceed(wanted) }
        var wanted = wanted
        if existing.spec.revision == wanted.spec.revision {
            // The same revision again is the same attempt, unless that one has failed: then it is a new one, and so
            // a new generation, which the operator tries though nothing else changed.
            let attempt = existing.spec.attempt
            wanted.spec.attempt = existing.status?.isTrue(.stalled) == true ? (attempt ?? 0) + 1 : attempt
        }
        let isSame =
            existing.spec == wanted.spec && existing.metadata.annotations?[Names.ownerAnnotation] == wanted.owner
            && existing.metadata.labels?[Names.environmentNameLabel] == wanted.environmentName
        let applied = AppliedRevision(
            revision: wanted.spec.revision, generation: existing.metadata.generation ?? 0, uid: existing.metadata.uid)
        if isSame, case .ready(let urls, _) = SyncOutcome.judge(environment: existing, applied: applied) {
            return .upToDate(urls: urls)
        }
        return .proceed(wanted)
    }
}
