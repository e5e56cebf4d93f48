import Foundation
import KubernetesModel
import Testing

/// Dependencies that kustomize and Helm render, with the real programs, on the real cluster.
@Suite(.disabled(if: TestCluster.isSkipped, "SEAWAY_SKIP_CLUSTER_TESTS"))
struct DependencyToolTests {
    private typealias Project = DependencyProject

    private static func chart(_ project: Project, at path: String) throws {
        try project.write("\(path)/Chart.yaml", "apiVersion: v2\nname: cache\nversion: 1.2.3\n")
        try project.write("\(path)/values.yaml", "size: small\n")
        try project.write("\(path)/crds/table.yaml", project.definition())
        try project.write(
            "\(path)/templates/map.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-cache\n  namespace: {{ .Release.Namespace }}\ndata:\n  size: {{ .Values.size }}\n"
        )
        try project.write("\(path)/templates/table.yaml", project.table("of-chart"))
        try project.write(
            "\(path)/templates/test.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: only-a-test\n  annotations: {helm.sh/hook: test}\n")
    }

    @Test func aChartIsRenderedByHelmAndApplied() async throws {
        try await TestCluster.with { cluster in
            try await Project.with(cluster) { project in
                try Self.chart(project, at: "charts/cache")
                try project.write("large.yaml", "size: large\n")
                try project.manifest("- {name: cache, type: helm, chart: charts/cache, values: [large.yaml], release: fast}")
                let ended = try await project.deps("apply")
                #expect(ended.exitCode == 0, "\(ended)")
                #expect(try await project.object(.configMaps, "fast-cache")?["data"]?["size"] == "large")
                let type = ResourceType(group: project.group, version: "v1", plural: "tables", kind: "Table")
                #expect(try await project.object(type, "of-chart") != nil)
                #expect(try await project.object(.configMaps, "only-a-test") == nil)

                try project.write("charts/cache/templates/bad.yaml", "{{ .Values.none.at.all }}\n")
                let bad = try await project.deps("apply")
                #expect(bad.exitCode == 2 && bad.errors.contains("templates/bad.yaml:1"), "\(bad)")
                try project.delete("charts/cache/templates/bad.yaml")
            }
        }
    }

    @Test func aKustomizationMayHoldCharts() async throws {
        try await TestCluster.with { cluster in
            try await Project.with(cluster) { project in
                try Self.chart(project, at: "k8s/charts/cache")
                try project.write("k8s/map.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: plain}\ndata:\n  value: ${SEAWAY_TEST_WORD}\n")
                try project.write(
                    "k8s/kustomization.yaml",
                    "namePrefix: my-\nresources: [map.yaml]\nhelmCharts: [{name: cache, releaseName: fast, includeCRDs: true, namespace: \(project.namespace)}]\n"
                )
                try project.manifest("- {name: db, path: k8s, substitute: true}")
                let undefined = try await project.deps("apply")
                #expect(undefined.exitCode == 2 && undefined.errors.contains("k8s/map.yaml:5: the variable SEAWAY_TEST_WORD"), "\(undefined)")
                let ended = try await project.deps("apply", variables: ["SEAWAY_TEST_WORD": "here"])
                #expect(ended.exitCode == 0, "\(ended)")
                #expect(try await project.object(.configMaps, "my-plain")?["data"]?["value"] == "here")
                #expect(try await project.object(.configMaps, "my-fast-cache")?["data"]?["size"] == "small")
                try project.write("k8s/kustomization.yaml", "resources: [nothing.yaml]\n")
                let bad = try await project.deps("apply")
                #expect(bad.exitCode == 2 && bad.errors.contains("nothing.yaml"), "\(bad)")
            }
        }
    }

