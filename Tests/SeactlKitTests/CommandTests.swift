import Foundation
import KubernetesClient
import KubernetesModel
import SeawayAPI
import Source
import Testing

@testable import SeactlKit

/// Whole commands, from their arguments to their exit status, against a scripted cluster.
@Suite struct CommandTests {
    private static let manifest = """
        name: hello
        environments:
          - name: dev
            namespace: hello-dev
        """

    /// A project whose revision is known, and an Environment that runs it.
    private func project() async throws -> (TestSystem, Environment) {
        let test = try TestSystem()
        try test.write("manifest.yaml", Self.manifest)
        try test.write("Dockerfile", "FROM scratch\n")
        try test.write("main.py", "print()\n")
        let project = try Project.load("manifest.yaml", in: test.system())
        let scan = try await project.scan(project.selection(project.environment(named: nil)), cacheFile: nil)
        let revision = scan.tree.revision.hex
        return (test, Fixture.environment(revision: revision, Fixture.ready(deployed: revision)))
    }

    private func run(
        _ arguments: String..., in test: TestSystem, environment: Environment? = nil, context: String = "kind-test", answer: String? = nil
    ) async -> (status: CommandStatus, calls: [String]) {
        var script = ScriptedCluster.Script()
        script.environment = environment
        let cluster = ScriptedCluster(script)
        let status = await Seactl.main(arguments, in: test.system(cluster: cluster, context: context, answer: answer))
        return (status, cluster.calls)
    }

    @Test func mistakesInTheArgumentsAreTwoAndHelpIsZero() async throws {
        let test = try TestSystem()
        #expect(await run("env", "sync", "--nonsense", in: test).status == .badInput)
        #expect(await run("frobnicate", in: test).status == .badInput)
        #expect(await run("env", "sync", "--timeout", "soon", in: test).status == .badInput)
        #expect(await run("env", "logs", "--build", "--previous", in: test).status == .badInput)
        #expect(test.stdout.isEmpty)
        #expect(test.stderr.contains("Unknown option '--nonsense'"))
        #expect(await run("--help", in: test).status == .done)
        #expect(await run("env", in: test).status == .done)
        #expect(await run("--version", in: test).status == .done)
        #expect(test.stdout.contains("USAGE: seactl env"))
        for shell in ["bash", "zsh", "fish"] {
            #expect(await run("--generate-completion-script", shell, in: test).status == .done)
        }
    }

    @Test func filesThatAreMissingAreToldBeforeTheClusterIsAsked() async throws {
        let test = try TestSystem()
        var result = await run("env", "sync", in: test)
        #expect(result == (.badInput, []))
        #expect(test.stderr.contains("there is no manifest at \(test.project)/manifest.yaml"))

        try test.write("manifest.yaml", Self.manifest)
        result = await run("env", "sync", in: test)
        #expect(result == (.buildFailed, []))
        #expect(test.stderr.contains("there is no file \(test.project)/Dockerfile"))
        #expect(test.stderr.contains("reason: DockerfileNotFound"))

        try test.write("manifest.yaml", "name: hello\nenvironmnts: []\n")
        result = await run("env", "sync", in: test)
        #expect(result == (.badInput, []))
        #expect(test.stderr.contains("manifest.yaml:2:1"))
    }

    @Test func syncSaysUpToDateAndRemembersTheContext() async throws {
        let (test, environment) = try await project()
        let first = await run("env", "sync", in: test, environment: environment)
        #expect(first == (.done, ["get", "close"]))
        #expect(test.stdout.hasPrefix("sync     hello/dev → namespace hello-dev, context kind-test\n"))
        #expect(test.stdout.contains("up to date  \(Fixture.url)"))

        let other = await run("env", "sync", in: test, environment: environment, context: "prod")
        #expect(other == (.badInput, ["close"]), "another context is not even asked")
        #expect(test.stderr.contains("the last sync of this manifest went to context 'kind-test', the current context is 'prod'"))
        #expect(await run("env", "clean", in: test, environment: environment, context: "prod").status == .badInput)

        #expect(await run("env", "sync", in: test, environment: environment, context: "prod", answer: "n").status == .badInput)
        #expect(await run("env", "sync", "--yes", in: test, environment: environment, context: "prod").status == .done)
        #expect(await run("env", "sync", in: test, environment: environment, context: "prod").status == .done, "it is the last one now")
        #expect(await run("env", "sync", "--context", "kind-test", in: test, environment: environment, context: "prod").status == .done)
        #expect(await run("env", "sync", in: test, environment: environment, context: "prod", answer: "y").status == .done)
    }

