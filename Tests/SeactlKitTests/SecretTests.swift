import Foundation
import KubernetesClient
import KubernetesModel
import SeawayAPI
import Source
import Testing

@testable import SeactlKit

@Suite struct SecretDecisionTests {
    private static let wanted = WantedSecret(name: "db", data: ["PASSWORD": Data("hunter2".utf8)])

    private func existing(
        labels: [String: String] = ["app.kubernetes.io/managed-by": "seaway", "seaway.ctx.sh/environment": "hello"],
        data: [String: Data] = wanted.data, owners: [String] = ["uid-1"], version: String? = "v1"
    ) -> Secret {
        let references = owners.map { OwnerReference(apiVersion: "seaway.ctx.sh/v1beta1", kind: "Environment", name: "hello", uid: $0) }
        return Secret(
            metadata: ObjectMeta(
                name: "db", namespace: "hello-dev", labels: labels, annotations: version.map { ["seaway.ctx.sh/version": $0] },
                ownerReferences: references), type: "Opaque", data: data)
    }

    private func make(_ secret: Secret?, uid: String? = "uid-1") -> SecretDecision {
        .make(existing: secret, wanted: Self.wanted, environment: Fixture.key, uid: uid, fresh: "v2")
    }

    @Test func whatIsThereAlreadyIsKept() {
        #expect(make(existing()) == .keep(version: "v1"))
        #expect(make(nil) == .write(version: "v2"))
        #expect(make(existing(data: ["PASSWORD": Data("old".utf8)])) == .write(version: "v2"))
        #expect(make(existing(data: Self.wanted.data.merging(["MORE": Data()]) { $1 })) == .write(version: "v2"), "a key that left")
        #expect(make(existing(version: nil)) == .write(version: "v2"))
    }

    @Test func anotherOwnerAloneStartsNoPods() {
        #expect(make(existing(owners: [])) == .write(version: "v1"))
        #expect(make(existing(owners: ["uid-0"])) == .write(version: "v1"), "an Environment that is gone")
        #expect(make(existing(owners: []), uid: nil) == .keep(version: "v1"), "before the Environment is there")
    }

    @Test func whatIsSomebodyElsesIsRefused() {
        for labels in [[:], ["app.kubernetes.io/managed-by": "Helm"], ["seaway.ctx.sh/environment": "hello"]] {
            guard case .refuse(let failure) = make(existing(labels: labels)) else {
                Issue.record("\(labels) was not refused")
                continue
            }
            #expect(failure.exit == .badInput)
            #expect(failure.headline == "Secret hello-dev/db is there and was not made by Seaway, so it is left as it is")
        }
        guard case .refuse(let other) = make(existing(labels: ["app.kubernetes.io/managed-by": "seaway", "seaway.ctx.sh/environment": "shop"]))
        else {
            Issue.record("another environment's was not refused")
            return
        }
        #expect(other.headline == "Secret hello-dev/db belongs to environment shop, not to hello")
    }

    @Test func theObject() {
        #expect(
            SecretDecision.object(Self.wanted, environment: Fixture.key, uid: "uid-1", version: "v1") == [
                "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": ["PASSWORD": "aHVudGVyMg=="],
                "metadata": [
                    "name": "db", "namespace": "hello-dev", "annotations": ["seaway.ctx.sh/version": "v1"],
                    "labels": ["app.kubernetes.io/managed-by": "seaway", "seaway.ctx.sh/environment": "hello"],
                    "ownerReferences": [["apiVersion": "seaway.ctx.sh/v1beta1", "kind": "Environment", "name": "hello", "uid": "uid-1"]],
                ],
            ])
        #expect(SecretDecision.object(Self.wanted, environment: Fixture.key, uid: nil, version: "v1")["metadata"]?["ownerReferences"] == nil)
    }

    @Test func noDescriptionHoldsTheValue() {
        let step = SecretsAction.Step(secret: Self.wanted, version: "v1", isWritten: true)
        for text in ["\(Self.wanted)", String(reflecting: Self.wanted), "\(step)", String(reflecting: step)] {
            #expect(!text.contains("hunter2") && !text.contains("7 bytes") && !text.contains("aHVudGVyMg"), "\(text)")
        }
        var dumped = ""
        dump(Self.wanted, to: &dumped)
        #expect(!dumped.contains("PASSWORD"))
    }
}

/// Secrets on their way through `env sync`.
@Suite struct SecretFlowTests {
    private static let manifest = """
        name: hello
        environments:
          - name: dev
            namespace: hello-dev
            secrets: [{name: db, fromEnvFile: .env.dev}, {name: tls, fromFile: {tls.key: certs/tls.key}}]
        """
    /// Planted where a secret may be; none may come out anywhere.
    private static let planted = ["hunter2-in-the-file", "-----BEGIN PRIVATE KEY-----"]

