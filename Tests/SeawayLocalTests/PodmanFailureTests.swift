import Foundation
import Testing

@testable import SeawayLocal

/// What is made of a Podman that fails; a shell stands for it.
struct PodmanFailureTests {
    private let shell = Podman(executable: "/bin/sh")

    @Test(arguments: [
        (
            "Error: 1 error occurred:\n\t* cannot remove container ab12: container state improper\n\n",
            "1 error occurred: cannot remove container ab12: container state improper"
        ),
        ("Error: 2 errors occurred:\n\t* one\n\t* two\n", "2 errors occurred: one; two"),
        ("time=now level=warning msg=x\nError: no such pod\n", "no such pod"),
        ("Error: nothing follows:\n", "nothing follows:"), ("", "exit code 125"),
        (
            "Error: crun: cgroups in hybrid mode not supported, drop all controllers from cgroupv2: OCI runtime error\n",
            "crun: cgroups in hybrid mode not supported, drop all controllers from cgroupv2: OCI runtime error; the package runc is missing"
        ),
    ])
    func theWholeReasonIsTold(complaint: String, reason: String) {
        #expect(Podman.Result(exitCode: 125, output: "", complaint: complaint).reason == reason)
    }

    @Test func aRemovalIsTriedAgain() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "seaway-tries-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        // Fails twice, as while a container is being started again.
        let script = "echo x >> \(file); [ $(wc -l < \(file)) -ge 3 ] && echo gone"
        #expect(try await shell.mustEventually(["-c", script], pauses: [.zero, .zero, .zero]) == "gone\n")
        #expect(try String(contentsOfFile: file, encoding: .utf8) == "x\nx\nx\n")
    }

    @Test func aRemovalThatNeverWorksTellsWhy() async throws {
        let error = await #expect(throws: LocalError.self) {
            try await shell.mustEventually(
                ["-c", "printf 'Error: 1 error occurred:\\n\\t* the container is stuck\\n' >&2; exit 125"], pauses: [.zero])
        }
        #expect(error?.code == .podmanFailed)
        #expect(error?.message.hasSuffix("failed: 1 error occurred: the container is stuck") == true)
    }

    @Test func aStopThatComesToNoEndIsGivenUp() async throws {
        let program = FileManager.default.temporaryDirectory.appending(path: "seaway-podman-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: program) }
        let mark = program + ".ended"
        defer { try? FileManager.default.removeItem(atPath: mark) }
        try "#!/bin/sh\ntrap 'touch \(mark); exit 1' TERM\nwhile :; do sleep 0.05; done\n".write(toFile: program, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program)
        #expect(try await !Podman(executable: program).stop(pods: ["a"], grace: 0, patience: .milliseconds(500)))
        // Podman is not left behind.
        #expect(FileManager.default.fileExists(atPath: mark))
        #expect(try await Podman(executable: "/bin/true").stop(pods: ["a"], grace: 0))
    }
}
