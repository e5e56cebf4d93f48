import Foundation
import KubernetesClient
import KubernetesModel
import SeawayAPI
import Testing

/// What a developer sees on the day the build breaks.
@Suite(.enabled(if: !TestCluster.isSkipped), .timeLimit(.minutes(40)))
struct BuildFailureTests {
    @Test func aBrokenDockerfileIsExplainedAndTheOldPageStays() async throws {
        try await Application.taken { application, cluster in
            let url = try await application.works(says: "hello one")

            try application.write("Dockerfile", application.dockerfile("RUN seq 100 130; echo about to break && cat no-such-file"))
            let broken = try await application.fails(
                .init(
                    .buildFailed, exit: 4, at: .imageBuilt, saying: "seq 100 130; echo about to break", "Dockerfile:5", "  125", "no-such-file"))
            #expect(broken.errors.contains("seactl env logs --build"))
            // The last twenty lines, not all.
            #expect(!broken.errors.contains("  105\n") && broken.errors.contains("  130\n"), "\(broken)")
            let status = try #require(try await cluster.environment(application).status)
            // Both: what runs, and what failed.
            #expect(status.deployedRevision != nil && status.deployedRevision != status.expectedRevision)
            #expect(status.image != nil)
            let shown = try await application.seactl("env", "status")
            let (wanted, running) = (status.expectedRevision?.prefix(12) ?? "?", status.deployedRevision?.prefix(12) ?? "?")
            #expect(shown.output.contains("\(wanted) wanted, \(running) running"), "\(shown)")
            try await application.serves(url, "hello one")
            // The same broken revision is tried again when asked, without touching a file.
            let job = try await cluster.buildJob(application)
            try await application.fails(.init(.buildFailed, exit: 4, at: .imageBuilt))
            #expect(try await cluster.buildJob(application) != job)

            try application.write("Dockerfile", application.dockerfile("RUNN true"))
            try await application.fails(.init(.dockerfileInvalid, exit: 4, at: .imageBuilt, saying: "Dockerfile:5: RUNN true"))

            // seactl sees at once that it is missing; the cluster, too, where it is named in another way.
            try application.configure(build: ["dockerfile: docker/Dockerfile"])
            try await application.fails(.init(.dockerfileNotFound, exit: 4, at: nil, saying: "docker/Dockerfile"))
            let elsewhere: JSONValue = ["spec": ["build": ["dockerfile": "docker/Dockerfile"]]]
            _ = try await cluster.client.mergePatch(Environment.resource, elsewhere, name: application.name, namespace: application.namespace)
            try await cluster.untilStalled(application)
            try await application.isTold(.init(.dockerfileNotFound, exit: 4, at: nil, saying: "docker/Dockerfile"), at: .imageBuilt)
            try await application.serves(url, "hello one")

            // What another than seactl has set is not seactl's to take back.
            let back: JSONValue = ["spec": ["build": ["dockerfile": "Dockerfile"]]]
            _ = try await cluster.client.mergePatch(Environment.resource, back, name: application.name, namespace: application.namespace)
            try application.configure()
            try application.write("page.txt", "mended\n")
            try application.write("Dockerfile", application.dockerfile())
            try await application.works(says: "mended")
        }
    }

    @Test func whatCannotBeBuiltHereIsTold() async throws {
        try await Application.taken { application, cluster in
            let nothing = "\(cluster.baseImage.prefix { $0 != "/" })/no-such-image:1"
            try application.write("Dockerfile", "FROM \(nothing)\n")
            try await application.fails(.init(.baseImageUnavailable, exit: 4, at: .imageBuilt, saying: nothing))

            try application.configure(build: ["platform: amd64/darwin"])
            try await application.fails(.init(.platformUnsupported, exit: 4, at: .imageBuilt, saying: "amd64/darwin"))

            // Killed for memory, and past its deadline.
            try application.configure(build: ["resources: {limits: {memory: 200Mi}}"])
            try application.write("Dockerfile", application.dockerfile("RUN python3 -c 'b\"x\" * 10**9'"))
            try await application.fails(.init(.buildOutOfMemory, exit: 4, at: .imageBuilt, saying: "memory"))

            try application.configure(build: ["deadline: 8s"])
            try application.write("Dockerfile", application.dockerfile("RUN sleep 60"))
            try await application.fails(.init(.buildDeadlineExceeded, exit: 4, at: .imageBuilt, saying: "8 s"))

            try application.configure()
            try application.write("Dockerfile", application.dockerfile())
            try await application.works(says: "hello one")
        }
    }

