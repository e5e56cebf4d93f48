import ArgumentParser

/// The program inside the cluster.
public struct SeawayCommand: AsyncParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "seaway",
        abstract: "Seaway's part inside the cluster: the operator, and the helper of its build pods.",
        subcommands: [OperatorCommand.self, RegistryCommand.self, SourceCommand.self])

    public init() {}
}
