import Foundation
import Subprocess

/// How a program ended.
public struct Ended: Sendable {
    public var exitCode: Int
    public var output: String
    public var errors: String
    public var all: String { output + errors }
}

/// Runs a program of PATH, or of a path, to its end; without a cluster of the user's.
public func run(_ program: String, _ arguments: [String], in directory: String? = nil, environment: [String: String] = [:]) async throws -> Ended {
    var variables: [Subprocess.Environment.Key: String?] = ["KUBECONFIG": nil, "CONTAINERS_CONF": nil]
    for (name, value) in environment {
        if let key = Subprocess.Environment.Key(rawValue: name) { variables[key] = value }
    }
    let script = "cd \"$0\" && exec \"$@\""
    let result = try await Subprocess.run(
        .name("sh"), arguments: Arguments(["-c", script, directory ?? "/", program] + arguments), environment: .inherit.updating(variables),
        output: .string(limit: 32 << 20), error: .string(limit: 4 << 20))
    let code: Int =
        switch result.terminationStatus {
        case .exited(let code): Int(code)
        case .signaled(let signal): 128 + Int(signal)
        }
    return Ended(exitCode: code, output: result.standardOutput, errors: result.standardError)
}

/// A Podman storage of the tests' own, which holds nothing but their base image.
public struct Storage: Sendable {
    public static let base = "localhost/seaway-test-base:1"

    public var directory: String
    /// Networks belong to no storage: the user's own, and what runs that were killed left, were there before.
    private var earlierNetworks: Set<String> = []

    init(directory: String) { self.directory = directory }

    public var variables: [String: String] { ["CONTAINERS_STORAGE_CONF": directory + "/storage.conf"] }

    /// Why it cannot be made.
    public struct Failure: Error, CustomStringConvertible {
        public var description: String
    }

    /// Made once, and kept between runs in the cache directory: unpacking the base image takes seconds.
    /// - Parameter name: one for each test process; what is in one must not be counted by another.
    public static func make(_ name: String) async throws -> Storage {
        let environment = ProcessInfo.processInfo.environment
        let cache = (environment["XDG_CACHE_HOME"] ?? environment["HOME"].map { $0 + "/.cache" } ?? "/tmp") + "/seaway"
        var storage = Storage(directory: "\(cache)/\(name)")
        try FileManager.default.createDirectory(atPath: storage.directory, withIntermediateDirectories: true)
        // Without root, the first path is not looked at.
        let configuration = """
            [storage]
            driver = "overlay"
            graphroot = "\(storage.directory)/root"
            rootless_storage_path = "\(storage.directory)/root"
            runroot = "\(storage.directory)/run"

            """
        try configuration.write(toFile: storage.directory + "/storage.conf", atomically: true, encoding: .utf8)
        let place = try await storage.podman("info", "--format", "{{.Store.GraphRoot}}").output.trimmingCharacters(in: .whitespacesAndNewlines)
        guard place == storage.directory + "/root" else {
            throw Failure(description: "Podman would use the storage at \(place), which is not the tests' to empty")
        }
        // What a run that was killed left is not what this one made.
        for command in [["pod", "rm"], ["rm"], ["volume", "rm"]] {
            _ = try await run("podman", command + ["--all", "--force"], environment: storage.variables)
        }
        let images = try await run("podman", ["images", "--format", "{{.Repository}}:{{.Tag}}"], environment: storage.variables).output
        for image in images.split(separator: "\n").map(String.init) where image != base && !image.contains("localhost/podman-pause") {
            _ = try await run("podman", ["rmi", "--force", image], environment: storage.variables)
        }
        storage.earlierNetworks = Set(try await storage.networks())
        if try await storage.podman("image", "exists", base).exitCode == 0 { return storage }
        // scripts/cluster makes it, without any registry.
        let layout = environment["SEAWAY_TEST_BASE_LAYOUT"] ?? cache + "/cluster/images/base"
        guard FileManager.default.fileExists(atPath: layout + "/index.json") else {
            throw Failure(description: "no base image at \(layout): run `scripts/cluster up` once")
        }
        let script = "tar -C \"$0\" -cf - . | podman load --quiet"
        let loaded = try await run("sh", ["-c", script, layout], environment: storage.variables)
        guard let identity = loaded.output.split(whereSeparator: { $0 == "\n" || $0 == ":" || $0 == " " }).last.map(String.init) else {
            throw Failure(description: "\(loaded)")
        }
        let tagged = try await storage.podman("tag", identity, base)
        guard tagged.exitCode == 0 else { throw Failure(description: "\(loaded) \(tagged)") }
        return storage
    }

    public func podman(_ arguments: String...) async throws -> Ended { try await run("podman", arguments, environment: variables) }

    /// Everything that is in it, one word each. The infra image is Podman's own, and the base image the tests'.
    public func contents() async throws -> [String] {
        var found: [String] = []
        for command in [
            ["ps", "--all", "--external", "--format", "container {{.Names}}"], ["images", "--all", "--format", "image {{.Repository}}:{{.Tag}}"],
            ["volume", "ls", "--format", "volume {{.Name}}"], ["pod", "ps", "--format", "pod {{.Name}}"],
        ] {
            found += try await run("podman", command, environment: variables).output.split(separator: "\n").map(String.init)
        }
        found += try await networks().filter { !earlierNetworks.contains($0) }.map { "network \($0)" }
        return found.filter { $0 != "image \(Self.base)" && !$0.contains("localhost/podman-pause") }.sorted()
    }

    private func networks() async throws -> [String] {
        try await run("podman", ["network", "ls", "--format", "{{.Name}}"], environment: variables).output.split(separator: "\n").map(String.init)
    }
}
