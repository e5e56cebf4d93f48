import Foundation
import KubernetesClient
import KubernetesModel
import SeawayAPI
import Testing

/// A sync never interrupts those who use the application.
@Suite(.enabled(if: !TestCluster.isSkipped), .timeLimit(.minutes(40)), .serialized)
struct RollingUpdateTests {
    /// The application ends at the very moment it is asked to, as most do.
    @Test func `50 requests a second during 5 syncs lose none, through the Ingress and through the Service`() async throws {
        try await TestCluster.with { cluster in
            try await Application.with(cluster) { application in
                let (ingress, inner) = try await tally(during: 5, of: application)
                #expect(ingress.lost == [])
                #expect(inner.lost == [])
                // A load that did not run would lose nothing either.
                #expect(ingress.served > 500 && inner.served > 500)
            }
        }
    }

    /// What the pause before a pod's end is for, and that this load would see its absence: a manifest's own hook takes its place.
    @Test func `without the pause requests are lost`() async throws {
        try await TestCluster.with { cluster in
            try await Application.with(cluster) { application in
                try application.write("manifest.yaml", application.manifest() + "    lifecycle: {preStop: {exec: {command: [\"true\"]}}}\n")
                let (ingress, inner) = try await tally(during: 2, of: application, isWhole: false)
                #expect(ingress.lost.count + inner.lost.count > 0)
            }
        }
    }

    /// Syncs so many times under load.
    /// - Parameter isWhole: whether the page is expected after each sync; it may be one of the requests that are lost.
    private func tally(during turns: Int, of application: Application, isWhole: Bool = true) async throws -> (
        ingress: Load.Tally, service: Load.Tally
    ) {
        let cluster = application.cluster
        let first = try await application.sync()
        try #require(first.ended.exitCode == 0, "\(first.ended)")
        let url = try #require(first.url.flatMap { URL(string: $0) })
        let host = try #require(url.host())
        let service = try await cluster.client.get(KubernetesModel.Service.self, application.name, namespace: application.namespace)
        let address = try #require(service.spec?.clusterIP)

        let ingress = Load()
        let inner = Load()
        try await ingress.during("http://127.0.0.1:\(url.port ?? 80)/", host: host, perSecond: 50) {
            try await inner.during("http://\(address):8080/", host: host, perSecond: 50) {
                for turn in 1...turns {
                    try application.write("page.txt", "turn \(turn)\n")
                    let synced = try await application.sync()
                    #expect(synced.ended.exitCode == 0, "\(synced.ended)")
                    guard isWhole else { continue }
                    let page = try await fetch(url.absoluteString)
                    #expect(page == (200, "turn \(turn)\n"), "\(page)")
                }
                // Those who leave do so while the load goes on.
                _ = try await cluster.eventually("the pods of earlier revisions to end") {
                    let pods = try await cluster.client.list(
                        Pod.self, namespace: application.namespace, labelSelector: "\(Names.environmentLabel)=\(application.name)")
                    return pods.items.count == 1 ? true : nil
                }
            }
        }
        print("through the Ingress: \(ingress.result.served) served, \(ingress.result.lost.count) lost")
        print("through the Service: \(inner.result.served) served, \(inner.result.lost.count) lost")
        return (ingress.result, inner.result)
    }
}
