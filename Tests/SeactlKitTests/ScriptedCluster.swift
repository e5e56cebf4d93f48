import KubernetesClient
import KubernetesModel
import SeawayAPI
import Source
import Synchronization

@testable import SeactlKit

/// A cluster that does what its script says and notes what was asked of it, in order.
final class ScriptedCluster: Sendable {
    enum WatchStep: Sendable {
        case event(WatchEvent<Environment>)
        /// The connection breaks.
        case fail(any Error)
        /// Nothing more comes until the watch is cancelled.
        case hang
    }

    struct Script: Sendable {
        var environment: Environment?
        var namespaces: [String: Namespace] = [:]
        /// Of each watch on an Environment, in order; after the last one nothing comes.
        var watches: [[WatchStep]] = []
        var pods: [Pod] = []
        var logs: [String: [String]] = [:]
        var sent = SentSources(files: 1, bytes: 2048)
        var namespaceError: (any Error)?
        var uploadError: (any Error)?
        var applyError: (any Error)?
        var getErrors: [any Error] = []
        var deployment: Deployment?
        /// By name.
        var secrets: [String: Secret] = [:]
        var secretError: (any Error)?
        var events: [KubernetesModel.Event] = []
        var trouble: CommandFailure?
    }

    private let script: Mutex<Script>
    private let notes = Mutex<[String]>([])
    private let appliedObjects = Mutex<[JSONValue]>([])
    /// Opens when a watch hangs.
    let isWaiting = Gate()

    init(_ script: Script = Script()) { self.script = Mutex(script) }

    var calls: [String] { notes.withLock(\.self) }
    var applied: [JSONValue] { appliedObjects.withLock(\.self) }
    func note(_ call: String) { notes.withLock { $0.append(call) } }
    func set(_ environment: Environment?) { script.withLock { $0.environment = environment } }
    func edit(_ change: @Sendable (inout Script) -> Void) { script.withLock { change(&$0) } }
    func add(_ watch: [WatchStep]) { script.withLock { $0.watches.append(watch) } }
    private func read<Value: Sendable>(_ value: @Sendable (Script) -> Value) -> Value { script.withLock { value($0) } }

    var access: Cluster {
        Cluster(
            environments: environments, namespaces: namespaces, secrets: secrets,
            sources: SourceAccess(
                upload: { _, _, terms in
                    self.note("upload")
                    if let error = self.read(\.uploadError) { throw error }
                    terms.progress(UploadState(filesSent: 1, filesTotal: 1, bytesSent: 1, bytesTotal: 1))
                    return self.read(\.sent)
                }, check: { _, _ in if let trouble = self.read(\.trouble) { throw trouble } }),
            pods: pods, objects: objects)
    }

    private var environments: EnvironmentAccess {
        EnvironmentAccess(
            get: { _ in
                self.note("get")
                if let error = self.script.withLock({ $0.getErrors.isEmpty ? nil : $0.getErrors.removeFirst() }) { throw error }
                return self.read(\.environment)
            },
            object: { _ in
                self.note("object")
                return try self.read(\.environment).map { try JSONValue(encoding: $0) }
            },
            list: { namespace in
                self.note("list \(namespace ?? "*")")
                let items = try self.read(\.environment).map { [try JSONValue(encoding: $0)] } ?? []
                return ["kind": "EnvironmentList", "items": .array(items)]
            },
            apply: { object in
                self.note("apply")
                self.appliedObjects.withLock { $0.append(object) }
                if let error = self.read(\.applyError) { throw error }
                let wanted: Environment = try object.decode()
                return self.script.withLock { script in
                    var next = wanted
                    let old = script.environment
                    next.metadata.uid = old?.metadata.uid ?? "uid-1"
                    next.metadata.generation = (old?.metadata.generation ?? 0) + (old?.spec == wanted.spec ? 0 : 1)
                    next.metadata.resourceVersion = "10"
                    next.status = old?.status
                    script.environment = next
                    return next
                }
            },
            delete: { _, _ in
                self.note("delete")
            },
            events: { _ in self.read(\.events) },
            watch: { _, version, handle in
                self.note("watch \(version ?? "-")")
                let steps = self.script.withLock { $0.watches.isEmpty ? [.hang] : $0.watches.removeFirst() }
                for step in steps {
                    switch step {
                    case .event(let event):
                        self.script.withLock { script in
                            switch event {
                            case .added(let environment), .modified(let environment): script.environment = environment
                            case .deleted: script.environment = nil
                            case .bookmark, .error, .undecodable: break
                            }
                        }
                        if !handle(event) { return }
                    case .fail(let error): throw error
                    case .hang:
                        self.isWaiting.open()
                        try await Gate.never()
                    }
                }
            })
    }

    private var namespaces: NamespaceAccess {
        NamespaceAccess(
            get: { name in
                self.note("get namespace")
                if let error = self.read(\.namespaceError) { throw error }
                return self.read(\.namespaces)[name]
            },
            create: { object in
                self.note("create namespace")
                self.appliedObjects.withLock { $0.append(object) }
            })
    }

    private var secrets: SecretAccess {
        SecretAccess(
            get: { key in
                self.note("get secret \(key.name)")
                return self.read { $0.secrets[key.name] }
            },
            apply: { object in
                self.note("apply secret \(object["metadata"]?["name"]?.stringValue ?? "?")")
                self.appliedObjects.withLock { $0.append(object) }
                if let error = self.read(\.secretError) { throw error }
                let secret: Secret = try object.decode()
                self.script.withLock { $0.secrets[secret.name] = secret }
            },
            delete: { key, _ in
                self.note("delete secret \(key.name)")
                self.script.withLock { $0.secrets[key.name] = nil }
            })
    }

    private var pods: PodAccess {
        PodAccess(
            list: { _, _ in self.read(\.pods) },
            watch: { _, _, handle in
                self.note("pods")
                for pod in self.read(\.pods) where !handle(pod) { return }
            },
            log: { request, onLine in
                self.note(
                    "log \(request.pod)/\(request.container)\(request.previous ? " previous" : "")\(request.tailLines.map { " last \($0)" } ?? "")")
                for line in self.read(\.logs)["\(request.pod)/\(request.container)"] ?? [] { onLine(line) }
            })
    }

    private var objects: ObjectAccess {
        ObjectAccess(
            apply: { object in
                self.note("apply \(InstallAction.describe(object))")
                self.appliedObjects.withLock { $0.append(object) }
                return object
            },
            delete: { object in self.note("delete \(InstallAction.describe(object))") },
            exists: { _ in false },
            deployment: { _ in self.read(\.deployment) },
            customResourceDefinition: { name in
                self.note("established \(name)")
                return CustomResourceDefinition(
                    metadata: ObjectMeta(name: name), status: .init(conditions: [ObjectCondition(type: "Established", status: "True")]))
            },
            serverVersion: { "v1.31.0" })
    }
}
