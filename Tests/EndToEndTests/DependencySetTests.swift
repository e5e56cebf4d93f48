import Foundation
import KubernetesModel
import Testing

/// `seactl deps` on the real cluster: sets, conflicts, order, failures.
@Suite(.disabled(if: TestCluster.isSkipped, "SEAWAY_SKIP_CLUSTER_TESTS"))
struct DependencySetTests {
    private typealias Project = DependencyProject

    @Test func aSetIsRememberedComparedPrunedAndRemoved() async throws {
        try await TestCluster.with { cluster in
            try await Project.with(cluster) { project in
                try project.manifest("- {name: db, path: k8s}")
                try project.write("k8s/all.yaml", (0..<10).map { Project.configMap("map-\($0)") }.joined(separator: "---\n"))
                let first = try await project.deps("apply")
                #expect(first.exitCode == 0, "\(first)")
                #expect(first.output.contains("10 objects: 10 created, 0 changed, 0 unchanged"))
                #expect(try await project.deps("diff").exitCode == 0)
                let again = try await project.deps("apply")
                #expect(again.output.contains("0 created, 0 changed, 10 unchanged"), "\(again)")

                try project.write("k8s/all.yaml", (1..<10).map { Project.configMap("map-\($0)", $0 == 1 ? "two" : "one") }.joined(separator: "---\n"))
                let diff = try await project.deps("diff")
                #expect(diff.exitCode == 1)
                #expect(diff.output.contains("-   value: one\n") && diff.output.contains("+   value: two\n"), "\(diff.output)")
                #expect(diff.output.contains("ConfigMap \(project.namespace)/map-0 would be removed"))
                // Nobody is there to ask, and nobody agreed.
                let refused = try await project.deps("apply")
                #expect(refused.exitCode == 2 && refused.errors.contains("--yes"), "\(refused)")
                #expect(try await project.object(.configMaps, "map-1")?["data"]?["value"] == "one")
                let pruned = try await project.deps("apply", "--yes")
                #expect(pruned.exitCode == 0 && pruned.output.contains("1 changed, 8 unchanged"), "\(pruned)")
                #expect(try await project.object(.configMaps, "map-0") == nil)

                try project.manifest("- {name: other, path: other}")
                try project.write("other/map.yaml", Project.configMap("other"))
                #expect(try await project.deps("apply").errors.contains("it would remove all objects of db"))
                #expect(try await project.deps("apply", "--yes").exitCode == 0)
                #expect(try await project.object(.configMaps, "map-1") == nil)
                let removed = try await project.deps("delete")
                #expect(removed.exitCode == 0 && removed.output.contains("removed 1 object"), "\(removed)")
                #expect(try await project.object(.configMaps, "other") == nil)
                #expect(try await project.object(.configMaps, "shop-dev-deps-other") == nil)
            }
        }
    }

