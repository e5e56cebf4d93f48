import Foundation

/// Remembers, per manifest, the context of the last sync: a small JSON file in the user's state directory.
struct SyncMemory: Sendable {
    /// Absolute path of the file.
    var file: String

    init(_ system: System) {
        file = system.baseDirectory("XDG_STATE_HOME", default: ".local/state") + "/contexts.json"
    }

    private struct Contents: Codable {
        var contexts: [String: String] = [:]
    }

    /// The context of the last sync of the manifest at this absolute path. A file that cannot be read remembers nothing.
    func context(manifest: String) -> String? {
        read().contexts[manifest]
    }

    /// - Throws: ``CommandFailure`` (2) that names the file.
    func remember(context: String, manifest: String) throws {
        var contents = read()
        guard contents.contexts[manifest] != context else { return }
        contents.contexts[manifest] = context
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            try FileManager.default.createDirectory(
                atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            try encoder.encode(contents).write(to: URL(fileURLWithPath: file), options: .atomic)
        } catch {
            throw CommandFailure(
                .badInput, "the context of this sync cannot be remembered in \(file)", detail: error.localizedDescription,
                next: ["make the folder writable, or set XDG_STATE_HOME"])
        }
    }

    private func read() -> Contents {
        guard let data = FileManager.default.contents(atPath: file), let contents = try? JSONDecoder().decode(Contents.self, from: data)
        else { return Contents() }
        return contents
    }
}
