import ArgumentParser

/// `seactl env`.
struct EnvCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "env",
        abstract: "Works with the environments of the manifest.",
        subcommands: [SyncCommand.self, StatusCommand.self, ListCommand.self, LogsCommand.self, ExecCommand.self, CleanCommand.self])
}

/// Which of the manifest's environments.
struct EnvironmentArgument: ParsableArguments {
    @Argument(help: "The environment's name in the manifest; default the manifest's defaultEnvironment, or its only one.")
    var environment: String?
}
