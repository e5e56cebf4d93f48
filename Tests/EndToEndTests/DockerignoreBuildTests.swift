import Foundation
import Testing

/// What `COPY . .` sees is what Docker would show it, whatever the builder's own reading of `.dockerignore` is.
@Suite(.enabled(if: !TestCluster.isSkipped), .timeLimit(.minutes(40)))
struct DockerignoreBuildTests {
    /// buildah 1.28 by itself loses `pkg/part.py`, takes `/other.txt` for another file, and does not see that a space follows the `!`.
    @Test func `a build sees what Docker's meaning of the file leaves`() async throws {
        try await TestCluster.with { cluster in
            try await Application.with(cluster) { application in
                let check = "test -e pkg/part.py && test -e notes/kept && test ! -e notes/lost && test ! -e other.txt && test ! -e Dockerfile"
                try application.write("Dockerfile", application.dockerfile("RUN \(check) && test ! -e .dockerignore && test -e page.txt"))
                try application.write(".dockerignore", "**\n!**/*.py\n!page.txt\n!notes\nnotes\n!  notes/kept\n/other.txt\n")
                for path in ["pkg/part.py", "notes/kept", "notes/lost"] { try application.write(path, "\(path)\n") }
                let synced = try await application.sync()
                try #require(synced.ended.exitCode == 0, "\(synced.ended)")
                #expect(try await fetch(try #require(synced.url)) == (200, "hello one\n"))
            }
        }
    }
}
