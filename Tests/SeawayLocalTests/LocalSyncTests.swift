import Foundation
import PodmanStorage
import SeawayLocal
import Testing

extension PodmanTests {
    /// The whole way on the real Podman, as a user goes it.
    struct LocalSyncTests {
        @Test func changesTravelAndNothingIsLeft() async throws {
            let storage = try await Storage.shared.value
            let project = try LocalProject("shop", storage: storage)
            let first = try await project.seactl("env", "sync")
            try #require(first.exitCode == 0, "\(first)")
            #expect(first.output.contains("Podman on this machine"))
            #expect(try await project.page() == "one dev")

            let again = try await project.seactl("env", "sync")
            #expect(again.exitCode == 0)
            #expect(again.output.contains("up to date"))
            #expect(!again.output.contains("STEP"))

            try project.write("page.txt", "two\n")
            let changed = try await project.seactl("env", "sync")
            try #require(changed.exitCode == 0, "\(changed)")
            // The steps before the changed file come from the cache.
            #expect(changed.output.contains("Using cache"))
            #expect(try await project.page() == "two dev")

            // A variable, then the number of pods: no build.
            try project.writeManifest(mode: "test")
            let variable = try await project.seactl("env", "sync")
            #expect(variable.exitCode == 0)
            #expect(!variable.output.contains("STEP"))
            #expect(try await project.page() == "two test")
            try project.writeManifest(replicas: 2, mode: "test")
            let scaled = try await project.seactl("env", "sync")
            #expect(scaled.exitCode == 0)
            #expect(!scaled.output.contains("STEP"))
            #expect(try await project.page(1) == "two test")

            let list = try await project.seactl("env", "list")
            #expect(list.output.contains("shop-test"))
            #expect(try await project.seactl("env", "logs").output.contains("listening"))
            #expect(try await project.seactl("env", "logs", "--build").output.contains("STEP 1/5"))
            let exec = try await run(
                FileManager.default.currentDirectoryPath + "/.build/debug/seactl", ["env", "exec", "--local", "--", "cat", "page.txt"],
                in: project.directory, environment: storage.variables.merging(["XDG_STATE_HOME": project.state]) { $1 })
            #expect(exec.output == "two\n", "\(exec)")

            let cleaned = try await project.seactl("env", "clean")
            #expect(cleaned.exitCode == 0, "\(cleaned)")
            #expect(try await storage.contents() == [])
            #expect(project.stateFiles == [])
            #expect(try await project.seactl("env", "status").exitCode == 2)
        }

        @Test(arguments: ["grep -qF '0 of 1 pods ready' \"$log\"", "podman ps --all --format '{{.Status}}' | grep -q Stopping"])
        func ctrlCInTheMiddleOfARolloutLeavesTheEarlierOneServing(when: String) async throws {
            let storage = try await Storage.shared.value
            let project = try LocalProject("hasty", storage: storage)
            // It takes all the time that it gets to stop.
            try project.write("server.py", LocalProject.server.replacing("lambda *_: sys.exit(0)", with: "signal.SIG_IGN"))
            try #require(try await project.seactl("env", "sync").exitCode == 0)
            try project.write("page.txt", "two\n")
            try project.writeManifest(probe: "/nothere")
            let interrupted = try await project.interrupt(when: when, "env", "sync")
            #expect(interrupted.exitCode == 130, "\(interrupted)")
            #expect(try await project.page() == "one dev")
            try project.writeManifest()
            #expect(try await project.seactl("env", "sync").exitCode == 0)
            #expect(try await project.page() == "two dev")
            #expect(try await project.seactl("env", "clean").exitCode == 0)
            #expect(try await storage.contents() == [])
        }

