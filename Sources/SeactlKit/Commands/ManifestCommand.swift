import ArgumentParser
import KubernetesModel
import SeawayAPI

/// `seactl manifest`.
struct ManifestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manifest", abstract: "Helps to write manifests.", subcommands: [ManifestSchemaCommand.self])
}

struct ManifestSchemaCommand: SeactlCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema",
        abstract: "Prints the JSON Schema of manifests, for editors.",
        discussion: "A manifest names it in a comment: # yaml-language-server: $schema=manifest.schema.json")

    func run(in system: System) async throws {
        system.standardOutput.write(try ObjectText.render(Manifest.jsonSchema, as: .json))
    }
}
