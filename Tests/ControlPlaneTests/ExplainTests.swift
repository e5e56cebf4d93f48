import Foundation
import InstallManifests
import KubernetesModel
import Subprocess
import Testing

/// What a user reads who asks kubectl about the resource.
@Suite(.enabled(if: ControlPlane.isWanted), .timeLimit(.minutes(10))) struct ExplainTests {
    /// The fields of the schema that have fields, by their paths. The document that Kubernetes 1.20 gives kubectl has none for what may be
    /// null: of these it explains what they are, and their descriptions name what is in them.
    private func groups(_ schema: JSONValue, _ path: String) -> [(path: String, fields: [String: JSONValue])] {
        let fields = schema["properties"]?.objectValue ?? schema["items"]?["properties"]?.objectValue ?? [:]
        guard !fields.isEmpty, schema["nullable"] != true else { return [] }
        return [(path, fields)] + fields.sorted { $0.key < $1.key }.flatMap { groups($0.value, "\(path).\($0.key)") }
    }

    private func explain(_ program: String, _ path: String) async throws -> String? {
        let kubeconfig = try #require(ProcessInfo.processInfo.environment["SEAWAY_TEST_KUBECONFIG"])
        let result = try await Subprocess.run(
            .name("env"), arguments: [program, "--kubeconfig", kubeconfig, "explain", path], input: .none, output: .string(limit: 1 << 20),
            error: .string(limit: 1 << 20))
        // kubectl breaks lines.
        return result.terminationStatus.isSuccess ? result.standardOutput.split(whereSeparator: \.isWhitespace).joined(separator: " ") : nil
    }

    @Test func kubectlExplainsEveryField() async throws {
        let program = try #require(ProcessInfo.processInfo.environment["KUBECTL"], "KUBECTL names no kubectl: eval \"$(scripts/cluster env)\"")
        let definition = try #require(try InstallManifests.customResourceDefinition())
        let schema = try #require(definition["spec"]?["versions"]?[0]?["schema"]?["openAPIV3Schema"])
        try await ControlPlane.withNamespace { client, _ in
            try await ControlPlane.installEnvironments(client, definition)
            // The API server tells of a new type a moment after it knows it.
            while try await explain(program, "env.spec.build") == nil { try await Task.sleep(for: .milliseconds(200)) }
            var count = 0
            for (path, fields) in ["spec", "status"].flatMap({ groups(schema["properties"]?[$0] ?? [:], "env.\($0)") }) {
                let told = try #require(try await explain(program, path), "\(path)")
                for (name, field) in fields {
                    let description = field["description"]?.stringValue?.split(whereSeparator: \.isWhitespace).joined(separator: " ")
                    #expect(told.contains("\(name) <"), "\(path) has no \(name)")
                    #expect(told.contains(try #require(description)), "\(path).\(name) is not described")
                    count += 1
                }
            }
            #expect(count > 40)
        }
    }
}
