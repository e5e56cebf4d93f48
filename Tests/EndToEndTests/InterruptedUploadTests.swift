import Foundation
import KubernetesClient
import KubernetesModel
import ObjectStore
import SeawayAPI
import Source
import Subprocess
import Testing

/// A sync that ends in the middle of sending, on the real way to the real object store.
@Suite(.enabled(if: !TestCluster.isSkipped), .timeLimit(.minutes(40)))
struct InterruptedUploadTests {
    private static let files = 32

    @Test func theNextSyncSendsOnlyWhatDidNotArrive() async throws {
        try await TestCluster.with { cluster in
            try await Application.with(cluster) { application in
                for number in 0..<Self.files {
                    var bytes = Data(count: 4_000_000)
                    bytes.withUnsafeMutableBytes { arc4random($0) }
                    try bytes.write(to: URL(filePath: application.directory).appending(path: "noise-\(number)"))
                }
                // Small enough to be built in a moment.
                try application.write(
                    "Dockerfile", "ARG BASE\nFROM ${BASE}\nWORKDIR /app\nCOPY server.py page.txt ./\nCMD [\"python3\", \"-u\", \"server.py\"]\n")
                let killed = try await application.seactl(
                    ["env", "sync"], ending: (.kill, { _ = try await arrived(cluster, application) { $0.count > 2 } }))
                #expect(killed.exitCode == 128 + 9)
                let before = try await settled(cluster, application)
                // Manifest and noise, the page, its server, another file and the Dockerfile.
                let total = Self.files + 4
                try #require(before.count < total, "it was killed too late")

                let synced = try await application.sync()
                try #require(synced.ended.exitCode == 0, "\(synced.ended)")
                #expect(synced.ended.output.contains("\(total - before.count) changed"), "\(before.count) of \(synced.ended.output)")
                // What arrived first is where it was, and nothing of it came once more.
                var seen: Set<Digest> = []
                for (chunk, pack) in try await chunks(cluster, application) {
                    #expect(seen.insert(chunk).inserted, "twice, the second time in \(pack)")
                }
                #expect(seen.isSuperset(of: before) && seen.count == total)
                #expect(try await fetch(try #require(synced.url)) == (200, "hello one\n"))
            }
        }
    }

    /// The chunks that count as arrived, which are those in packs with an index.
    private func chunks(_ cluster: TestCluster, _ application: Application) async throws -> [(chunk: Digest, pack: String)] {
        let keys = Set(try await cluster.store.list("\(cluster.prefix(application))packs/"))
        var found: [(chunk: Digest, pack: String)] = []
        for key in keys where keys.contains(key + ".index") {
            guard let pack = try await cluster.store.get(key) else { continue }
            found += try PackReader.check(pack).map { ($0.digest, key) }
        }
        return found
    }

    private func arrived(_ cluster: TestCluster, _ application: Application, _ isEnough: (Set<Digest>) -> Bool) async throws -> Set<Digest> {
        try await cluster.eventually("packs to arrive") {
            let found = Set(try await chunks(cluster, application).map(\.chunk))
            return isEnough(found) ? found : nil
        }
    }

    /// What was on its way when the client died may still be stored.
    private func settled(_ cluster: TestCluster, _ application: Application) async throws -> Set<Digest> {
        var last = try await arrived(cluster, application) { !$0.isEmpty }
        while true {
            try await Task.sleep(for: .seconds(2))
            let now = try await arrived(cluster, application) { !$0.isEmpty }
            if now == last { return now }
            last = now
        }
    }

    private func arc4random(_ bytes: UnsafeMutableRawBufferPointer) {
        var numbers = SystemRandomNumberGenerator()
        for offset in stride(from: 0, to: bytes.count, by: 8) { bytes.storeBytes(of: numbers.next(), toByteOffset: offset, as: UInt64.self) }
    }
}
