import ArgumentParser
import KubernetesModel
import SeawayAPI
import SeawayDependencies

/// `seactl deps`.
struct DepsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deps", abstract: "Works with the dependencies of the manifest: what the application needs besides itself.",
        subcommands: [DepsApplyCommand.self, DepsDiffCommand.self, DepsDeleteCommand.self])
}

/// Options of all commands about dependencies.
struct DependencyOptions: ParsableArguments {
    @OptionGroup var target: EnvironmentArgument
    @Option(help: "Only the dependency of this name.")
    var only: String?
    @OptionGroup(title: "Global options") var cluster: ClusterOptions
    @Flag(help: "Run them on this machine with Podman; the default when no cluster is configured.")
    var local = false
    @Option(name: [.customShort("n"), .long], help: "The namespace, instead of the manifest's.")
    var namespace: String?
    @Option(help: "The manifest; the dependencies' paths begin beside it.", completion: .file(extensions: ["yaml", "yml"]))
    var manifest = "manifest.yaml"
    @Option(
        name: [.customShort("o"), .customLong("output")],
        help: "What stdout gets: text, or what became of each object as json or yaml; progress then goes to stderr.")
    var format = OutputFormat.text
}

/// How objects of others are treated.
struct OwnershipOptions: ParsableArguments {
    @Flag(help: "Take fields over that another manager owns.")
    var forceConflicts = false
    @Flag(help: "Take over objects that are there already, as those that kubectl applied.")
    var adopt = false
}

struct DepsApplyCommand: SeactlCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Applies the dependencies in their order, removes what left them, waits for what the manifest names.",
        discussion: "What was applied is remembered in the cluster as a set. Objects of others and their fields are not touched unless asked for.")

    @OptionGroup var options: DependencyOptions
    @OptionGroup var ownership: OwnershipOptions
    @Flag(name: .shortAndLong, help: "Agree to removals and cluster-wide objects, and to another context than the last.")
    var yes = false

    func run(in system: System) async throws {
        try await options.withSession(system, yes: yes) { session, dependencies in
            var session = session
            session.forceConflicts = ownership.forceConflicts
            session.adopt = ownership.adopt
            try await session.applyAll(dependencies, isWhole: options.only == nil)
        }
    }
}

struct DepsDiffCommand: SeactlCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Shows what an apply would change, by the server's own dry run.",
        discussion: "Contents of Secrets are masked. Exits with 1 when something would change.")

    @OptionGroup var options: DependencyOptions
    @OptionGroup var ownership: OwnershipOptions

    func run(in system: System) async throws {
        try await options.withSession(system, yes: true) { session, dependencies in
            var session = session
            session.forceConflicts = ownership.forceConflicts
            session.adopt = ownership.adopt
            var isDifferent = false
            func show(_ lines: [String]) {
                isDifferent = true
                guard options.format == .text else { return }
                system.standardOutput.write(lines.map { TextCleaning.plain($0) + "\n" }.joined())
            }
            for dependency in dependencies {
                for change in try await DiffDependency(session: session, dependency: dependency).run() {
                    session.report.note(
                        dependency.name, change.type, change.identity, change.result, reason: change.reason, lines: change.lines)
                    show(["\(dependency.name): \(change.title)"] + change.lines.map { "  \($0)" })
                }
            }
            if options.only == nil {
                for set in try await session.orphans(session.manifestDependencies) {
                    for member in try await session.members(of: set) {
                        session.report.note(set.dependency, member.type, member.identity, .remove)
                    }
                    show(["\(set.dependency): would be removed, the manifest no longer names it"])
                }
            }
            if isDifferent { throw CommandStatus.different }
        }
    }
}

struct DepsDeleteCommand: SeactlCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Removes the dependencies in reverse order and waits until they are gone.",
        discussion: "Namespaces and CustomResourceDefinitions that others use, or that were there before, stay.")

    @OptionGroup var options: DependencyOptions
    @Option(help: "How long to wait until everything is gone: 90s, 5m.")
    var timeout = TimeLimit(minutes: 5)
    @Flag(name: .shortAndLong, help: "Agree to the removal, and to another context than the last.")
    var yes = false

    func run(in system: System) async throws {
        try await options.withSession(system, yes: yes, timeout: timeout.duration) { session, dependencies in
            var sets = dependencies.map { session.set($0.name) }
            if options.only == nil { sets += try await session.orphans(session.manifestDependencies) }
            let count = try await DeleteDependencies(session: session).run(sets)
            guard options.format == .text else { return }
            system.standardOutput.write(count == 0 ? "there was nothing to remove\n" : "removed \(Format.count(count, "object"))\n")
        }
    }
}
