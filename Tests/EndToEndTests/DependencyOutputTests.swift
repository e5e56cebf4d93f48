import Foundation
import KubernetesModel
import Testing

/// `seactl deps … -o json` on the real cluster: stdout is one value for scripts, progress goes to stderr.
@Suite(.disabled(if: TestCluster.isSkipped, "SEAWAY_SKIP_CLUSTER_TESTS"))
struct DependencyOutputTests {
    private typealias Project = DependencyProject

    @Test func scriptsGetWhatBecameOfEachObject() async throws {
        try await TestCluster.with { cluster in
            try await Project.with(cluster) { project in
                try project.manifest(waiting: "{kind: Secret, name: word, for: exists}")
                func secret(_ word: String) -> String { "apiVersion: v1\nkind: Secret\nmetadata: {name: word}\nstringData: {word: \(word)}\n" }
                try project.write("k8s/a.yaml", Project.configMap("a") + "---\n" + secret("first-secret"))
                let wanted = try await project.deps("diff", "-o", "json")
                #expect(wanted.exitCode == 1)
                #expect(try results(wanted) == ["ConfigMap a": "create", "Secret word": "create"])
                let applied = try await project.deps("apply", "-o", "json")
                #expect(applied.exitCode == 0 && applied.errors.contains("2 objects: 2 created"), "\(applied)")
                #expect(try results(applied) == ["ConfigMap a": "created", "Secret word": "created"])
                let dependency = try JSONValue(parsing: Data(applied.output.utf8))["dependencies"]?.arrayValue?.first
                #expect(
                    dependency?["waits"] == [
                        [
                            "apiVersion": "v1", "kind": "Secret", "namespace": .string(project.namespace), "name": "word", "for": "exists",
                            "result": "met",
                        ]
                    ])
                #expect(dependency?["name"] == "db" && dependency?["objects"]?.arrayValue?.first?["namespace"] == .string(project.namespace))

                try project.write("k8s/a.yaml", secret("second-secret") + "---\n" + Project.configMap("b"))
                let diff = try await project.deps("diff", "-o", "json")
                #expect(diff.exitCode == 1, "\(diff)")
                #expect(try results(diff) == ["ConfigMap a": "remove", "ConfigMap b": "create", "Secret word": "change"])
                let planted = ["first-secret", "second-secret"].flatMap { [$0, Data($0.utf8).base64EncodedString()] }
                #expect(diff.output.contains("***") && !planted.contains { (diff.output + diff.errors).contains($0) }, "\(diff)")

                // Also of an apply that fails half-way.
                let bad = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata: {value: [no, text]}\n"
                try project.write("k8s/a.yaml", secret("second-secret") + "---\n" + bad)
                let failed = try await project.deps("apply", "--yes", "-o", "json")
                #expect(failed.exitCode == 7, "\(failed)")
                #expect(try results(failed) == ["ConfigMap b": "failed", "Secret word": "changed"])

                let removed = try await project.deps("delete", "-o", "yaml")
                #expect(
                    removed.exitCode == 0 && removed.output.contains("result: removed") && removed.output.hasPrefix("dependencies:"), "\(removed)")
                let nothing = try await project.deps("delete", "-o", "json")
                #expect(try JSONValue(parsing: Data(nothing.output.utf8)) == ["dependencies": []])
            }
        }
    }

    private func results(_ ended: Ended) throws -> [String: String] {
        let value = try JSONValue(parsing: Data(ended.output.utf8))
        let objects = (value["dependencies"]?.arrayValue ?? []).flatMap { $0["objects"]?.arrayValue ?? [] }
        let pairs = objects.map { ("\($0["kind"]?.stringValue ?? "") \($0["name"]?.stringValue ?? "")", $0["result"]?.stringValue ?? "") }
        return Dictionary(uniqueKeysWithValues: pairs)
    }
}
