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
    private func secretsFile(_ namespace: String) -> String { "\(directory)/secrets/\(namespace).json" }

    /// - Returns: `nil` when there is no such environment.
    /// - Throws: `LocalError` when the file cannot be understood.
    func read(_ key: ObjectKey) throws -> LocalRecord? {
        guard let data = FileManager.default.contents(atPath: file(key)) else { return nil }
        do {
            return try JSONDecoder().decode(LocalRecord.self, from: data)
        } catch {
            throw LocalError(.state, "\(file(key)) cannot be understood: \(error)", next: ["remove the file, then sync again"])
        }
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
        guard try keys(namespace: nil).isEmpty else { return }
        // What is found out anew by the next command.
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

    // MARK: Secrets

    func secrets(_ namespace: String) -> [String: Secret] {
        guard let data = FileManager.default.contents(atPath: secretsFile(namespace)) else { return [:] }
        return (try? JSONDecoder().decode([String: Secret].self, from: data)) ?? [:]
    }

    func updateSecrets(_ namespace: String, _ change: (inout [String: Secret]) -> Void) async throws {
        let lock = try await FileLock.wait("\(directory)/locks/secrets.\(namespace)")
        defer { _ = lock }
        var secrets = secrets(namespace)
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
