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

    @Test func optionsAreRememberedUntilTheyAreReset() async throws {
        var script = ScriptedCluster.Script()
        script.deployment = deployment(available: 1)
        let cluster = ScriptedCluster(script)
        var test = try TestSystem()

        /// The operator's arguments that an installation applies, whose Deployment is then the one in the cluster.
        func install(_ arguments: String..., variables: [String: String] = [:]) async throws -> Set<String> {
            test = try TestSystem()
            let code = await Seactl.main(["install"] + arguments, in: test.system(cluster: cluster, variables: variables))
            #expect(code == .done, "\(test.stderr)")
            let applied = try #require(cluster.applied.last { InstallAction.describe($0) == "Deployment seaway-system/seaway" })
            cluster.edit { $0.deployment?.metadata.annotations = applied["metadata"]?["annotations"]?.objectValue?.compactMapValues(\.stringValue) }
            let container = applied["spec"]?["template"]?["spec"]?["containers"]?[0]
            return Set(container?["args"]?.arrayValue?.compactMap(\.stringValue) ?? [])
        }
        let s3 = ["SEAWAY_S3_ACCESS_KEY": "the-key", "SEAWAY_S3_SECRET_KEY": "the-secret"]
        let first = try await install(
            "--store", "s3://seaway?endpoint=http://s3:9000", "--registry", "r:5000", "--insecure-registry", "--ingress-domain", "dev.test",
            "--workers", "3", "--registry-readable", "base/", variables: s3)
        #expect(first.isSuperset(of: ["--registry=r:5000", "--registry-insecure", "--ingress-domain=dev.test", "--workers=3"]))

        let second = try await install("--workers", "5")
        #expect(second == first.subtracting(["--workers=3"]).union(["--workers=5"]))
        #expect(test.stderr.contains("--ingress-domain dev.test") && !test.stderr.contains("--workers"))
        #expect(try await install("--no-insecure-registry") == second.subtracting(["--registry-insecure"]))
        #expect(test.stderr.contains("--workers 5") && !test.stderr.contains("insecure"))
        // Another registry is spoken to as its own options say.
        let other = try await install("--registry", "other:5000")
        #expect(other.isSuperset(of: ["--registry=other:5000", "--registry-pull=other:5000", "--workers=5"]))
        #expect(!other.contains("--registry-readable=base/"))

        for object in cluster.applied where object["kind"] != "Secret" {
            #expect(!String(decoding: object.encoded(), as: UTF8.self).contains("the-secret"))
        }
        let reset = try await install("--reset")
        #expect(reset.isDisjoint(with: ["--registry=r:5000", "--ingress-domain=dev.test", "--workers=5", "--registry-readable=base/"]))
        #expect(reset.contains("--store=file:///var/lib/seaway"))

        cluster.edit { $0.deployment?.metadata.annotations = ["seaway.ctx.sh/install-options": "{\"workers"] }
        #expect(await Seactl.main(["install"], in: test.system(cluster: cluster)) == .badInput)
        #expect(test.stderr.contains("--reset"))
    }

    @Test(arguments: [(nil, false, false), ("n", false, false), ("y", false, true), (nil, true, true)] as [(String?, Bool, Bool)])
    func uninstallAsksBeforeItDeletesEnvironments(_ answer: String?, _ yes: Bool, isDeleted: Bool) async throws {
        var script = ScriptedCluster.Script()
        script.environment = Fixture.environment(Fixture.ready())
        script.watches = [[.event(.deleted(Fixture.environment(Fixture.ready())))]]
        let cluster = ScriptedCluster(script)
        var system = try TestSystem().system(cluster: cluster)
        if let answer { system.ask = { _ in answer } }
        let output = Output(SilentRenderer(), elapsed: system.elapsed, write: { _ in })
        let action = UninstallAction(
            cluster: cluster.access, output: output, system: system, objects: [], withEnvironments: true, isAgreed: yes)
        do {
            try await action.run(action.choose())
            #expect(isDeleted)
        } catch let failure as CommandFailure {
            #expect(!isDeleted && failure.exit == .badInput)
        }
        #expect(cluster.calls.contains("delete") == isDeleted)
        if isDeleted { return }
        // What appears after the answer was not agreed to.
        await #expect(throws: CommandFailure.self) { try await action.run([]) }
        #expect(!cluster.calls.contains("delete"))
    }

    @Test func uninstallKeepsClustersWithEnvironments() async throws {
        var script = ScriptedCluster.Script()
        script.environment = Fixture.environment(Fixture.ready())
        let cluster = ScriptedCluster(script)
        let system = try TestSystem().system(cluster: cluster)
        let output = Output(SilentRenderer(), elapsed: system.elapsed, write: { _ in })
        let action = UninstallAction(cluster: cluster.access, output: output, system: system, objects: [], withEnvironments: false)
        await #expect(throws: CommandFailure.self) { try await action.run(action.choose()) }
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
        #expect(cluster.applied.isEmpty)
    }

    @Test func yamlQuotesWhatWouldBeReadAsAnotherType() throws {
        let text = try ObjectText.yaml([["a": "true", "b": true, "c": "1.20", "d": 3, "e": "line\nline\n", "f": []], ["kind": "B"]])
        #expect(text == "a: 'true'\nb: true\nc: '1.20'\nd: 3\ne: |\n  line\n  line\nf: []\n---\nkind: B\n")
    }
}