    @Test func conflictsAreShownAndForcedOnlyWhenAsked() async throws {
        try await TestCluster.with { cluster in
            try await Project.with(cluster) { project in
                try project.manifest("- {name: db, path: k8s}")
                try project.write("k8s/map.yaml", Project.configMap("map"))
                #expect(try await project.deps("apply").exitCode == 0)
                let patch = try await project.kubectl("-n", project.namespace, "patch", "configmap", "map", "-p", #"{"data":{"value":"theirs"}}"#)
                #expect(patch.exitCode == 0)
                let refused = try await project.deps("apply")
                #expect(refused.exitCode == 7, "\(refused)")
                #expect(refused.errors.contains(".data.value") && refused.errors.contains("kubectl") && refused.errors.contains("--force-conflicts"))
                #expect(try await project.deps("diff").output.contains("conflict"))
                #expect(try await project.object(.configMaps, "map")?["data"]?["value"] == "theirs")
                #expect(try await project.deps("apply", "--force-conflicts").exitCode == 0)
                #expect(try await project.object(.configMaps, "map")?["data"]?["value"] == "one")
            }
        }
    }

    @Test(arguments: [["apply"], ["apply", "--server-side"]])
    func whatKubectlAppliedIsAdoptedOnlyWhenAsked(verb: [String]) async throws {
        try await TestCluster.with { cluster in
            try await Project.with(cluster) { project in
                try project.manifest("- {name: db, path: k8s}")
                try project.write("k8s/map.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: map}\ndata: {value: one, other: two}\n")
                #expect(try await project.kubectl("create", "namespace", project.namespace).exitCode == 0)
                let ended = try await run(
                    ProcessInfo.processInfo.environment["KUBECTL"] ?? "kubectl",
                    ["--kubeconfig", cluster.kubeconfig, "-n", project.namespace] + verb + ["-f", "k8s"], in: project.directory)
                #expect(ended.exitCode == 0, "\(ended)")
                let refused = try await project.deps("apply")
                #expect(refused.exitCode == 7 && refused.errors.contains("--adopt"), "\(refused)")
                #expect(try await project.deps("apply", "--adopt").exitCode == 0)
                // A field that leaves the directory leaves the cluster, though kubectl had set it.
                try project.write("k8s/map.yaml", Project.configMap("map"))
                #expect(try await project.deps("apply").exitCode == 0)
                #expect(try await project.object(.configMaps, "map")?["data"] == ["value": "one"])
            }
        }
    }

    @Test func definitionsComeFirstAndStayWhileOthersUseThem() async throws {
        try await TestCluster.with { cluster in
            try await Project.with(cluster) { project in
                try project.manifest("- {name: db, path: k8s}")
                let more = project.namespace + "-more"
                let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: \(more)}\n"
                try project.write(
                    "k8s/a.yaml",
                    [project.table("mine"), Project.configMap("far", namespace: more), project.definition(), namespace].joined(separator: "---\n"))
                let diff = try await project.deps("diff")
                #expect(diff.exitCode == 1 && diff.output.contains("Table \(project.namespace)/mine would be created"), "\(diff)")
                let applied = try await project.deps("apply")
                #expect(applied.exitCode == 0, "\(applied)")
                let lines = applied.output.split(separator: "\n")
                let named = lines.firstIndex { $0.contains("cluster-wide: CustomResourceDefinition tables.\(project.group), to be created") }
                let done = lines.firstIndex { $0.contains("4 objects: ") }
                #expect(try #require(named) < #require(done), "\(applied.output)")

                try project.write("foreign.yaml", project.table("theirs"))
                #expect(try await project.kubectl("-n", "default", "apply", "-f", "foreign.yaml").exitCode == 0)
                #expect(try await project.kubectl("-n", more, "create", "configmap", "theirs").exitCode == 0)
                let removed = try await project.deps("delete")
                #expect(removed.exitCode == 0, "\(removed)")
                #expect(removed.output.contains("kept CustomResourceDefinition tables.\(project.group): others use it: Table default/theirs"))
                #expect(removed.output.contains("kept Namespace \(more): others use it: ConfigMap \(more)/theirs"))
                #expect(try await project.object(.configMaps, "far", namespace: more) == nil)

                // Once nobody uses them, they go.
                #expect(try await project.kubectl("-n", "default", "delete", "-f", "foreign.yaml").exitCode == 0)
                #expect(try await project.kubectl("-n", more, "delete", "configmap", "theirs").exitCode == 0)
                #expect(try await project.deps("apply").exitCode == 0)
                let gone = try await project.deps("delete")
                #expect(gone.exitCode == 0 && !gone.output.contains("kept"), "\(gone)")
                // Named first, cluster-wide ones as such; then removed backwards.
                let told = gone.output.split(separator: "\n").map(String.init)
                let order = [
                    "to be removed: CustomResourceDefinition tables.\(project.group) (cluster-wide)", "removed Table ", "removed ConfigMap ",
                    "removed CustomResourceDefinition ", "removed Namespace ",
                ].map { text in told.firstIndex { $0.contains(text) } }
                #expect(!order.contains(nil) && order.compactMap(\.self) == order.compactMap(\.self).sorted(), "\(gone.output)")
                #expect(try await project.object(.customResourceDefinitions, "tables.\(project.group)") == nil)
                #expect(try await project.object(.namespaces, more) == nil)
            }
        }
    }

    @Test func aNamespaceThatWasThereIsNeitherTakenNorRemoved() async throws {
        try await TestCluster.with { cluster in
            try await Project.with(cluster) { project in
                let more = project.namespace + "-more"
                #expect(try await project.kubectl("create", "namespace", more).exitCode == 0)
                try project.manifest("- {name: db, path: k8s}")
                try project.write(
                    "k8s/a.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: \(more)}\n---\n" + Project.configMap("far", namespace: more))
                let applied = try await project.deps("apply")
                #expect(applied.exitCode == 0 && applied.output.contains("Namespace \(more) is there already and stays as it is"), "\(applied)")
                #expect(try await project.deps("delete").exitCode == 0)
                #expect(try await project.object(.namespaces, more)?["metadata"]?["deletionTimestamp"] == nil)
                #expect(try await project.object(.namespaces, more) != nil)
            }
        }
    }

