import Foundation
import KubernetesClient
import KubernetesModel
import SeawayAPI
import Testing

/// `seactl env sync --with-deps` on the real cluster.
@Suite(.disabled(if: TestCluster.isSkipped, "SEAWAY_SKIP_CLUSTER_TESTS"))
struct DependencySyncTests {
    @Test func dependenciesComeFirstAndDecide() async throws {
        try await TestCluster.with { cluster in
            try await Application.with(cluster) { application in
                func dependency(_ value: String, wait: String) throws {
                    try application.write("manifest.yaml", application.manifest() + "    dependencies: [{name: db, path: k8s, wait: [\(wait)]}]\n")
                    try application.write("k8s/map.yaml", DependencyProject.configMap("settings", value))
                }
                func value() async throws -> String? {
                    let object = try await cluster.client.send(
                        .get(.configMaps, name: "settings", namespace: application.namespace), as: JSONValue.self)
                    return object["data"]?["value"]?.stringValue
                }
                func environment() async throws -> Environment? {
                    try await cluster.client.getIfPresent(Environment.self, application.name, namespace: application.namespace)
                }

                // What fails ends the sync: nothing is sent, nothing is synced.
                try dependency("one", wait: "{kind: Deployment, name: nobody}")
                let failed = try await application.seactl("env", "sync", "--with-deps")
                #expect(failed.exitCode == 7 && failed.errors.contains("there is no Deployment \(application.namespace)/nobody"), "\(failed)")
                #expect(try await value() == "one")
                #expect(try await environment() == nil)
                #expect(try await cluster.packs(application).isEmpty)

                // The limit is that of the whole command.
                try dependency("one", wait: "{kind: ConfigMap, name: later, for: exists, timeout: 10m}")
                let late = try await application.seactl("env", "sync", "--with-deps", "--timeout", "20s")
                #expect(late.exitCode == 7 && late.errors.contains("are not ready after 20.0 s; nothing was synced"), "\(late)")
                #expect(try await environment() == nil)

                try dependency("two", wait: "{kind: ConfigMap, name: settings, for: \"jsonpath={.data.value}=two\"}")
                let synced = try await application.seactl("env", "sync", "--with-deps", "-o", "json")
                #expect(synced.exitCode == 0, "\(synced)")
                #expect(try JSONValue(parsing: Data(synced.output.utf8))["kind"] == "Environment")
                #expect(try await value() == "two")
                let before = try #require(try await environment())

                // A sync without changes still applies them.
                try dependency("three", wait: "{kind: ConfigMap, name: settings, for: exists}")
                let again = try await application.seactl("env", "sync", "--with-deps")
                #expect(again.exitCode == 0, "\(again)")
                #expect(try await value() == "three")

                // Not into what is somebody else's.
                try dependency("four", wait: "{kind: ConfigMap, name: settings, for: exists}")
                let program = URL(filePath: FileManager.default.currentDirectoryPath).appending(path: ".build/debug/seactl").path
                let other = try await run(
                    program, ["env", "sync", "--with-deps", "--kubeconfig", cluster.kubeconfig], in: application.directory,
                    environment: ["XDG_STATE_HOME": application.directory + ".other", "USER": "somebody-else"])
                #expect(other.exitCode == 2 && other.errors.contains("--take-over"), "\(other)")
                #expect(try await value() == "three")
                #expect(try await environment()?.metadata.uid == before.metadata.uid)
            }
        }
    }
}
