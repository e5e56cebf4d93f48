import Foundation
import KubernetesModel
import PodmanStorage
import SeawayAPI
import SeawayPlan
import Source
import Testing

@testable import SeawayLocal

struct LocalDecisionTests {
    @Test func podmanIsSetUpForTheMachine() {
        var machine = PodmanMachine(
            isLinux: true, isRoot: true, mayRaiseLimits: true, hasUnifiedCgroups: true, hasSystemd: true, hasRunc: true, openFiles: 20000,
            processes: 9000)
        #expect(machine.configuration == nil)
        machine.mayRaiseLimits = false
        #expect(machine.configuration?.contains("nofile=20000:20000") == true)
        #expect(machine.configuration?.contains("runc") == false)
        machine.isRoot = false
        #expect(machine.configuration == nil)
        machine = PodmanMachine(
            isLinux: true, isRoot: true, mayRaiseLimits: true, hasUnifiedCgroups: false, hasSystemd: false, hasRunc: true, openFiles: 1, processes: 1)
        #expect(machine.configuration == "[containers]\n[engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n")
    }

    @Test(arguments: [("podman version 4.3.1", [4, 3, 1]), ("podman version 5.4.0-rc1", [5, 4, 0]), ("", [])])
    func versionsAreRead(text: String, version: [Int]) {
        #expect(PodmanSetup.version(in: text) == version)
    }

    @Test(arguments: [("64Mi", 64 << 20), ("1.5k", 1500), ("0", 0), ("9999999999999Ti", Int.max), ("Mi", nil), ("12 apples", nil)])
    func quantitiesOfMemoryAreRead(text: String, bytes: Int?) {
        #expect(Quantity.bytes(text) == bytes)
    }

    @Test func aPodHasItsPortsAndValuesButNoProbes() throws {
        let deployment: JSONValue = [
            "spec": [
                "replicas": 2,
                "template": [
                    "metadata": ["labels": [Names.templateLabel: "0123456789abcdef"]],
                    "spec": [
                        "containers": [
                            [
                                "name": "app", "image": "localhost/a/b:c", "ports": [["name": "http", "containerPort": 8080]],
                                "readinessProbe": ["httpGet": ["path": "/ready", "port": "http"]],
                                "livenessProbe": ["tcpSocket": ["port": 9999]],
                                "env": [["name": "P", "valueFrom": ["secretKeyRef": ["name": "db", "key": "password"]]]],
                            ]
                        ]
                    ],
                ],
            ]
        ]
        var document = PodDocument(key: ObjectKey(namespace: "n", name: "a"), deployment: deployment)
        #expect(document.readinessProbe?.action == .http(port: 8080, path: "/ready", headers: [:], isSecure: false))
        #expect(document.containerPorts == [.init(port: 8080, protocol: "TCP")])
        #expect(throws: LocalError.self) { try document.pod(0, ports: []) }
        document.values.secrets = ["db": ["password": Data("s3cret".utf8)]]
        let pod = try document.pod(1, ports: [.init(replica: 1, port: 8080, protocol: "TCP", hostPort: 18080)])
        #expect(pod["metadata"]?["name"] == "n-a-0123456789-1")
        #expect(pod["spec"]?["hostname"] == nil)
        // A host's name may be shorter than a pod's.
        document.key = ObjectKey(namespace: String(repeating: "n", count: 60), name: "bb-a")
        #expect(try document.pod(1, ports: [])["spec"]?["hostname"] == .string(String(repeating: "n", count: 60) + "-bb"))
        let container = pod["spec"]?["containers"]?[0]
        #expect(container?["env"]?[0]?["value"] == "s3cret")
        #expect(container?["ports"]?[0]?["hostIP"] == "127.0.0.1")
        #expect(container?["ports"]?[0]?["hostPort"] == 18080)
        #expect(container?["readinessProbe"] == nil)
        #expect(container?["livenessProbe"] == nil)
    }