    @Test func aMissingOrOldToolIsNamedWithTheLineThatInstallsIt() async throws {
        try await TestCluster.with { cluster in
            try await Project.with(cluster) { project in
                try project.write("k8s/kustomization.yaml", "resources: [map.yaml]\n")
                try project.write("k8s/map.yaml", Project.configMap("a"))
                try project.manifest("- {name: db, path: k8s}\n- {name: cache, type: helm, chart: k8s}")
                try project.write("bin/readme", "")
                let none = try await project.deps("apply", variables: ["PATH": project.directory + "/bin"])
                #expect(
                    none.exitCode == 2 && none.errors.contains("kustomize is needed") && none.errors.contains("brew install kustomize"), "\(none)")
                try project.write("bin/kustomize", "#!/bin/sh\necho '{Version:kustomize/v3.9.1 GitCommit:x}'\n")
                try project.write("bin/helm", "#!/bin/sh\necho v2.17.0+gx\n")
                for name in ["kustomize", "helm"] {
                    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: project.directory + "/bin/" + name)
                }
                let path = "\(project.directory)/bin:/usr/bin:/bin"
                let old = try await project.deps("apply", variables: ["PATH": path])
                #expect(old.exitCode == 2 && old.errors.contains("kustomize 3.9.1 is too old"), "\(old)")
                let helm = try await project.deps("apply", "--only", "cache", variables: ["PATH": path])
                #expect(helm.exitCode == 2 && helm.errors.contains("helm 2.17.0 is too old"), "\(helm)")
                #expect(helm.errors.contains("https://helm.sh"))

                // Without kustomize, kubectl's is taken; that of kubectl 1.24 is too old for charts.
                try project.delete("bin/kustomize")
                try project.delete("bin/helm")
                try project.write("bin/kubectl", "#!/bin/sh\necho 'Client Version: v1.24.17'\n")
                try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: project.directory + "/bin/kubectl")
                let alone = project.directory + "/bin:/bin"
                let kubectl = try await project.deps("apply", "--only", "db", variables: ["PATH": alone])
                #expect(kubectl.exitCode == 2 && kubectl.errors.contains("kubectl 1.24.17 is too old"), "\(kubectl)")
                let noHelm = try await project.deps("apply", "--only", "cache", variables: ["PATH": alone])
                #expect(noHelm.exitCode == 2 && noHelm.errors.contains("helm is needed and not installed"), "\(noHelm)")
            }
        }
    }

    /// On a machine that has kubectl, and neither kustomize nor Helm.
    @Test func kubectlBuildsAKustomizationWhereKustomizeIsMissing() async throws {
        try await TestCluster.with { cluster in
            try await Project.with(cluster) { project in
                let kustomization = "configMapGenerator: [{name: made, literals: [value=one]}]\ngeneratorOptions: {disableNameSuffixHash: true}\n"
                try project.write("k8s/kustomization.yaml", kustomization)
                try project.manifest("- {name: db, path: k8s}")
                let path = ["PATH": Project.tools + "/alone"]
                let ended = try await project.deps("apply", variables: path)
                #expect(ended.exitCode == 0, "\(ended)")
                #expect(try await project.object(.configMaps, "made")?["data"] == ["value": "one"])
                try project.write("k8s/kustomization.yaml", kustomization + "helmCharts: [{name: cache}]\n")
                let charts = try await project.deps("apply", variables: path)
                #expect(charts.exitCode == 2 && charts.errors.contains("helm is needed and not installed"), "\(charts)")
            }
        }
    }

    /// The example in the repository: a kind first, then a database with a volume, a Secret and a wait.
    @Test func theExampleRuns() async throws {
        try await TestCluster.with { cluster in
            try await Project.with(cluster) { project in
                let example = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../examples/dependencies").standardized
                try project.delete("")
                try FileManager.default.copyItem(atPath: example.path, toPath: project.directory)
                let variables = ["BASE": project.image]
                let ended = try await project.deps("apply", "-n", project.namespace, variables: variables)
                #expect(ended.exitCode == 0 && ended.output.contains("Service \(project.namespace)/database is ready"), "\(ended)")
                #expect(try await project.deps("diff", "-n", project.namespace, variables: variables).exitCode == 0)
                let removed = try await project.deps("delete", "-n", project.namespace)
                #expect(removed.exitCode == 0, "\(removed)")
                #expect(try await project.object(.persistentVolumeClaims, "database") == nil)
            }
        }
    }

    /// An application's dependencies, what the development cluster needs, what is installed: each builds where nothing else is.
    @Test(arguments: [
        ("examples/dependencies/k8s/schema", "."), ("examples/dependencies/k8s/database", "."), ("scripts/cluster.d/manifests", "."),
        ("config", "default"),
    ])
    func eachTreeBuildsAlone(tree: String, part: String) async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "seaway-tree-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try FileManager.default.copyItem(atPath: "\(FileManager.default.currentDirectoryPath)/\(tree)", toPath: directory)
        let built = try await run("kustomize", ["build", "\(directory)/\(part)"], environment: ["PATH": Project.path])
        #expect(built.exitCode == 0, "\(built)")
        // All objects that lie there are of it, and no others but what it generates.
        func kinds(_ text: String) -> [String] { text.split(separator: "\n").filter { $0.hasPrefix("kind: ") }.map(String.init).sorted() }
        let files = try FileManager.default.subpathsOfDirectory(atPath: directory).filter {
            $0.hasSuffix(".yaml") && !$0.hasSuffix("kustomization.yaml")
        }
        var written = try files.flatMap { kinds(try String(contentsOfFile: "\(directory)/\($0)", encoding: .utf8)) }
        if tree.hasSuffix("database") { written.append("kind: ConfigMap") }
        #expect(!written.isEmpty && kinds(built.output) == written.sorted(), "\(built.output)")
    }

    @Test func threeHundredObjectsAreAppliedComparedAndRemoved() async throws {
        try await TestCluster.with { cluster in
            try await Project.with(cluster) { project in
                try project.manifest("- {name: db, path: k8s}")
                try project.write("k8s/all.yaml", (0..<300).map { Project.configMap("map-\($0)") }.joined(separator: "---\n"))
                let ended = try await project.deps("apply")
                #expect(ended.exitCode == 0 && ended.output.contains("300 created"), "\(ended.errors)")
                #expect(try await project.deps("apply").output.contains("300 unchanged"))
                let removed = try await project.deps("delete")
                #expect(removed.exitCode == 0 && removed.output.contains("removed 300 objects"))
            }
        }
    }
}
