import Foundation
import KubernetesModel
import SeawayAPI

/// The engine's memory: a directory in the user's state directory, one folder for each namespace.
public struct LocalStore: Sendable {
    /// Absolute.
    public let directory: String

    public init(directory: String) { self.directory = directory }

    private func base(_ key: ObjectKey) -> String { "\(directory)/environments/\(key.namespace ?? "default")/\(key.name)" }
    private func file(_ key: ObjectKey) -> String { base(key) + ".json" }
    /// What the last build said.
    func buildLog(_ key: ObjectKey) -> String { base(key) + ".build.log" }
    /// Held by whoever works on the environment.
    func workLock(_ key: ObjectKey) -> String { "\(directory)/locks/\(key.namespace ?? "default").\(key.name).work" }
    /// There when Podman's own helper image was not on this machine before: then it goes with the last environment.
    var helperImageMark: String { directory + "/helper-image" }
    private func stateLock(_ key: ObjectKey) -> String { "\(directory)/locks/\(key.namespace ?? "default").\(key.name)" }
    private func objectsFile(_ namespace: String) -> String { "\(directory)/dependencies/\(namespace).json" }
    private func objectsLock(_ namespace: String) -> String { "\(directory)/locks/dependencies.\(namespace)" }
    /// Held by whoever starts or removes pods of a namespace's dependencies.
    func workloadLock(_ namespace: String) -> String { objectsLock(namespace) + ".work" }
    /// Files of volumes, in a folder of each pod.
    func filesDirectory(_ namespace: String) -> String { "\(directory)/files/\(namespace)" }
    private func secretsFile(_ namespace: String) -> String { "\(directory)/secrets/\(namespace).json" }

    /// - Returns: `nil` when there is no such environment.
    /// - Throws: `LocalError` when the file cannot be understood.
    func read(_ key: ObjectKey) throws -> LocalRecord? {
        try decoded(file(key))
    }

    /// Changes a record in one step that no other process can come between.
    @discardableResult
    func update<Value: Sendable>(_ key: ObjectKey, _ change: (inout LocalRecord?) throws -> Value) async throws -> Value {
        let lock = try await FileLock.wait(stateLock(key))
        defer { _ = lock }
        let before = try read(key)
        var record = before
        let value = try change(&record)
        if let record {
            if record != before { try StateFiles.write(Array(try JSONEncoder().encode(record)), to: file(key)) }
        } else if before != nil {
            try forget(key)
        }
        return value
    }

    func keys(namespace: String?) throws -> [ObjectKey] {
        let root = directory + "/environments"
        let namespaces = namespace.map { [$0] } ?? ((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? [])
        return namespaces.flatMap { namespace in
            let files = (try? FileManager.default.contentsOfDirectory(atPath: "\(root)/\(namespace)")) ?? []
            return files.filter { $0.hasSuffix(".json") }.map { ObjectKey(namespace: namespace, name: String($0.dropLast(5))) }
        }.sorted()
    }

    private func forget(_ key: ObjectKey) throws {
        for path in [file(key), buildLog(key), workLock(key), stateLock(key)] { try? FileManager.default.removeItem(atPath: path) }
        removeIfEmpty("\(directory)/environments/\(key.namespace ?? "default")")
        removeIfEmpty(directory + "/environments")
        if try isUnused(except: nil) { removeCommonFiles() }
    }

    /// Whether nothing is kept any more but perhaps one environment.
    func isUnused(except key: ObjectKey?) throws -> Bool {
        try keys(namespace: nil).allSatisfy { $0 == key } && objectNamespaces().isEmpty
    }

    /// Removes what the next command finds out anew.
    func removeCommonFiles() {
        for name in ["locks/network", "helper-image", "podman.json", "containers.conf"] {
            try? FileManager.default.removeItem(atPath: "\(directory)/\(name)")
        }
        removeIfEmpty(directory + "/locks")
        removeIfEmpty(directory)
    }

    private func removeIfEmpty(_ path: String) {
        // rmdir(2) leaves a directory that has something in it alone.
        _ = path.withCString { rmdir($0) }
    }

    // MARK: Objects of dependencies

    /// Namespaces that have some.
    func objectNamespaces() -> [String] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: directory + "/dependencies")) ?? []
        return files.filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }.sorted()
    }

    /// By ``KeptObject/id(_:_:)``.
    /// - Throws: `LocalError` when the file cannot be understood.
    func objects(_ namespace: String) throws -> [String: KeptObject] {
        try decoded(objectsFile(namespace)) ?? [:]
    }

    /// - Returns: `nil` when there is no such file.
    private func decoded<Value: Decodable>(_ file: String) throws -> Value? {
        guard let data = FileManager.default.contents(atPath: file) else { return nil }
        do {
            return try JSONDecoder().decode(Value.self, from: data)
        } catch {
            throw LocalError(.state, "\(file) cannot be understood: \(error)", next: ["remove the file, then run the command again"])
        }
    }

    /// Changes them in one step that no other process can come between.
    @discardableResult
    func updateObjects<Value>(_ namespace: String, _ change: (inout [String: KeptObject]) throws -> Value) async throws -> Value {
        let lock = try await FileLock.wait(objectsLock(namespace))
        defer { _ = lock }
        let before = try objects(namespace)
        var objects = before
        let value = try change(&objects)
        if objects.isEmpty {
            for path in [objectsFile(namespace), filesDirectory(namespace), objectsLock(namespace), workloadLock(namespace)] {
                try StateFiles.remove(path)
            }
            for name in ["dependencies", "files", "locks"] { removeIfEmpty("\(directory)/\(name)") }
        } else if objects != before {
            try StateFiles.write(Array(try JSONEncoder().encode(objects)), to: objectsFile(namespace))
        }
        return value
    }

    // MARK: Secrets

    /// By name.
    /// - Throws: `LocalError` when the file cannot be understood: it would be lost with the next change.
    func secrets(_ namespace: String) throws -> [String: Secret] {
        try decoded(secretsFile(namespace)) ?? [:]
    }

    func updateSecrets(_ namespace: String, _ change: (inout [String: Secret]) -> Void) async throws {
        let lock = try await FileLock.wait("\(directory)/locks/secrets.\(namespace)")
        defer { _ = lock }
        var secrets = try secrets(namespace)
        change(&secrets)
        if secrets.isEmpty {
            for path in [secretsFile(namespace), "\(directory)/locks/secrets.\(namespace)"] { try? FileManager.default.removeItem(atPath: path) }
            removeIfEmpty(directory + "/secrets")
            removeIfEmpty(directory + "/locks")
        } else {
            try StateFiles.write(Array(try JSONEncoder().encode(secrets)), to: secretsFile(namespace))
        }
    }
}
