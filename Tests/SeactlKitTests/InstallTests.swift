import KubernetesModel
import SeawayAPI
import Testing

@testable import SeactlKit

@Suite struct InstallTests {
    private func deployment(generation: Int = 1, observed: Int = 1, available: Int) -> Deployment {
        Deployment(
            metadata: ObjectMeta(name: "seaway", namespace: "seaway-system", generation: generation), spec: .init(replicas: 1),
            status: .init(observedGeneration: observed, replicas: 1, updatedReplicas: 1, availableReplicas: available))
    }

    private func pod(_ reason: String, _ message: String) -> Pod {
        Fixture.pod("seaway-1", "seaway", state: .init(waiting: .init(reason: reason, message: message)))
    }

    @Test func judges() {
        #expect(InstallProgress.judge(deployment: deployment(available: 1), generation: 1, pods: []) == .available)
        #expect(InstallProgress.judge(deployment: deployment(available: 1), generation: 2, pods: []) == .waiting("waiting for the cluster"))
        #expect(InstallProgress.judge(deployment: deployment(available: 0), generation: 1, pods: []) == .waiting("0/1 pods are ready"))
        let pull = pod("ImagePullBackOff", "no such image")
        #expect(
            InstallProgress.judge(deployment: deployment(available: 0), generation: 1, pods: [pull])
                == .failed(reason: "ImagePullBackOff", message: "no such image", crashed: nil))
        let crash = pod("CrashLoopBackOff", "back-off")
        #expect(
            InstallProgress.judge(deployment: deployment(available: 0), generation: 1, pods: [crash])
                == .failed(reason: "CrashLoopBackOff", message: "back-off", crashed: crash))
    }

    @Test func appliesInOrderAndWaits() async throws {
        var script = ScriptedCluster.Script()
        script.deployment = deployment(available: 1)
        let cluster = ScriptedCluster(script)
        let test = try TestSystem()
        let system = test.system(cluster: cluster)
        let objects: [JSONValue] = [
            ["kind": "Deployment", "metadata": ["name": "seaway", "namespace": "seaway-system", "generation": 1]],
            ["kind": "ServiceAccount", "metadata": ["name": "seaway", "namespace": "seaway-system"]],
            ["kind": "CustomResourceDefinition", "metadata": ["name": "environments.seaway.ctx.sh"]],
            ["kind": "Namespace", "metadata": ["name": "seaway-system"]],
        ]
        let output = Output(PlainRenderer(), elapsed: system.elapsed, write: system.standardError.write)
        try await InstallAction(cluster: cluster.access, output: output, system: system, objects: objects).run()
        #expect(
            cluster.calls == [
                "apply Namespace seaway-system", "apply CustomResourceDefinition environments.seaway.ctx.sh",
                "established environments.seaway.ctx.sh", "apply ServiceAccount seaway-system/seaway", "apply Deployment seaway-system/seaway",
            ])
        #expect(test.stderr.contains("Deployment seaway-system/seaway is available"))
    }

    @Test func uninstallKeepsClustersWithEnvironments() async throws {
        var script = ScriptedCluster.Script()
        script.environment = Fixture.environment(Fixture.ready())
        let cluster = ScriptedCluster(script)
        let system = try TestSystem().system(cluster: cluster)
        let output = Output(SilentRenderer(), elapsed: system.elapsed, write: { _ in })
        let action = UninstallAction(cluster: cluster.access, output: output, system: system, objects: [], withEnvironments: false)
        await #expect(throws: CommandFailure.self) { try await action.run() }
        #expect(!cluster.calls.contains("delete"))
    }

    @Test func dryRunPrintsAndKeepsSecrets() async throws {
        let test = try TestSystem()
        let cluster = ScriptedCluster()
        let variables = ["SEAWAY_S3_ACCESS_KEY": "the-key", "SEAWAY_S3_SECRET_KEY": "the-secret"]
        let arguments = ["install", "--dry-run", "--image", "localhost:5000/seaway:1", "--store", "s3://seaway?endpoint=http://s3:9000"]
        #expect(await Seactl.main(arguments, in: test.system(cluster: cluster, variables: variables)) == .done)
        #expect(cluster.calls.isEmpty)
        #expect(test.stdout.contains("image: localhost:5000/seaway:1\n"))
        #expect(test.stdout.contains("kind: CustomResourceDefinition\n"))
        #expect(!(test.stdout + test.stderr).contains("the-secret"))
        #expect(await Seactl.main(["install", "--store", "ftp://x"], in: test.system(cluster: cluster)) == .badInput)
        #expect(await Seactl.main(["install"], in: test.system(cluster: cluster, variables: ["SEAWAY_S3_ACCESS_KEY": "k"])) == .badInput)
        #expect(cluster.calls.isEmpty)
    }

    @Test func yamlQuotesWhatWouldBeReadAsAnotherType() throws {
        let text = try ObjectText.yaml([["a": "true", "b": true, "c": "1.20", "d": 3, "e": "line\nline\n", "f": []], ["kind": "B"]])
        #expect(text == "a: 'true'\nb: true\nc: '1.20'\nd: 3\ne: |\n  line\n  line\nf: []\n---\nkind: B\n")
    }
}