    @Test func jsonIsTheObjectAndNothingElse() async throws {
        let (test, environment) = try await project()
        let result = await run("env", "sync", "-o", "json", in: test, environment: environment)
        #expect(result.status == .done)
        let object = try JSONValue(parsing: Data(test.stdout.utf8))
        #expect(object["kind"] == "Environment")
        #expect(test.stderr.contains("up to date"))
    }

    @Test func statusTellsAlsoOfFailures() async throws {
        let (test, _) = try await project()
        let failed = Fixture.environment(Fixture.stalled(.deployed, .crashLoop, "exited with code 1; its last lines:\n  boom"))
        #expect(await run("env", "status", in: test, environment: failed).status == .done)
        #expect(test.stdout.contains("Deployed     False   CrashLoop  5m   exited with code 1; its last lines:"))
        #expect(test.stdout.contains("Message      exited with code 1; its last lines:\n               boom\n"))
        #expect(await run("env", "status", "-o", "yaml", in: test, environment: failed).status == .done)
        #expect(test.stdout.contains("kind: Environment\n"))
        #expect(await run("env", "status", in: test).status == .badInput, "nothing is there")
        #expect(test.stderr.contains("there is no environment hello in namespace hello-dev"))
    }

    @Test func listAndNamespaceOption() async throws {
        let (test, environment) = try await project()
        #expect(await run("env", "list", in: test, environment: environment).calls == ["list *", "close"])
        #expect(test.stdout.contains("NAMESPACE  NAME   ENVIRONMENT  READY  REASON"))
        #expect(await run("env", "list", "-n", "mine", in: test).calls == ["list mine", "close"])
        #expect(test.stderr.contains("There are no environments in namespace mine."))
    }

    @Test func cleanOfNothingIsFineAndForeignOnesAreRefused() async throws {
        let (test, environment) = try await project()
        #expect(await run("env", "clean", in: test) == (.done, ["get", "close"]))
        var foreign = environment
        foreign.metadata.annotations = [Names.ownerAnnotation: "bob"]
        #expect(await run("env", "clean", in: test, environment: foreign) == (.badInput, ["get", "close"]))
    }

    @Test func replicasAreNoNewRevision() async throws {
        let (test, _) = try await project()
        func revision() async throws -> String {
            let project = try Project.load("manifest.yaml", in: test.system())
            return try await project.scan(project.selection(project.environment(named: nil)), cacheFile: nil).tree.revision.hex
        }
        let before = try await revision()
        try test.write("manifest.yaml", Self.manifest + "\n    replicas: 3\n")
        #expect(try await revision() == before)
        try test.write("main.py", "print(1)\n")
        #expect(try await revision() != before)
    }

    @Test func branchIsReadFromTheRepository() throws {
        let test = try TestSystem()
        #expect(GitBranch.current(in: test.project) == nil)
        try FileManager.default.createDirectory(atPath: test.home + "/.git", withIntermediateDirectories: true)
        try "ref: refs/heads/feature/login\n".write(toFile: test.home + "/.git/HEAD", atomically: true, encoding: .utf8)
        #expect(GitBranch.current(in: test.project) == "feature/login")
    }

    @Test func outputThatIsLostIsAnError() async throws {
        let test = try TestSystem()
        var system = test.system()
        system.standardOutput.problem = { "No space left on device" }
        #expect(await Seactl.main(["version"], in: system) == .badInput)
        #expect(test.stderr.contains("cannot be written to standard output: No space left on device"))
    }
}
