import Foundation
import Testing

/// A real public source tree, of some thousand files, arrives as it is.
@Suite(.enabled(if: !TestCluster.isSkipped), .timeLimit(.minutes(40)))
struct LargeTreeTests {
    /// Every path with its kind, its executable bit, and what is in it, made by the system's own tools on both sides.
    private static let inventory =
        "find . -mindepth 1 \\( -type d -printf 'd %p\\n' -o -type l -printf 'l %p -> %l\\n' "
        + "-o -type f -perm /100 -printf 'x %p\\n' -o -type f -printf 'f %p\\n' \\) | LC_ALL=C sort; "
        + "find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum"

    @Test func aPublicSourceTreeIsByteIdenticalInTheImage() async throws {
        try await TestCluster.with { cluster in
            try await Application.with(cluster, name: "django") { application in
                // The base image has no web server but Python's.
                let source = try await unpackedDjango(into: application.directory)
                let files = try await run("sh", ["-c", "find . -type f | wc -l"], in: source).output
                let count = try #require(Int(files.trimmingCharacters(in: .whitespacesAndNewlines)))
                #expect(count >= 6000)

                try application.write(
                    "Dockerfile",
                    """
                    ARG BASE
                    FROM ${BASE}
                    COPY django /src
                    RUN mkdir /site && cd /src && (\(Self.inventory)) > /site/inventory
                    WORKDIR /site
                    CMD ["python3", "-m", "http.server", "8080"]

                    """)
                let synced = try await application.sync()
                try #require(synced.ended.exitCode == 0, "\(synced.ended)")
                let here = try await run("sh", ["-c", Self.inventory], in: source).output
                let there = try await fetch("\(try #require(synced.url))inventory")
                #expect(there.status == 200)
                #expect(there.body.utf8.count > 500_000)
                #expect(there.body == here)
            }
        }
    }

    /// The source distribution as its authors published it.
    private func unpackedDjango(into directory: String) async throws -> String {
        let downloads = directory + ".download"
        defer { try? FileManager.default.removeItem(atPath: downloads) }
        let fetched = try await run(
            "python3", ["-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest", downloads, "django==5.2"])
        try #require(fetched.exitCode == 0, "\(fetched.errors)")
        let target = directory + "/django"
        try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
        let unpacked = try await run("sh", ["-c", "tar -xzf \"$1\"/*.tar.gz -C \"$2\" --strip-components=1", "sh", downloads, target])
        try #require(unpacked.exitCode == 0, "\(unpacked.errors)")
        return target
    }
}