        /// As the kernel does when memory ends, or a system that ends a user's processes with the session.
        @Test func whatWasKilledBehindPodmansBackIsReplaced() async throws {
            let storage = try await Storage.shared.value
            let project = try LocalProject("killed", storage: storage)
            try #require(try await project.seactl("env", "sync").exitCode == 0)
            let containers = try await storage.podman("ps", "--quiet").output.split(separator: "\n").map(String.init)
            let processes = try await run(
                "podman", ["inspect", "--format", "{{.State.ConmonPid}} {{.State.Pid}}"] + containers, environment: storage.variables)
            let numbers = processes.output.split(whereSeparator: \.isWhitespace).compactMap { Int32($0) }
            try #require(numbers.count == 4, "\(processes)")
            for number in numbers { try #require(kill(number, SIGKILL) == 0) }
            try project.write("page.txt", "two\n")
            let synced = try await project.seactl("env", "sync")
            #expect(synced.exitCode == 0, "\(synced)")
            #expect(try await project.page() == "two dev")
            #expect(try await project.seactl("env", "clean").exitCode == 0)
            #expect(try await storage.contents() == [])
        }

        @Test func twoApplicationsDoNotGetIntoEachOthersWay() async throws {
            let storage = try await Storage.shared.value
            let state = FileManager.default.temporaryDirectory.appending(path: "seaway-local-state-\(UUID().uuidString)").path
            defer { try? FileManager.default.removeItem(atPath: state) }
            let one = try LocalProject("one", storage: storage, state: state)
            let two = try LocalProject("two", storage: storage, state: state)
            try two.write("page.txt", "the other\n")
            async let first = one.seactl("env", "sync")
            async let second = two.seactl("env", "sync")
            #expect(try await first.exitCode == 0)
            #expect(try await second.exitCode == 0)
            // Both want port 8080: one of them got another, and says which.
            #expect(try await one.page() == "one dev")
            #expect(try await two.page() == "the other dev")
            #expect(try await one.status().urls != two.status().urls)
            #expect(try await one.seactl("env", "clean").exitCode == 0)
            #expect(try await two.page() == "the other dev")
            #expect(try await two.seactl("env", "clean").exitCode == 0)
            #expect(try await storage.contents() == [])
        }

        @Test func failuresTellTheirReasonAndTheEarlierRevisionServes() async throws {
            let storage = try await Storage.shared.value
            let project = try LocalProject("broken", storage: storage)
            try #require(try await project.seactl("env", "sync").exitCode == 0)

            func fails(_ reason: String, exit: Int, _ words: String...) async throws {
                let ended = try await project.seactl("env", "sync")
                #expect(ended.exitCode == exit, "\(reason): \(ended)")
                let status = try await project.status()
                #expect(status.reason == reason)
                #expect(status.conditions?.first { $0.type == "Stalled" }?.reason == reason)
                #expect(status.conditions?.first { $0.type == "Ready" }?.status == "False")
                for word in words { #expect(ended.errors.contains(word), "\(reason): \(ended.errors)") }
                #expect(try await project.page() == "one dev", "after \(reason)")
            }
            let good = LocalProject.dockerfile
            try project.write("Dockerfile", good.replacing("CMD", with: "RUN echo before; exit 3\nCMD"))
            try await fails("BuildFailed", exit: 4, "before", "RUN echo before; exit 3", "exited with code 3")
            try project.write("Dockerfile", good.replacing("CMD", with: "RUNN x\nCMD"))
            try await fails("DockerfileInvalid", exit: 4, "Dockerfile:6")
            // A Dockerfile that is not there is found before anything is asked of an engine.
            try FileManager.default.removeItem(atPath: project.directory + "/Dockerfile")
            let missing = try await project.seactl("env", "sync")
            #expect(missing.exitCode == 4)
            #expect(missing.errors.contains("there is no file"), "\(missing)")
            try project.write("Dockerfile", good)
            try project.writeManifest(base: "127.0.0.1:1/none:1")
            try await fails("BaseImageUnavailable", exit: 4, "127.0.0.1:1/none:1")
            try project.writeManifest(build: "platform: amd64/darwin")
            try await fails("PlatformUnsupported", exit: 4, "amd64/darwin")
            try project.writeManifest(build: "resources: {limits: {memory: 64Mi}}")
            if PodmanMachine.current(path: nil).mayLimitMemory {
                try project.write("Dockerfile", good.replacing("CMD", with: "RUN python3 -c 'bytearray(300 << 20).count(1)'\nCMD"))
                try await fails("BuildOutOfMemory", exit: 4)
            } else {
                try project.write("Dockerfile", good + "LABEL limit=none\n")
                let unlimited = try await project.seactl("env", "sync")
                #expect(unlimited.exitCode == 0 && unlimited.output.contains("limit of memory is not kept"), "\(unlimited)")
            }
            try project.writeManifest(build: "deadline: 3s")
            // A number that no other process has in its command line.
            let step = "sleep 300.\(getpid())"
            try project.write("Dockerfile", good.replacing("CMD", with: "RUN \(step)\nCMD"))
            try await fails("BuildDeadlineExceeded", exit: 4, step)
            let left = try await run("pgrep", ["-f", "^(/bin/sh -c )?\(step)"])
            #expect(left.exitCode == 1, "processes of the step: \(left)")
            try project.writeManifest()
            for attempt in 1...2 {
                try project.write("Dockerfile", good + "CMD echo boom \(attempt); exit 7\n")
                try await fails("CrashLoop", exit: 5, "boom \(attempt)", "exited with code 7")
            }

            // What Podman refuses to start.
            try project.write("Dockerfile", good + "CMD [\"no-such-program\"]\n")
            try await fails("Refused", exit: 5, "no-such-program")
            try project.write("Dockerfile", good)
            let manifest = try String(contentsOfFile: project.directory + "/manifest.yaml", encoding: .utf8)
            try project.write("manifest.yaml", manifest.replacing("vars: {", with: "vars: {envFrom: [{secretRef: {name: nosuch}}], "))
            try await fails("Refused", exit: 5, "nosuch")

            // A probe that never passes; the time that a rollout gets is longer than a test has.
            try project.write("Dockerfile", good)
            try project.writeManifest(probe: "/nothere")
            let unready = try await project.seactl("env", "sync", "--timeout", "20s")
            #expect(unready.exitCode == 6)
            let waiting = try await project.status()
            #expect(waiting.message?.contains("GET :8080/nothere answered 404") == true, "\(waiting)")
            // Nobody waits any more, so what ran before serves; the next sync takes the newer one up.
            #expect(try await project.page() == "one dev")
            let again = try await project.seactl("env", "sync", "--timeout", "20s")
            #expect(again.exitCode == 6 && again.errors.contains("answered 404"), "\(again)")
            #expect(try await project.page() == "one dev")
            try project.writeManifest()
            #expect(try await project.seactl("env", "sync").exitCode == 0)
            #expect(try await project.page() == "one dev")
            #expect(try await project.seactl("env", "clean").exitCode == 0)
            #expect(try await storage.contents() == [])
        }
    }
}
