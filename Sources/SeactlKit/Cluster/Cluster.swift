import Foundation
import KubernetesModel
import SeawayAPI
import Source

/// What commands do to a cluster, split by use. Tests replace single closures; the live ones are in `Cluster+Live.swift`.
struct Cluster: Sendable {
    var environments: EnvironmentAccess
    var namespaces: NamespaceAccess
    var secrets: SecretAccess
    var sources: SourceAccess
    var pods: PodAccess
    var objects: ObjectAccess
    var engine = Engine.kubernetes
}

/// Where environments run.
enum Engine: Sendable {
    case kubernetes
    /// Podman on this machine.
    case local
}

struct EnvironmentAccess: Sendable {
    /// `nil` when there is none, also when the kind itself is unknown.
    var get: @Sendable (ObjectKey) async throws -> Environment?
    /// The object with every field that the API server sent.
    var object: @Sendable (ObjectKey) async throws -> JSONValue?
    /// All of a namespace, or of the cluster: the list object as the API server sent it.
    var list: @Sendable (_ namespace: String?) async throws -> JSONValue
    /// Server-side apply.
    var apply: @Sendable (JSONValue) async throws -> Environment
    var delete: @Sendable (ObjectKey, _ uid: String?) async throws -> Void
    /// The events of a namespace.
    var events: @Sendable (_ namespace: String) async throws -> [KubernetesModel.Event]
    /// Calls `handle` with each event after a version, until it returns false or the server ends the watch.
    var watch: @Sendable (ObjectKey, _ version: String?, _ handle: @escaping @Sendable (WatchEvent<Environment>) -> Bool) async throws -> Void
}

struct NamespaceAccess: Sendable {
    var get: @Sendable (String) async throws -> Namespace?
    var create: @Sendable (JSONValue) async throws -> Void
}

struct SecretAccess: Sendable {
    var get: @Sendable (ObjectKey) async throws -> Secret?
    /// Server-side apply.
    var apply: @Sendable (JSONValue) async throws -> Void
    var delete: @Sendable (ObjectKey, _ uid: String?) async throws -> Void
}

struct SourceAccess: Sendable {
    /// Sends what the operator lacks of a scan, for the environment of that key.
    var upload: @Sendable (SourceScan, ObjectKey, UploadTerms) async throws -> SentSources
    /// Asks the operator, on behalf of a namespace, whether its parts answer. Throws ``CommandFailure`` with the reason when one does not.
    var check: @Sendable (OperatorPart, _ namespace: String) async throws -> Void = { _, _ in throw CommandFailure.needsCluster }

    /// What a sync of that namespace would meet now; `nil` when operator and object store are well, or when that cannot be found out.
    func trouble(_ namespace: String) async -> CommandFailure? {
        do {
            try await check(.store, namespace)
            return nil
        } catch let failure as CommandFailure {
            let reasons = [Reason.sourceStoreUnavailable, .operatorUnavailable, .versionSkew].map(\.rawValue)
            return failure == .notInstalled || reasons.contains(failure.reason ?? "") ? failure : nil
        } catch {
            return nil
        }
    }
}

/// What the operator works with.
enum OperatorPart: Sendable {
    /// The object store; also the operator itself.
    case store
    case registry
}

struct UploadTerms: Sendable {
    /// How long operator, object store or API server may be away.
    var patience: Duration
    var progress: @Sendable (UploadState) -> Void
    /// Told when the upload has to wait, and when it goes on.
    var note: @Sendable (String) -> Void
}

/// What an upload sent.
struct SentSources: Sendable, Equatable {
    var files: Int
    /// Compressed, as on the wire.
    var bytes: Int
    /// Nothing travels: the build reads the files where they are.
    var isReadInPlace = false
}

struct LogRequest: Sendable, Equatable {
    var pod: String
    var namespace: String
    var container: String
    var follow = false
    var previous = false
    var tailLines: Int?
}

struct PodAccess: Sendable {
    var list: @Sendable (_ namespace: String, _ labels: String) async throws -> [Pod]
    /// Calls `handle` with the pods that match, at first and at each change, until it returns false or the server ends the watch.
    var watch: @Sendable (_ namespace: String, _ labels: String, _ handle: @escaping @Sendable (Pod) -> Bool) async throws -> Void
    var log: @Sendable (LogRequest, _ onLine: @escaping @Sendable (String) -> Void) async throws -> Void
}

/// Any object, for `install` and `uninstall`.
struct ObjectAccess: Sendable {
    /// Server-side apply with force; returns the object as the API server has it now.
    var apply: @Sendable (JSONValue) async throws -> JSONValue
    /// Deletes an object that is given by kind and name; one that is not there is fine.
    var delete: @Sendable (JSONValue) async throws -> Void
    /// Whether an object of that kind and name is there.
    var exists: @Sendable (JSONValue) async throws -> Bool
    var deployment: @Sendable (ObjectKey) async throws -> Deployment?
    var customResourceDefinition: @Sendable (_ name: String) async throws -> CustomResourceDefinition?
    var serverVersion: @Sendable () async throws -> String
}