    @Test func aFailedApplySaysWhatFailedAndTheNextOneGoesOn() async throws {
        try await TestCluster.with { cluster in
            try await Project.with(cluster) { project in
                try project.manifest("- {name: db, path: k8s}")
                try project.write(
                    "k8s/a.yaml",
                    Project.configMap("good") + "---\napiVersion: v1\nkind: Service\nmetadata: {name: bad}\nspec: {ports: [{port: 99999}]}\n")
                let failed = try await project.deps("apply")
                #expect(failed.exitCode == 7 && failed.errors.contains("k8s/a.yaml:6: Service \(project.namespace)/bad"), "\(failed)")
                #expect(try await project.object(.configMaps, "good") != nil)
                try project.write(
                    "k8s/a.yaml",
                    Project.configMap("good") + "---\napiVersion: v1\nkind: Service\nmetadata: {name: bad}\nspec: {ports: [{port: 99}]}\n")
                let healed = try await project.deps("apply")
                #expect(healed.exitCode == 0 && healed.output.contains("1 created, 0 changed, 1 unchanged"), "\(healed)")
            }
        }
    }

    @Test func badInputIsToldWithItsPlace() async throws {
        try await TestCluster.with { cluster in
            try await Project.with(cluster) { project in
                try project.manifest("- {name: db, path: k8s, substitute: true}")
                try project.write("k8s/a.yaml", Project.configMap("a") + "---\nkind: [broken\n")
                let broken = try await project.deps("apply")
                #expect(broken.exitCode == 2 && broken.errors.contains("k8s/a.yaml:7: not valid YAML"), "\(broken)")

                try project.write("k8s/a.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData:\n  word: ${SEAWAY_TEST_WORD}\n")
                let undefined = try await project.deps("apply")
                #expect(undefined.exitCode == 2 && undefined.errors.contains("k8s/a.yaml:5: the variable SEAWAY_TEST_WORD"), "\(undefined)")
                try project.write("k8s/vars.env", "SEAWAY_TEST_WORD=from-the-file\n")
                #expect(try await project.deps("apply").exitCode == 0)
                #expect(try await project.object(.secrets, "a")?["data"]?["word"] == .string(Data("from-the-file".utf8).base64EncodedString()))
                let masked = try await project.deps("diff", variables: ["SEAWAY_TEST_WORD": "planted-secret"])
                #expect(masked.exitCode == 1 && masked.output.contains("***"), "\(masked)")
                let planted = ["planted-secret", Data("planted-secret".utf8).base64EncodedString(), Data("from-the-file".utf8).base64EncodedString()]
                #expect(!planted.contains { (masked.output + masked.errors).contains($0) })

                try project.write("k8s/a.yaml", project.table("lonely"))
                let unknown = try await project.deps("apply")
                #expect(
                    unknown.exitCode == 7 && unknown.errors.contains("k8s/a.yaml:1: the cluster has no kind Table of \(project.group)/v1"),
                    "\(unknown)")
            }
        }
    }

    @Test(arguments: ["", "-more"])
    func aNamespaceThatIsGoingAwayIsNamed(suffix: String) async throws {
        try await TestCluster.with { cluster in
            try await Project.with(cluster) { project in
                let going = project.namespace + suffix
                try project.manifest("- {name: db, path: k8s}")
                try project.write("k8s/a.yaml", Project.configMap("a", namespace: going))
                #expect(try await project.kubectl("create", "namespace", going).exitCode == 0)
                try project.write(
                    "held.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: held, namespace: \(going), finalizers: [example.com/held]}\n")
                #expect(try await project.kubectl("apply", "-f", "held.yaml").exitCode == 0)
                #expect(try await project.kubectl("delete", "namespace", going, "--wait=false").exitCode == 0)
                let ended = try await project.deps("apply")
                #expect(ended.exitCode == 3 && ended.errors.contains(going), "\(ended)")
                #expect(ended.errors.contains("is being deleted") || ended.errors.contains("is being terminated"), "\(ended)")
                let free = #"{"metadata":{"finalizers":null}}"#
                #expect(try await project.kubectl("-n", going, "patch", "configmap", "held", "--type=merge", "-p", free).exitCode == 0)
            }
        }
    }
}
