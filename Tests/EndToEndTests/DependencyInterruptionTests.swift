import Foundation
import KubernetesModel
import Subprocess
import Testing

/// What an apply or a removal leaves that was ended half-way, and how the next one goes on.
@Suite(.disabled(if: TestCluster.isSkipped, "SEAWAY_SKIP_CLUSTER_TESTS"))
struct DependencyInterruptionTests {
    private typealias Project = DependencyProject

    /// A pod whose account is not there yet holds the apply in its last step for some seconds.
    @Test(arguments: [(Signal.interrupt, Int32(130)), (Signal.kill, Int32(137))])
    func theNextApplyGoesOn(signal: Signal, exitCode: Int32) async throws {
        try await TestCluster.with { cluster in
            try await Project.with(cluster) { project in
                try project.manifest("- {name: db, path: k8s}")
                let pod = project.workload("Pod", "late", "pass").replacing("spec: {", with: "spec: {serviceAccountName: late, ")
                try project.write("k8s/all.yaml", ((0..<10).map { Project.configMap("map-\($0)") } + [pod]).joined(separator: "---\n"))
                func maps() async throws -> Int {
                    var found = 0
                    for index in 0..<10 where try await project.object(.configMaps, "map-\(index)") != nil { found += 1 }
                    return found
                }
                let ended = try await project.deps(
                    "apply", ending: (signal, { _ = try await cluster.eventually("the maps") { try await maps() == 10 ? true : nil } }))
                #expect(ended.exitCode == exitCode, "\(ended)")
                if signal == .interrupt { #expect(ended.errors.contains("interrupted; what was applied so far stays"), "\(ended)") }
                #expect(try await project.object(.pods, "late") == nil)
                // What was applied is remembered already.
                #expect(try await project.object(.configMaps, "shop-dev-deps-db") != nil)

                #expect(try await project.kubectl("-n", project.namespace, "create", "serviceaccount", "late").exitCode == 0)
                let next = try await project.deps("apply")
                #expect(next.exitCode == 0 && next.output.contains("11 objects: 1 created, 0 changed, 10 unchanged"), "\(next)")
                #expect(try await project.deps("diff").exitCode == 0)
                let removed = try await project.deps("delete")
                #expect(removed.exitCode == 0 && removed.output.contains("removed 11 objects"), "\(removed)")
                #expect(try await maps() == 0)
            }
        }
    }

    @Test func aRemovalThatTakesTooLongSaysSoAndTheNextOneGoesOn() async throws {
        try await TestCluster.with { cluster in
            try await Project.with(cluster) { project in
                try project.manifest("- {name: db, path: k8s}")
                let held = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: held, finalizers: [example.com/held]}\n"
                try project.write("k8s/a.yaml", held + "---\n" + Project.configMap("free"))
                #expect(try await project.deps("apply").exitCode == 0)
                let late = try await project.deps("delete", "--timeout", "10s")
                #expect(late.exitCode == 7 && late.errors.contains("not gone after 10.0 s"), "\(late)")
                let why = "waiting for ConfigMap \(project.namespace)/held to go: is being deleted, waiting for example.com/held"
                #expect(late.output.contains(why), "\(late)")
                #expect(try await project.object(.configMaps, "free") == nil)
                #expect(try await project.object(.configMaps, "shop-dev-deps-db") != nil)
                let again = try await project.deps("apply")
                #expect(again.exitCode == 7 && again.errors.contains("held is being deleted"), "\(again)")
                let free = #"{"metadata":{"finalizers":null}}"#
                #expect(try await project.kubectl("-n", project.namespace, "patch", "configmap", "held", "--type=merge", "-p", free).exitCode == 0)
                #expect(try await project.deps("delete").exitCode == 0)
                #expect(try await project.object(.configMaps, "shop-dev-deps-db") == nil)
            }
        }
    }
}
