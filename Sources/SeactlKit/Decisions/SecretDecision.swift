import Foundation
import KubernetesModel
import SeawayAPI

/// A Secret of the manifest with what its files hold, which is in none of its descriptions.
struct WantedSecret: Equatable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The API server's limit of a Secret's data.
    static let largest = 1 << 20

    var name: String
    var data: [String: Data]

    var description: String { "Secret \(name)" }
    var debugDescription: String { description }
    var customMirror: Mirror { Mirror(self, children: []) }
}

/// What is to be done about one Secret, given what the cluster has.
enum SecretDecision: Equatable, Sendable {
    /// It is there as it is wanted.
    case keep(version: String)
    case write(version: String)
    /// One of the same name is not this Environment's.
    case refuse(CommandFailure)

    /// On Secrets that `seactl` wrote: changes when their content does. It says nothing about the content, unlike a digest, since
    /// whoever may read Environments sees it; and unlike the resourceVersion it stays when only the owner is added.
    static let versionAnnotation = "seaway.ctx.sh/version"

    /// - Parameters:
    ///   - environment: the Environment that the Secret is for.
    ///   - uid: of that Environment; `nil` before it is there.
    ///   - fresh: the version of a content that is new.
    static func make(existing: Secret?, wanted: WantedSecret, environment: ObjectKey, uid: String?, fresh: String) -> SecretDecision {
        guard let existing else { return .write(version: fresh) }
        let labels = existing.metadata.labels ?? [:]
        guard labels[Names.managedByLabel] == Names.managedByValue else {
            return .refuse(
                CommandFailure(
                    .badInput, "Secret \(existing.key) is there and was not made by Seaway, so it is left as it is",
                    next: [
                        "give the Secret another name under `secrets` in the manifest",
                        "or use the one that is there: remove it from `secrets` and name it in `vars.envFrom`",
                    ]))
        }
        guard labels[Names.environmentLabel] == environment.name else {
            return .refuse(
                CommandFailure(
                    .badInput, "Secret \(existing.key) belongs to environment \(labels[Names.environmentLabel] ?? "?"), not to \(environment.name)",
                    next: ["give the Secret another name under `secrets` in the manifest"]))
        }
        guard existing.data ?? [:] == wanted.data, let version = existing.metadata.annotations?[versionAnnotation],
            existing.metadata.deletionTimestamp == nil
        else { return .write(version: fresh) }
        let isOwned = uid.map { uid in existing.metadata.ownerReferences?.map(\.uid) == [uid] } ?? true
        return isOwned ? .keep(version: version) : .write(version: version)
    }

    /// The object as it is applied.
    static func object(_ wanted: WantedSecret, environment: ObjectKey, uid: String?, version: String) -> JSONValue {
        var metadata: JSONValue = [
            "name": .string(wanted.name),
            "namespace": .string(environment.namespace ?? "default"),
            "labels": [Names.managedByLabel: .string(Names.managedByValue), Names.environmentLabel: .string(environment.name)],
            "annotations": [versionAnnotation: .string(version)],
        ]
        if let uid {
            metadata["ownerReferences"] = [
                [
                    "apiVersion": .string(Environment.resource.apiVersion), "kind": .string(Environment.resource.kind),
                    "name": .string(environment.name), "uid": .string(uid),
                ]
            ]
        }
        return [
            "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque",
            "data": .object(wanted.data.mapValues { .string($0.base64EncodedString()) }),
        ]
    }
}

extension WantedSecret {
    /// `text` without anything that the Secret holds: what a server or a webhook says may repeat what was sent.
    func redacted(_ text: String) -> String {
        let values = data.values.flatMap { value in
            // A value of a few letters would blot out half of any sentence, and is in every text by chance.
            [String(decoding: value, as: UTF8.self), value.base64EncodedString()].filter { $0.count >= 4 }
        }
        // The longest first: one may be part of another.
        return values.sorted { $0.count > $1.count }.reduce(text) { $0.replacingOccurrences(of: $1, with: "…") }
    }
}
