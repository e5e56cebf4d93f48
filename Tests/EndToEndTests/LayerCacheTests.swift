import Foundation
import KubernetesClient
import KubernetesModel
import SeawayAPI
import Testing

/// Where layers are kept between builds, and that the next build finds them there.
@Suite(.enabled(if: !TestCluster.isSkipped), .timeLimit(.minutes(40)))
struct LayerCacheTests {
    /// A step that no other build of anybody has made, before the files that change.
    private func dockerfile(_ mark: String) -> String {
        """
        ARG BASE
        FROM ${BASE}
        WORKDIR /app
        RUN echo \(mark) > /mark
        COPY . .
        CMD ["python3", "-u", "server.py"]

        """
    }

    @Test(arguments: ["volume", "registry", "none"]) func `a second build finds the first one's layers, or none`(cache: String) async throws {
        try await TestCluster.with { cluster in
            try await Application.with(cluster) { application in
                try application.write("Dockerfile", dockerfile(application.namespace))
                try application.write(
                    "manifest.yaml",
                    """
                    name: \(application.name)
                    environments:
                      - name: dev
                        namespace: \(application.namespace)
                        build: {cache: \(cache), buildArgs: {BASE: "\(cluster.baseImage)"}}
                        ports: [{name: http, port: 8080}]
                        network: {ingress: {enabled: true}}

                    """)
                let first = try await build(application, says: "one")
                #expect(!first.contains { $0.contains("Using cache") || $0.contains("Cache pulled") }, "\(first)")
                let second = try await build(application, says: "two")
                let hits = second.filter { $0.contains("Using cache") || $0.contains("Cache pulled") }
                #expect(hits.isEmpty == (cache == "none"), "\(second)")

                let claim = try await cluster.client.getIfPresent(
                    PersistentVolumeClaim.self, Names.buildCache(of: application.name), namespace: application.namespace)
                #expect((claim != nil) == (cache == "volume"))
                let repository = Names.repository(namespace: application.namespace, environment: application.name)
                let tags = try await fetch("http://\(cluster.registry)/v2/\(repository)/cache/tags/list")
                #expect((tags.status == 200 && !tags.body.contains("null")) == (cache == "registry"), "\(tags)")
            }
        }
    }

    /// Syncs a page, and gives back what the builder wrote.
    private func build(_ application: Application, says text: String) async throws -> [String] {
        let cluster = application.cluster
        try application.write("page.txt", "\(text)\n")
        let synced = try await application.sync()
        try #require(synced.ended.exitCode == 0, "\(synced.ended)")
        let url = try #require(synced.url)
        _ = try await cluster.eventually("the page '\(text)'") { try await fetch(url) == (200, "\(text)\n") ? true : nil }
        let job = try await cluster.buildJob(application)
        let pods = try await cluster.client.list(
            Pod.self, namespace: application.namespace, labelSelector: "\(Names.buildLabel)=\(application.name)")
        let pod = try #require(pods.items.first { $0.metadata.ownerReferences?.contains { $0.uid == job } ?? false })
        let log = try await cluster.client.logTail(
            pod: pod.name, namespace: application.namespace, container: Names.buildContainer, previous: false, lines: 1000)
        #expect(log.contains(Names.pushedLine), "\(log)")
        return log
    }
}
