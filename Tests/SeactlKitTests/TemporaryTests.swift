import Foundation
import KubernetesClient
import KubernetesModel
import SeawayAPI
import Source
import Testing

@testable import SeactlKit

/// Environments that go away by themselves.
@Suite struct TemporaryTests {
    private static let manifest = """
        name: hello
        environments:
          - {name: dev, namespace: hello-dev, temporary: true, ttl: 2h}
        """
    private static let now = Date(timeIntervalSince1970: 1_800_000_000)

    private func project() async throws -> (TestSystem, Environment) {
        let test = try TestSystem()
        try test.write("manifest.yaml", Self.manifest)
        try test.write("Dockerfile", "FROM scratch\n")
        let project = try Project.load("manifest.yaml", in: test.system())
        let scan = try await project.scan(project.selection(project.environment(named: nil)), cacheFile: nil)
        let revision = scan.tree.revision.hex
        var environment = Fixture.environment(revision: revision, Fixture.ready(deployed: revision))
        environment.spec.ttlSeconds = 7200
        environment.metadata.annotations?[Names.syncedAtAnnotation] = "\(Timestamp(Self.now.addingTimeInterval(-3600)))"
        return (test, environment)
    }

    @Test func theLifeIsInTheSpecAndBeginsWithEachSync() async throws {
        let (test, environment) = try await project()
        var script = ScriptedCluster.Script()
        script.watches = [[.event(.modified(environment))]]
        let first = ScriptedCluster(script)
        #expect(await Seactl.main(["env", "sync"], in: test.system(cluster: first)) == .done)
        let applied = try #require(first.applied.last)
        #expect(applied["spec"]?["ttlSeconds"] == 7200)
        #expect(applied["metadata"]?["annotations"]?["seaway.ctx.sh/synced-at"] == "2027-01-15T08:00:00Z")

        // Nothing changed: nothing is sent or built, and yet its life begins anew.
        script = ScriptedCluster.Script()
        script.environment = environment
        let second = ScriptedCluster(script)
        #expect(await Seactl.main(["env", "sync"], in: test.system(cluster: second)) == .done)
        #expect(second.calls == ["get", "apply", "close"])
        #expect(second.applied.last?["metadata"]?["annotations"]?["seaway.ctx.sh/synced-at"] == "2027-01-15T08:00:00Z")
        #expect(second.applied.last?["spec"] == (try JSONValue(encoding: environment.spec).droppingNulls), "the very spec that is there")
        #expect(test.stdout.contains("up to date"))
    }

    @Test func statusAndListTellWhenItGoesAway() async throws {
        let (test, environment) = try await project()
        var script = ScriptedCluster.Script()
        script.environment = environment
        #expect(await Seactl.main(["env", "status"], in: test.system(cluster: ScriptedCluster(script))) == .done)
        #expect(test.stdout.contains("Goes away    in 60m, as it is temporary; each sync begins its life anew\n"))
        #expect(await Seactl.main(["env", "list"], in: test.system(cluster: ScriptedCluster(script))) == .done)
        #expect(test.stdout.contains("AGE  GOES AWAY  URL\n"))
        #expect(test.stdout.contains("5m   in 60m     \(Fixture.url)\n"))
    }

    @Test func whenItGoesAway() async throws {
        var (_, environment) = try await project()
        #expect(StatusText.goesAway(environment, Self.now) == "in 60m")
        #expect(StatusText.goesAway(environment, Self.now.addingTimeInterval(3600)) == "now")
        environment.metadata.annotations = [:]
        #expect(StatusText.goesAway(environment, Self.now) == "in 115m", "by its creation, when nobody says when it was synced")
        environment.metadata.deletionTimestamp = Fixture.since
        #expect(StatusText.goesAway(environment, Self.now) == nil)
        environment = Fixture.environment(nil)
        #expect(StatusText.goesAway(environment, Self.now) == nil, "one that stays")
    }

    @Test func aTTLThatLeftTheManifestLeavesTheSpec() async throws {
        let (test, environment) = try await project()
        try test.write("manifest.yaml", "name: hello\nenvironments: [{name: dev, namespace: hello-dev}]\n")
        var script = ScriptedCluster.Script()
        script.environment = environment
        script.watches = [
            [
                .event(
                    .modified(
                        Fixture.environment(generation: 2, revision: environment.spec.revision, Fixture.ready(2, deployed: environment.spec.revision))
                    ))
            ]
        ]
        let cluster = ScriptedCluster(script)
        #expect(await Seactl.main(["env", "sync"], in: test.system(cluster: cluster)) == .done)
        #expect(cluster.applied.last?["spec"]?["ttlSeconds"] == nil)
    }
}