    private func project() throws -> TestSystem {
        let test = try TestSystem()
        try FileManager.default.createDirectory(atPath: test.project + "/certs", withIntermediateDirectories: true)
        try test.write("manifest.yaml", Self.manifest)
        try test.write("Dockerfile", "FROM scratch\n")
        try test.write("main.py", "print()\n")
        try test.write(".env.dev", "PASSWORD=\(Self.planted[0])\n")
        try test.write("certs/tls.key", Self.planted[1])
        return test
    }

    private func revision(_ test: TestSystem) async throws -> (paths: [String], revision: String) {
        let project = try Project.load("manifest.yaml", in: test.system())
        let scan = try await project.scan(project.selection(project.environment(named: "dev")), cacheFile: nil)
        return (scan.tree.entries.map { "\($0.path)" }, scan.tree.revision.hex)
    }

    private func sync(_ test: TestSystem, _ cluster: ScriptedCluster, _ more: String...) async -> CommandStatus {
        await Seactl.main(["env", "sync"] + more, in: test.system(cluster: cluster))
    }

    private func modified(_ environment: Environment) -> ScriptedCluster.WatchStep { .event(.modified(environment)) }

    /// A cluster that makes the first sync ready; the spec in its answers is what was applied.
    private func script(_ revision: String) -> ScriptedCluster.Script {
        var script = ScriptedCluster.Script()
        script.watches = [[modified(Fixture.environment(revision: revision, Fixture.ready(deployed: revision)))]]
        return script
    }

    @Test func theFilesAreNoSources() async throws {
        let test = try project()
        // Those of another environment neither, nor what a link leads to.
        let other = "  - {name: prod, namespace: p, secrets: [{name: db, fromEnvFile: .env.prod}, {name: api, fromEnvFile: .env.link}]}\n"
        try test.write("manifest.yaml", Self.manifest + "\n" + other)
        for file in [".env.prod", "shared.env"] { try test.write(file, "PASSWORD=\(Self.planted[0])\n") }
        try FileManager.default.createSymbolicLink(atPath: test.project + "/.env.link", withDestinationPath: "shared.env")
        let paths = try await revision(test).paths
        for file in [".env.prod", ".env.link", "shared.env"] { #expect(!paths.contains(file)) }
        #expect(!paths.contains(".env.dev"))
        #expect(!paths.contains("certs/tls.key"))
        #expect(paths.contains("main.py"))
    }

    @Test func aFirstSyncWritesThemBeforeTheEnvironmentAndThenOwnsThem() async throws {
        let test = try project()
        let cluster = ScriptedCluster(script(try await revision(test).revision))
        #expect(await sync(test, cluster) == .done)
        #expect(
            Array(cluster.calls.prefix(12)) == [
                "get", "get secret db", "get secret tls", "get namespace", "create namespace", "upload", "apply secret db", "apply secret tls", "get",
                "apply", "apply secret db", "apply secret tls",
            ])
        let applied = cluster.applied
        let environment = try #require(applied.first { $0["kind"] == "Environment" })
        let references = environment["spec"]?["secrets"]?.arrayValue ?? []
        #expect(references.compactMap { $0["name"]?.stringValue } == ["db", "tls"])
        #expect(references.allSatisfy { $0["version"]?.stringValue?.isEmpty == false })
        let secrets = applied.filter { $0["kind"] == "Secret" }
        #expect(secrets.count == 4)
        #expect(secrets[0]["metadata"]?["ownerReferences"] == nil)
        #expect(secrets[2]["metadata"]?["ownerReferences"]?[0]?["uid"] == "uid-1")
        #expect(secrets[0]["metadata"]?["annotations"] == secrets[2]["metadata"]?["annotations"], "the same version")
        #expect(secrets[0]["metadata"]?["annotations"]?["seaway.ctx.sh/version"] == references[0]["version"])
        #expect(test.stdout.contains("note     Secret db written (1 key)\n"))
    }

