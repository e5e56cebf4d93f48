import Foundation

/// Finds Podman and sets it up for this machine.
public enum PodmanSetup {
    /// The oldest version that plays what Seaway renders (Debian 12 has it).
    public static let oldest = [4, 3]

    /// The one line that installs Podman.
    public static var installation: String {
        #if os(macOS)
            "brew install podman && podman machine init --now"
        #else
            if FileManager.default.fileExists(atPath: "/usr/bin/dnf") { return "sudo dnf install -y podman" }
            if FileManager.default.fileExists(atPath: "/usr/bin/apt-get") {
                return "sudo apt-get install -y podman netavark aardvark-dns conmon catatonit uidmap"
            }
            return "install podman 4.3 or later with your distribution's package manager"
        #endif
    }

    /// - Parameters:
    ///   - stateDirectory: absolute; the engine's own containers.conf is kept in it where the machine needs one.
    ///   - variables: of this process. A `CONTAINERS_CONF` of the user's is left alone.
    /// - Throws: `LocalError` when Podman is missing, too old or does not run.
    public static func prepare(stateDirectory: String, variables: [String: String]) async throws -> Podman {
        guard let executable = find("podman", path: variables["PATH"]) else {
            throw LocalError(.podmanMissing, "Podman is not installed; the local engine builds and runs with it", next: [installation])
        }
        let version = try await knownVersion(executable, stateDirectory)
        guard !version.lexicographicallyPrecedes(oldest) else {
            throw LocalError(
                .podmanTooOld, "Podman \(text(version)) is too old: the local engine needs \(text(oldest)) or later", next: [installation])
        }
        let machine = PodmanMachine.current(path: variables["PATH"])
        // Podman 5 would say it with each command, and it is the machine's administrator whom it concerns.
        var podman = Podman(executable: executable, variables: machine.hasUnifiedCgroups ? [:] : ["PODMAN_IGNORE_CGROUPSV1_WARNING": "1"])
        podman.limitsMemory = machine.mayLimitMemory
        guard variables["CONTAINERS_CONF"] == nil, variables["CONTAINERS_CONF_OVERRIDE"] == nil, let configuration = machine.configuration else {
            return podman
        }
        let file = stateDirectory + "/containers.conf"
        try StateFiles.write(Array(configuration.utf8), to: file, ifDifferent: true)
        // From 4.6 on a file can be laid over the system's; before, one can only take its place.
        let variable = version.lexicographicallyPrecedes([4, 6]) ? "CONTAINERS_CONF" : "CONTAINERS_CONF_OVERRIDE"
        podman.variables[variable] = file
        return podman
    }

    /// The version as numbers: `podman version 4.3.1` is 4, 3, 1. Empty when it cannot be read.
    public static func version(in text: String) -> [Int] {
        guard let word = text.split(whereSeparator: \.isWhitespace).first(where: { $0.first?.isNumber == true }) else { return [] }
        return word.split(separator: ".").map { Int($0.prefix { $0.isNumber }) ?? 0 }
    }

    static func text(_ version: [Int]) -> String { version.map(String.init).joined(separator: ".") }

    /// The first file of that name that may be run in the directories of a `PATH`.
    public static func find(_ name: String, path: String?) -> String? {
        (path ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":").lazy.map { "\($0)/\(name)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    private struct Known: Codable, Equatable {
        var executable: String
        var modified: Date?
        var version: [Int]
    }

    /// Asks Podman once; a program that has not changed since has its version still.
    private static func knownVersion(_ executable: String, _ directory: String) async throws -> [Int] {
        let file = directory + "/podman.json"
        let resolved = URL(fileURLWithPath: executable).resolvingSymlinksInPath().path
        let modified = try? FileManager.default.attributesOfItem(atPath: resolved)[.modificationDate] as? Date
        if let data = FileManager.default.contents(atPath: file), let known = try? JSONDecoder().decode(Known.self, from: data),
            known.executable == executable, known.modified == modified, !known.version.isEmpty
        {
            return known.version
        }
        let result = try await Podman(executable: executable).run(["--version"])
        guard result.isSuccess else {
            throw LocalError(.podmanFailed, "Podman at \(executable) does not run: \(result.reason)", next: ["`podman info` tells more"])
        }
        let version = version(in: result.output)
        if let data = try? JSONEncoder().encode(Known(executable: executable, modified: modified, version: version)) {
            try StateFiles.write(Array(data), to: file)
        }
        return version
    }
}
