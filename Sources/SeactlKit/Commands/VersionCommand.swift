import ArgumentParser
import KubernetesModel

struct VersionCommand: SeactlCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "Shows the version of seactl.")

    @Option(name: [.customShort("o"), .customLong("output")], help: "text, json or yaml.")
    var format = OutputFormat.text

    func run(in system: System) async throws {
        let text = try format == .text ? "seactl \(Version.current)\n" : ObjectText.render(["seactl": .string(Version.current)], as: format)
        system.standardOutput.write(text)
    }
}