    @Test func nothingIsWrittenWhenNothingChanged() async throws {
        let test = try project()
        let cluster = ScriptedCluster(script(try await revision(test).revision))
        #expect(await sync(test, cluster) == .done)
        // What the operator would make of the applied spec.
        let running = try #require(cluster.applied.first { $0["kind"] == "Environment" })
        var environment: Environment = try running.decode()
        environment.metadata.uid = "uid-1"
        environment.metadata.generation = 1
        environment.status = Fixture.ready(deployed: environment.spec.revision)
        cluster.set(environment)
        let before = cluster.calls.count
        #expect(await sync(test, cluster) == .done)
        #expect(Array(cluster.calls.dropFirst(before)) == ["get", "get secret db", "get secret tls", "close"])
        #expect(test.stdout.contains("up to date"))

        try test.write(".env.dev", "PASSWORD=another\n")
        let again = cluster.calls.count
        cluster.add([.event(.modified(environment)), .hang])
        async let status = sync(test, cluster)
        while !cluster.calls.dropFirst(again).contains("apply") { await Task.yield() }
        let changed = try #require(cluster.applied.last { $0["kind"] == "Environment" })
        #expect(changed["spec"]?["secrets"]?[0] != running["spec"]?["secrets"]?[0], "another content is another version")
        #expect(changed["spec"]?["secrets"]?[1] == running["spec"]?["secrets"]?[1])
        test.interrupted.open()
        #expect(await status == .interrupted)
    }

    @Test func aForeignSecretStopsTheSyncBeforeAnythingIsWritten() async throws {
        let test = try project()
        var script = script(try await revision(test).revision)
        script.secrets = ["tls": Secret(metadata: ObjectMeta(name: "tls", namespace: "hello-dev"), data: [:])]
        let cluster = ScriptedCluster(script)
        #expect(await sync(test, cluster) == .badInput)
        #expect(cluster.calls == ["get", "get secret db", "get secret tls", "close"])
        #expect(cluster.applied.isEmpty)
        #expect(test.stderr.contains("error: Secret hello-dev/tls is there and was not made by Seaway"))
    }

    @Test func oneThatTheManifestNoLongerNamesIsRemovedAfterTheSync() async throws {
        let test = try project()
        let revision = try await revision(test).revision
        var script = ScriptedCluster.Script()
        script.watches = [[modified(Fixture.environment(generation: 2, revision: revision, Fixture.ready(2, deployed: revision)))]]
        let ours = ["app.kubernetes.io/managed-by": "seaway", "seaway.ctx.sh/environment": "hello"]
        script.environment = Fixture.environment(revision: "older", Fixture.ready(deployed: "older"))
        script.environment?.spec.secrets = [.init(name: "old", version: "1"), .init(name: "foreign", version: "1")]
        script.secrets = [
            "old": Secret(metadata: ObjectMeta(name: "old", labels: ours)), "foreign": Secret(metadata: ObjectMeta(name: "foreign")),
        ]
        let cluster = ScriptedCluster(script)
        #expect(await sync(test, cluster) == .done)
        #expect(Array(cluster.calls.suffix(4)) == ["get secret old", "delete secret old", "get secret foreign", "close"])
        #expect(!cluster.calls.contains("delete secret foreign"))
    }

    /// The server, or a webhook, that repeats what it was sent is the worst case.
    @Test(arguments: [[], ["-o", "json"], ["-o", "yaml"], ["-v"]]) func nothingComesOut(_ options: [String]) async throws {
        let test = try project()
        let revision = try await revision(test).revision
        let encoded = Self.planted.map { Data($0.utf8).base64EncodedString() }
        func check(_ what: String) {
            for text in Self.planted + encoded {
                #expect(!test.stdout.contains(text) && !test.stderr.contains(text), "\(what) tells \(text)")
            }
        }
        #expect(await Seactl.main(["env", "sync"] + options, in: test.system(cluster: ScriptedCluster(script(revision)))) == .done)
        check("a sync")
        var failing = script(revision)
        let told = "admission webhook denied: {\"data\":{\"PASSWORD\":\"\(encoded[0])\"}} decodes to \(Self.planted[0])"
        failing.secretError = KubernetesError(.api(Status(code: 400, reason: "BadRequest", message: told)), told)
        let cluster = ScriptedCluster(failing)
        #expect(await Seactl.main(["env", "sync"] + options, in: test.system(cluster: cluster)) == .clusterFailed)
        #expect(test.stderr.contains("Secret db cannot be written: admission webhook denied: {\"data\":{\"PASSWORD\":\"…\"}} decodes to …"))
        #expect(!cluster.calls.contains("apply"), "no Environment without its Secrets")
        check("a refusal")
    }

    @Test func filesThatAreMissingAreTwoBeforeTheClusterIsAsked() async throws {
        let test = try project()
        try FileManager.default.removeItem(atPath: test.project + "/certs/tls.key")
        let cluster = ScriptedCluster()
        #expect(await sync(test, cluster) == .badInput)
        #expect(cluster.calls.isEmpty)
        #expect(test.stderr.contains("Secret tls cannot be made: \(test.project)/certs/tls.key is not there"))
        try test.write("certs/tls.key", String(repeating: "k", count: 1 << 20) + "x")
        #expect(await sync(test, cluster) == .badInput)
        #expect(test.stderr.contains("Secret tls would hold 1.0 MiB, the API server takes at most 1.0 MiB"))
    }
}
