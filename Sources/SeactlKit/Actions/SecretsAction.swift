import KubernetesClient
import KubernetesModel
import SeawayAPI

/// The Secrets of the manifest on their way into the cluster, with the user's own rights.
struct SecretsAction: Sendable {
    var cluster: Cluster
    var output: Output
    /// The Environment that they are for.
    var environment: ObjectKey
    var wanted: [WantedSecret]
    /// Makes a version for a content that is new.
    var freshVersion: @Sendable () -> String = { String(UInt64.random(in: .min ... .max), radix: 36) }

    /// What is to be done about one Secret.
    struct Step: Equatable, Sendable {
        var secret: WantedSecret
        var version: String
        var isWritten: Bool

        var reference: EnvironmentSpec.SecretReference { .init(name: secret.name, version: version) }
    }

    /// Compares what is wanted with the cluster; changes nothing.
    /// - Parameter uid: of the Environment, when it is there.
    /// - Throws: ``CommandFailure`` (2) for a Secret that is somebody else's.
    func plan(uid: String?) async throws -> [Step] {
        var steps: [Step] = []
        for secret in wanted {
            let existing = try await cluster.secrets.get(ObjectKey(namespace: environment.namespace, name: secret.name))
            switch SecretDecision.make(existing: existing, wanted: secret, environment: environment, uid: uid, fresh: freshVersion()) {
            case .keep(let version): steps.append(Step(secret: secret, version: version, isWritten: false))
            case .write(let version): steps.append(Step(secret: secret, version: version, isWritten: true))
            case .refuse(let failure): throw failure
            }
        }
        return steps
    }

    /// Writes what is to be written. Before its Environment is there, a Secret has no owner: `own` gives it one.
    func write(_ steps: [Step], uid: String?) async throws {
        for step in steps where step.isWritten {
            try await apply(step, uid: uid)
            output.emit(.note("Secret \(step.secret.name) written (\(Format.count(step.secret.data.count, "key")))"))
        }
    }

    /// Makes the Environment the owner of Secrets that were written before it was there.
    func own(_ steps: [Step], uid: String?) async throws {
        for step in steps { try await apply(step, uid: uid) }
    }

    /// Deletes the Secrets that the manifest named before and does not name any more.
    func prune(_ before: [EnvironmentSpec.SecretReference]) async {
        let names = Set(wanted.map(\.name))
        for name in before.map(\.name) where !names.contains(name) {
            let key = ObjectKey(namespace: environment.namespace, name: name)
            do {
                guard let present = try await cluster.secrets.get(key), present.metadata.labels?[Names.environmentLabel] == environment.name,
                    present.metadata.labels?[Names.managedByLabel] == Names.managedByValue
                else { continue }
                try await cluster.secrets.delete(key, present.metadata.uid)
                output.emit(.note("Secret \(name) removed, as the manifest no longer names it"))
            } catch {
                // It goes away with its Environment; the sync itself is done.
                output.emit(.warning("Secret \(name), which the manifest no longer names, cannot be removed: \(error)"))
            }
        }
    }

    private func apply(_ step: Step, uid: String?) async throws {
        let object = SecretDecision.object(step.secret, environment: environment, uid: uid, version: step.version)
        do {
            try await cluster.secrets.apply(object)
        } catch let error as KubernetesError {
            var failure = CommandFailure(cluster: error)
            failure.headline = step.secret.redacted("Secret \(step.secret.name) cannot be written: \(failure.headline)")
            failure.detail = failure.detail.map(step.secret.redacted)
            throw failure
        }
    }
}
