import ArgumentParser

extension OutputFormat: ExpressibleByArgument {}

/// Which cluster: options of every command that talks to one.
struct ClusterOptions: ParsableArguments {
    @Option(help: "The context of the kubeconfig to use.")
    var context: String?

    @Option(help: "The kubeconfig; default $KUBECONFIG, else ~/.kube/config.", completion: .file())
    var kubeconfig: String?

    @Flag(name: .shortAndLong, help: "Show the requests to the cluster on stderr.")
    var verbose = false
}

/// Options of the commands about environments.
struct GlobalOptions: ParsableArguments {
    @OptionGroup(title: "Global options") var cluster: ClusterOptions

    @Flag(help: "Build and run on this machine with Podman; the default when no cluster is configured.")
    var local = false

    @Option(name: [.customShort("n"), .long], help: "The namespace, instead of the manifest's.")
    var namespace: String?

    @Option(help: "The manifest; the sources are the files beside it.", completion: .file(extensions: ["yaml", "yml"]))
    var manifest = "manifest.yaml"

    @Option(name: [.customShort("o"), .customLong("output")], help: "What stdout gets: text, or the Kubernetes object as json or yaml.")
    var format = OutputFormat.text
}

extension ClusterOptions {
    /// Talks to the cluster that the options name; its connections are ended in every case.
    func withCluster<Result>(_ system: System, _ body: (Connection) async throws -> Result) async throws -> Result {
        let connection = try system.connect(ConnectionRequest(kubeconfig: kubeconfig, context: context, verbose: verbose))
        do {
            let result = try await body(connection)
            await connection.close()
            return result
        } catch {
            await connection.close()
            throw error
        }
    }

    /// Works with Podman on this machine where that is asked for or no cluster is configured, else with the cluster of the options.
    func withEngine<Result>(_ system: System, local: Bool, _ body: (Connection) async throws -> Result) async throws -> Result {
        let request = ConnectionRequest(kubeconfig: kubeconfig, context: context, verbose: verbose)
        if local, request.kubeconfig != nil || request.context != nil {
            throw CommandFailure(.badInput, "--local runs on this machine, --context and --kubeconfig name a cluster", next: ["use one of them"])
        }
        guard local || !system.hasCluster(request) else { return try await withCluster(system, body) }
        let connection = try await system.connectLocal()
        let result = try await body(connection)
        await connection.close()
        return result
    }
}

extension GlobalOptions {
    /// Works with Podman on this machine where that is asked for or no cluster is configured, else with the cluster of the options.
    func withEngine<Result>(_ system: System, _ body: (Connection) async throws -> Result) async throws -> Result {
        try await cluster.withEngine(system, local: local, body)
    }

    /// Where progress goes: stdout, or stderr as plain lines when stdout is for an object.
    func output(_ system: System) -> Output {
        guard format == .text else {
            return Output(PlainRenderer(), elapsed: system.elapsed, write: system.standardError.write)
        }
        let console = system.standardOutput
        guard system.isLive(console), !cluster.verbose else {
            return Output(PlainRenderer(), elapsed: system.elapsed, write: console.write)
        }
        return Output(
            LiveRenderer(style: system.style(console), size: console.size), isLive: true, elapsed: system.elapsed, write: console.write)
    }
}

/// A length of time on the command line: `90s`, `15m`, `1h30m`; a bare number counts seconds.
struct TimeLimit: ExpressibleByArgument, Equatable, Sendable, CustomStringConvertible {
    var duration: Duration
    var description: String

    init(minutes: Int) {
        duration = .seconds(minutes * 60)
        description = "\(minutes)m"
    }

    init?(argument: String) {
        var seconds = 0
        var number = ""
        for character in argument {
            if character.isASCII, character.isNumber {
                number.append(character)
                continue
            }
            let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600]
            guard let unit = units[character], let value = Int(number), value < 1_000_000 else { return nil }
            seconds += value * unit
            number = ""
        }
        if !number.isEmpty {
            guard seconds == 0, let value = Int(number), value < 100_000_000 else { return nil }
            seconds = value
        }
        guard seconds > 0 else { return nil }
        duration = .seconds(seconds)
        description = argument
    }

    var defaultValueDescription: String { description }
}
