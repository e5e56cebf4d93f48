import Foundation
import KubernetesClient
import KubernetesModel
import ObjectStore
import SeawayAPI
import Source
import Testing

/// The main job: one command, and the change is served.
@Suite(.enabled(if: !TestCluster.isSkipped), .timeLimit(.minutes(40)))
struct SyncTests {
    @Test func aSyncIsServedAndAChangeSendsTheChangedFileAlone() async throws {
        try await TestCluster.with { cluster in
            try await Application.with(cluster) { application in
                let first = try await application.sync()
                try #require(first.ended.exitCode == 0, "\(first.ended)")
                let url = try #require(first.url)
                let page = try await fetch(url)
                #expect(page == (200, "hello one\n"), "\(page)")
                let status = try #require(try await cluster.environment(application).status)
                #expect(ConditionInvariants.violations(status) == [])
                #expect(status.urls == [url])
                let packs = try await cluster.packs(application)

                try application.write("page.txt", "hello two\n")
                let second = try await application.sync()
                try #require(second.ended.exitCode == 0, "\(second.ended)")
                // At once: a sync that says ready must not serve the earlier page.
                let changed = try await fetch(url)
                #expect(changed == (200, "hello two\n"), "\(changed)")

                let sent = try await cluster.packs(application).subtracting(packs)
                try #require(sent.count == 1)
                let key = try #require(sent.first)
                let pack = try #require(try await cluster.store.get(key))
                #expect(try PackReader.check(pack).map(\.digest) == [Digest(hashing: Array("hello two\n".utf8))])
            }
        }
    }

    @Test func nothingChangedSendsNothingAndBuildsNothing() async throws {
        try await TestCluster.with { cluster in
            try await Application.with(cluster) { application in
                let first = try await application.sync()
                try #require(first.ended.exitCode == 0, "\(first.ended)")
                let before = try await cluster.environment(application)
                let job = try await cluster.buildJob(application)
                let stored = try await cluster.store.list(cluster.prefix(application))

                let second = try await application.sync()
                #expect(second.ended.exitCode == 0)
                #expect(second.ended.output.contains("up to date"))
                #expect(second.url == first.url)
                #expect(try await cluster.environment(application).metadata.resourceVersion == before.metadata.resourceVersion)
                #expect(try await cluster.buildJob(application) == job)
                #expect(try await cluster.store.list(cluster.prefix(application)) == stored)
            }
        }
    }

    @Test func changedReplicasDoNotBuild() async throws {
        try await TestCluster.with { cluster in
            try await Application.with(cluster) { application in
                try #require(try await application.sync().ended.exitCode == 0)
                let job = try await cluster.buildJob(application)
                try application.write("manifest.yaml", application.manifest(replicas: 2))
                let second = try await application.sync()
                #expect(second.ended.exitCode == 0, "\(second.ended)")
                let deployment = try await cluster.client.get(Deployment.self, application.name, namespace: application.namespace)
                #expect(deployment.status?.availableReplicas == 2)
                #expect(try await cluster.buildJob(application) == job)
            }
        }
    }

    @Test func anApplicationMayAnswerLikeAnIngressControllerWithoutARoute() async throws {
        try await TestCluster.with { cluster in
            try await Application.with(cluster) { application in
                let first = try await application.sync()
                let url = try #require(first.url, "\(first.ended)")
                let unknown = try await fetch(url.replacing("//\(application.name).", with: "//nobody."))
                try #require(unknown.status == 404, "\(unknown)")
                // No earlier pod is to answer in place of the next one.
                try #require(try await application.seactl("env", "clean").exitCode == 0)
                let server = try #require(application.webServer(says: "")["server.py"])
                try application.write("page.txt", unknown.body)
                try application.write("server.py", server.replacing("200", with: "404"))
                let synced = try await application.sync()
                try #require(synced.ended.exitCode == 0, "\(synced.ended)")
                #expect(try await fetch(url) == unknown)
                // The application was asked itself, rather than given a time in which to get a route.
                let addresses = try await cluster.operatorPods().compactMap { $0.status?.podIP }
                let log = try await application.seactl("env", "logs")
                #expect(addresses.contains { log.output.contains("\($0) - - ") }, "\(addresses): \(log)")
            }
        }
    }

    @Test func twoPeopleWithOneNameDoNotMeet() async throws {
        try await TestCluster.with { cluster in
            try await Application.with(cluster) { mine in
                try await Application.with(cluster) { yours in
                    try mine.write("page.txt", "mine\n")
                    try yours.write("page.txt", "yours\n")
                    async let first = mine.sync()
                    async let second = yours.sync()
                    let (one, two) = try await (first, second)
                    try #require(one.ended.exitCode == 0, "\(one.ended)")
                    try #require(two.ended.exitCode == 0, "\(two.ended)")
                    #expect(try await fetch(try #require(one.url)) == (200, "mine\n"))
                    #expect(try await fetch(try #require(two.url)) == (200, "yours\n"))
                }
            }
        }
    }
}
