import Foundation
import KubernetesModel
import Testing

/// What a person at a terminal is asked before `seactl deps` touches what others may need.
@Suite(.disabled(if: TestCluster.isSkipped, "SEAWAY_SKIP_CLUSTER_TESTS"))
struct DependencyQuestionTests {
    private typealias Project = DependencyProject

    @Test func aPersonIsAskedAndANoLeavesEverything() async throws {
        try await TestCluster.with { cluster in
            try await Project.with(cluster) { project in
                try project.manifest("- {name: db, path: k8s}")
                try project.write("k8s/a.yaml", Project.configMap("a"))
                try project.write("k8s/crd.yaml", project.definition())
                let definition = "CustomResourceDefinition tables.\(project.group)"

                let refused = try await answering("n\n", ["apply"], project)
                #expect(refused.exitCode == 2 && refused.output.contains("Apply 1 cluster-wide object? [y/N]"), "\(refused)")
                #expect(refused.output.contains("cluster-wide: \(definition), to be created"))
                #expect(try await project.object(.configMaps, "a") == nil)
                // Ctrl-C is an answer too.
                let interrupted = try await answering("\u{3}", ["apply"], project)
                #expect(interrupted.exitCode == 130 && interrupted.output.contains("interrupted"), "\(interrupted)")
                #expect(try await project.object(.configMaps, "a") == nil)
                let agreed = try await answering("y\n", ["apply"], project)
                #expect(agreed.exitCode == 0, "\(agreed)")
                #expect(try await project.object(.configMaps, "a") != nil)

                try project.write("k8s/a.yaml", Project.configMap("b"))
                let kept = try await answering("n\n", ["apply"], project)
                #expect(kept.exitCode == 2 && kept.output.contains("Remove 1 object? [y/N]"), "\(kept)")
                #expect(kept.output.contains("to be removed, as it left k8s: ConfigMap \(project.namespace)/a"), "\(kept)")
                #expect(try await project.object(.configMaps, "b") == nil)
                #expect(try await project.object(.configMaps, "a") != nil)
                let pruned = try await answering("y\n", ["apply"], project)
                #expect(pruned.exitCode == 0, "\(pruned)")
                #expect(try await project.object(.configMaps, "a") == nil)

                let spared = try await answering("\n", ["delete"], project)
                #expect(spared.exitCode == 2 && spared.output.contains("to be removed: \(definition) (cluster-wide)"), "\(spared)")
                #expect(try await project.object(.configMaps, "b") != nil)
                let removed = try await answering("yes\n", ["delete"], project)
                #expect(removed.exitCode == 0, "\(removed)")
                #expect(try await project.object(.configMaps, "b") == nil)
            }
        }
    }

    /// Runs `seactl deps` at a terminal, where somebody types this when asked.
    private func answering(_ answer: String, _ arguments: [String], _ project: DependencyProject) async throws -> Ended {
        let program = URL(filePath: FileManager.default.currentDirectoryPath).appending(path: ".build/debug/seactl").path
        return try await run(
            "python3", ["-c", Self.terminal, answer, program, "deps"] + arguments + ["--kubeconfig", project.cluster.kubeconfig],
            in: project.directory, environment: ["XDG_STATE_HOME": project.directory + ".state", "TERM": "dumb"])
    }

    private static let terminal = """
        import os, pty, sys
        process, terminal = pty.fork()
        if process == 0:
            os.execv(sys.argv[2], sys.argv[2:])
        text, asked = b"", False
        while True:
            try:
                part = os.read(terminal, 4096)
            except OSError:
                break
            if not part:
                break
            text += part
            if not asked and b"[y/N]" in text:
                asked = True
                os.write(terminal, sys.argv[1].encode())
        sys.stdout.buffer.write(text)
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
        """
}
