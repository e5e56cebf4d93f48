import Foundation
import KubernetesModel

/// What the Secrets and ConfigMaps of a namespace hold, by name and key.
struct ConfigurationValues: Sendable, Equatable {
    var secrets: [String: [String: Data]] = [:]
    var configMaps: [String: [String: Data]] = [:]

    subscript(kind: String, name: String) -> [String: Data]? { kind == "Secret" ? secrets[name] : configMaps[name] }

    /// - Throws: `LocalError` with code `refused` when it is not there and not optional.
    func required(_ kind: String, _ name: String, from reference: JSONValue, key: String? = nil) throws -> [String: Data]? {
        if let values = self[kind, name], key.map({ values[$0] != nil }) ?? true { return values }
        if reference["optional"]?.boolValue == true { return nil }
        let what = key.map { "the key \($0) of \(kind) \(name)" } ?? "\(kind) \(name)"
        throw LocalError(
            .refused, "the container cannot be created: \(what) is not there",
            next: [kind == "Secret" ? "name it under `secrets` in the manifest" : "put it into a dependency of the manifest"])
    }
}

/// The variables of a container with the values that they refer to: Podman 4.3 cannot read them from a played Secret. Pure.
struct ContainerVariables {
    var namespace: String
    var podName: String
    var values: ConfigurationValues

    /// - Throws: `LocalError` with code `refused` when a Secret or ConfigMap that is needed is not there.
    func resolved(_ container: JSONValue) throws -> [JSONValue] {
        var result: [JSONValue] = []
        for source in container["envFrom"]?.arrayValue ?? [] {
            let prefix = source["prefix"]?.stringValue ?? ""
            for (kind, reference) in [("ConfigMap", source["configMapRef"]), ("Secret", source["secretRef"])] {
                guard let reference, let name = reference["name"]?.stringValue,
                    let values = try values.required(kind, name, from: reference)
                else { continue }
                result += values.sorted { $0.key < $1.key }.map { ["name": .string(prefix + $0.key), "value": .string(text($0.value))] }
            }
        }
        for variable in container["env"]?.arrayValue ?? [] {
            guard let from = variable["valueFrom"], let name = variable["name"] else {
                result.append(variable)
                continue
            }
            if let value = try value(from) { result.append(["name": name, "value": .string(value)]) }
        }
        return result
    }

    private func text(_ data: Data) -> String { String(decoding: data, as: UTF8.self) }

    private func value(_ from: JSONValue) throws -> String? {
        for (kind, reference) in [("ConfigMap", from["configMapKeyRef"]), ("Secret", from["secretKeyRef"])] {
            guard let reference, let name = reference["name"]?.stringValue, let member = reference["key"]?.stringValue else { continue }
            return try values.required(kind, name, from: reference, key: member)?[member].map(text)
        }
        switch from["fieldRef"]?["fieldPath"]?.stringValue {
        case "metadata.name": return podName
        case "metadata.namespace": return namespace
        case "status.hostIP": return "127.0.0.1"
        case "spec.nodeName": return "localhost"
        case let path?:
            throw LocalError(.refused, "the field \(path) of a variable has no meaning on one machine", next: ["give the variable a value"])
        case nil: return nil
        }
    }
}
