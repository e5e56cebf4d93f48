import Foundation
import Subprocess

/// A program that renders dependencies: found in PATH, its version checked, its errors shown whole.
struct Tool: Sendable {
    var name: String
    /// The line that installs it.
    var hint: String
    var variables: [String: String]

    static func kustomize(_ system: System) -> Tool {
        Tool(
            name: "kustomize",
            hint: "install kustomize 4.5 or newer: `brew install kustomize`, `apt-get install kustomize` (Debian 13), or "
                + "https://kubectl.docs.kubernetes.io/installation/kustomize/", variables: system.variables)
    }

    static func kubectl(_ system: System) -> Tool { Tool(name: "kubectl", hint: kustomize(system).hint, variables: system.variables) }

    /// What builds kustomizations: kustomize, else the kubectl that holds one.
    /// - Returns: the program, its command, and what it says about its version.
    /// - Throws: ``CommandFailure`` (2) when neither is installed, or what is there is too old.
    static func kustomizer(_ system: System, doing what: String) async throws -> (tool: Tool, command: String, version: String) {
        let (own, kubectl) = (kustomize(system), kubectl(system))
        guard !own.isInstalled else {
            let version = try await own.run(["version"], in: "/", doing: what)
            try own.require([4, 5], in: version)
            return (own, "build", version)
        }
        guard kubectl.isInstalled else { throw own.missing }
        let version = try await kubectl.run(["version", "--client"], in: "/", doing: what)
        // Its own version says which kustomize it holds: 4.5 came with 1.25.
        try kubectl.require([1, 25], in: version)
        return (kubectl, "kustomize", version)
    }

    static func helm(_ system: System) -> Tool {
        Tool(
            name: "helm", hint: "install Helm 3.8 or newer: `brew install helm`, or https://helm.sh/docs/intro/install/",
            variables: system.variables)
    }

    static func git(_ system: System) -> Tool {
        Tool(
            name: "git", hint: "install Git: `brew install git`, `apt-get install git`, or https://git-scm.com/downloads",
            variables: system.variables)
    }

    /// Whether PATH has it.
    var isInstalled: Bool {
        (variables["PATH"] ?? "").split(separator: ":").contains { FileManager.default.isExecutableFile(atPath: "\($0)/\(name)") }
    }

    var missing: CommandFailure { CommandFailure(.badInput, "\(name) is needed and not installed", next: [hint]) }

    /// - Throws: ``CommandFailure`` (2) with all that the program wrote to stderr when it failed.
    func run(_ arguments: [String], in directory: String, doing what: String) async throws -> String {
        guard isInstalled else { throw missing }
        // Git, which kustomize runs, would ask at the terminal for a login, behind what is shown there.
        var environment: [Subprocess.Environment.Key: String?] = ["GIT_TERMINAL_PROMPT": "0"]
        for (name, value) in variables {
            if let key = Subprocess.Environment.Key(rawValue: name) { environment[key] = value }
        }
        do {
            // Paths are given absolute: the path type for the working directory belongs to a module that differs between systems.
            let result = try await Subprocess.run(
                .name(name), arguments: Arguments(arguments), environment: .inherit.updating(environment), output: .string(limit: 64 << 20),
                error: .string(limit: 4 << 20))
            guard result.terminationStatus.isSuccess else {
                let complaint = result.standardError.isEmpty ? result.standardOutput : result.standardError
                throw CommandFailure(
                    .badInput, "\(what) failed: \(name) ended with an error", detail: complaint, next: ["correct it and run the command again"])
            }
            return result.standardOutput
        } catch let error as SubprocessError {
            if Task.isCancelled { throw CancellationError() }
            throw CommandFailure(.badInput, "\(what) failed: \(name) cannot be run", detail: error.description, next: [hint])
        }
    }

    /// - Throws: ``CommandFailure`` (2) when the version that `text` tells is older than `minimum`. One that tells none may be of any age.
    func require(_ minimum: [Int], in text: String) throws {
        guard let version = Self.version(in: text), version.lexicographicallyPrecedes(minimum) else { return }
        let (found, wanted) = (version.map(String.init).joined(separator: "."), minimum.map(String.init).joined(separator: "."))
        throw CommandFailure(.badInput, "\(name) \(found) is too old, \(wanted) or newer is needed", next: [hint])
    }

    /// The first `1.2` or `v1.2.3` in a text.
    static func version(in text: String) -> [Int]? {
        for word in text.split(whereSeparator: { !($0.isASCII && ($0.isNumber || $0 == "." || $0 == "v")) }) {
            let numbers = word.drop { $0 == "v" }.split(separator: ".").map { Int($0) }
            if numbers.count >= 2, numbers.allSatisfy({ $0 != nil }) { return numbers.compactMap(\.self) }
        }
        return nil
    }
}
