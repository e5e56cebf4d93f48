import Foundation
import KubernetesModel
import SeawayAPI
import Testing

/// What a developer sees on the day it breaks.
@Suite(.enabled(if: !TestCluster.isSkipped), .timeLimit(.minutes(10)))
struct FailureTests {
    @Test func aFailedBuildTellsItsLastLinesAndTheOldPageStays() async throws {
        try await TestCluster.with { cluster in
            try await Application.with(cluster) { application in
                let first = try await application.sync()
                try #require(first.ended.exitCode == 0, "\(first.ended)")
                let url = try #require(first.url)

                try application.write("Dockerfile", application.dockerfile("RUN echo about to break && cat no-such-file"))
                let broken = try await application.sync()
                #expect(broken.ended.exitCode == 4, "\(broken.ended)")
                #expect(broken.ended.errors.contains("BuildFailed"))
                #expect(broken.ended.errors.contains("no-such-file"))
                #expect(try await fetch(url) == (200, "hello one\n"))
                let status = try #require(try await cluster.environment(application).status)
                #expect(ConditionInvariants.violations(status) == [])
                #expect(status.reason == "BuildFailed")
                #expect(status.deployedRevision != status.expectedRevision)

                // The same broken revision is tried again when asked, without touching a file.
                let job = try await cluster.buildJob(application)
                #expect(try await application.sync().ended.exitCode == 4)
                #expect(try await cluster.buildJob(application) != job)

                try application.write("Dockerfile", application.dockerfile())
                try application.write("page.txt", "mended\n")
                let mended = try await application.sync()
                #expect(mended.ended.exitCode == 0, "\(mended.ended)")
                #expect(try await fetch(url) == (200, "mended\n"))
            }
        }
    }

    @Test func aCrashingApplicationTellsItsLastLinesAndTheOldPageStays() async throws {
        try await TestCluster.with { cluster in
            try await Application.with(cluster) { application in
                let server = try #require(application.webServer(says: "")["server.py"])
                let first = try await application.sync()
                try #require(first.ended.exitCode == 0, "\(first.ended)")
                let url = try #require(first.url)

                try application.write("server.py", "raise SystemExit('the database is on fire')\n")
                let crashed = try await application.sync()
                #expect(crashed.ended.exitCode == 5, "\(crashed.ended)")
                #expect(crashed.ended.errors.contains("CrashLoop"))
                #expect(crashed.ended.errors.contains("the database is on fire"))
                #expect(try await fetch(url) == (200, "hello one\n"))
                let status = try #require(try await cluster.environment(application).status)
                #expect(ConditionInvariants.violations(status) == [])

                let logs = try await application.seactl("env", "logs", "--previous")
                #expect(logs.exitCode == 0 && logs.output.contains("the database is on fire"), "\(logs)")

                try application.write("server.py", server)
                try application.write("page.txt", "mended\n")
                let mended = try await application.sync()
                #expect(mended.ended.exitCode == 0, "\(mended.ended)")
                #expect(try await fetch(url) == (200, "mended\n"))
            }
        }
    }
}