    @Test func probesDecideReadiness() throws {
        let startup = try #require(Probe(["exec": ["command": ["true"]]], ports: [:]))
        let ready = try #require(Probe(["tcpSocket": ["port": 80], "initialDelaySeconds": 3, "successThreshold": 2], ports: [:]))
        var state = Readiness()
        #expect(state.due(startup: startup, readiness: ready, age: 0, now: 0) == startup)
        state.take(.failed("not yet"), startup: startup, readiness: ready, now: 0)
        #expect(state.lastFailure == "not yet")
        // Asked again only after a pause.
        #expect(state.due(startup: startup, readiness: ready, age: 0.1, now: 0.1) == nil)
        state.take(.passed, startup: startup, readiness: ready, now: 1)
        #expect(!state.isReady)
        #expect(state.due(startup: startup, readiness: ready, age: 1, now: 1) == nil)
        #expect(state.due(startup: startup, readiness: ready, age: 3, now: 3) == ready)
        state.take(.passed, startup: startup, readiness: ready, now: 3)
        #expect(!state.isReady)
        state.take(.passed, startup: startup, readiness: ready, now: 4)
        #expect(state.readySince == 4)
        state.take(.failed("gone"), startup: startup, readiness: ready, now: 5)
        #expect(!state.isReady)
    }

    @Test func theArchiveIsReadByGNUTar() async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "seaway-archive-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let long = String(repeating: "d", count: 90) + "/" + String(repeating: "ä", count: 60)
        try FileManager.default.createDirectory(atPath: directory + "/in/" + String(repeating: "d", count: 90), withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: directory + "/out", withIntermediateDirectories: true)
        try "long".write(toFile: directory + "/in/" + long, atomically: true, encoding: .utf8)
        try Data(repeating: 7, count: 5 << 20).write(to: URL(filePath: directory + "/in/large"))
        try "".write(toFile: directory + "/in/empty", atomically: true, encoding: .utf8)
        try FileManager.default.createSymbolicLink(atPath: directory + "/in/link", withDestinationPath: "large")
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: directory + "/in/large")
        let scan = try await SourceScanner.scan(root: directory + "/in", selection: try Selection())
        var bytes = Data()
        try await ContextArchive(scan, context: nil, dockerfile: "Dockerfile").write { bytes += $0 }
        try bytes.write(to: URL(filePath: directory + "/archive.tar"))
        let unpacked = try await run("tar", ["-C", directory + "/out", "-xf", directory + "/archive.tar"])
        #expect(unpacked.exitCode == 0, "\(unpacked)")
        let compared = try await run("diff", ["-r", "--no-dereference", directory + "/in", directory + "/out"])
        #expect(compared.exitCode == 0, "\(compared)")
        #expect(FileManager.default.isExecutableFile(atPath: directory + "/out/large"))
    }

    @Test(arguments: [
        (["STEP 2/2: RUN x", "Error: building at STEP \"RUN x\": while running runtime: exit status 3"], 3, "BuildFailed"),
        (["Error: stat /var/tmp/buildah1/nope: no such file or directory"], 125, "DockerfileNotFound"),
        (["Error: building at STEP \"RUNN \": Build error: Unknown instruction: \"RUNN\" &x"], 125, "DockerfileInvalid"),
        (["error: dockerfile parse error on line 3: unknown instruction: RUNN"], 1, "DockerfileInvalid"),
        (["Error: no FROM statement found"], 125, "DockerfileInvalid"),
        (["Error: creating build container: short-name \"x:1\" did not resolve to an alias"], 125, "BaseImageUnavailable"),
        (
            ["Error: creating build container: initializing source docker://r/x:1: reading manifest 1 in r/x: manifest unknown"], 125,
            "BaseImageUnavailable"
        ),
        (["exec container process `/bin/sh`: Exec format error", "Error: building at STEP \"RUN x\": exit status 1"], 1, "PlatformUnsupported"),
        (["Killed", "Error: building at STEP \"RUN x\": while running runtime: exit status 137"], 137, "BuildOutOfMemory"),
        (["Error: building at STEP \"COPY a b\": copier: stat: \"/a\": no such file or directory"], 125, "BuildFailed"),
        (["something else"], 1, "BuildFailed"), ([], 9, "BuildFailed"),
    ])
    func buildersAreUnderstood(log: [String], exitCode: Int, reason: String) {
        #expect(BuildFailure.classify(log: log, exitCode: exitCode).reason.rawValue == reason)
    }

    @Test(arguments: [("linux/amd64", true), ("linux/arm64/v8", true), ("amd64/darwin", false), ("windows/amd64", false), ("linux", false)])
    func platformsAreLinux(platform: String, isSupported: Bool) {
        #expect((BuildFailure.unsupported(platform: platform) == nil) == isSupported)
    }
}