    @Test func aRegistryThatTakesNoImageIsTriedAgainAndTold() async throws {
        try await Application.taken { application, _ in
            // Nobody listens there.
            try application.configure(build: ["env: [{name: SEAWAY_IMAGE, value: \"localhost:1/web:1\"}, {name: SEAWAY_PATIENCE, value: \"1\"}]"])
            let ended = try await application.fails(
                .init(.registryUnavailable, exit: 4, at: .imageBuilt, saying: "the registry did not take the image", "localhost:1"))
            #expect(ended.output.contains("trying again in 1 s"))
            try application.configure()
            try await application.works(says: "hello one")
        }
    }

    @Test func aRegistryThatRefusesThePushIsTriedAgainAndTold() async throws {
        try await Application.taken { application, _ in
            try await ReadOnlyRegistry.running { registry in
                // Its base image would have to come from another registry than the one that the builder is told of.
                try application.write("Dockerfile", "FROM scratch\nCOPY page.txt /\n")
                try application.configure(build: [
                    "env: [{name: SEAWAY_REGISTRY, value: \"\(registry)\"}, {name: SEAWAY_IMAGE, value: \"\(registry)/web:1\"}, "
                        + "{name: SEAWAY_PATIENCE, value: \"1\"}]"
                ])
                let ended = try await application.fails(
                    .init(.registryUnavailable, exit: 4, at: .imageBuilt, saying: "the registry did not take the image", "Method not allowed"))
                #expect(ended.output.contains("trying again in 1 s"))
            }
            try application.write("Dockerfile", application.dockerfile())
            try application.configure()
            try await application.works(says: "hello one")
        }
    }

    @Test func aBuildThatNoNodeTakesIsTold() async throws {
        try await Application.taken { application, _ in
            try application.configure(build: ["resources: {requests: {cpu: \"1000\"}}"])
            try await application.fails(.init(.unschedulable, exit: 4, at: .imageBuilt, saying: "Insufficient cpu"))
            try application.configure()
            try await application.works(says: "hello one")
        }
    }

    @Test func aBuildThatTheClusterRefusesIsTold() async throws {
        try await Application.taken { application, cluster in
            try await cluster.makeNamespace(application)
            try await cluster.limit(application, pods: 0)
            try await application.fails(.init(.refused, exit: 5, at: .imageBuilt, saying: "exceeded quota"))
            try await cluster.limit(application, pods: 9)
            try await application.works(says: "hello one")
        }
    }

    @Test func aNewerSyncEndsTheOlderOne() async throws {
        try await Application.taken { application, cluster in
            try application.write("Dockerfile", application.dockerfile("RUN sleep 60"))
            async let older = application.seactl("env", "sync")
            try await application.builds()
            let job = try await cluster.buildJob(application)
            try application.write("Dockerfile", application.dockerfile())
            try await application.works(says: "hello one")
            let ended = try await older
            #expect(ended.exitCode == 4 && ended.errors.contains("Superseded"), "\(ended)")
            #expect(try await cluster.buildJob(application) != job)
            try await application.hasEvent(.superseded)
        }
    }

    @Test func anImageThatTheRegistryLostIsBuiltAgainByItself() async throws {
        try await Application.taken { application, _ in
            // The first build ends well, and leaves no image but a mark for the second.
            try application.configure(build: [
                #"command: ["/bin/sh", "-ec"]"#,
                "args:",
                "  - |",
                "    b='buildah --storage-driver overlay'",
                "    $b build --build-arg=BASE=\(application.cluster.baseImage) --tls-verify=false --tag=localhost/build .",
                "    if $b pull --tls-verify=false docker://$SEAWAY_IMAGE-mark; then mark=; else mark=-mark; fi",
                "    $b push --tls-verify=false localhost/build docker://$SEAWAY_IMAGE$mark",
            ])
            try await application.works(says: "hello one")
            try await application.hasEvent(.imageMissing)
        }
    }
}
