import Foundation

/// The branch that is checked out, for `${BRANCH}`; read from the files, so that no git program is needed.
enum GitBranch {
    /// - Returns: `nil` outside of a repository and on a detached head.
    static func current(in directory: String) -> String? {
        var folder = URL(fileURLWithPath: directory, isDirectory: true).standardizedFileURL
        while true {
            if let branch = branch(git: folder.appendingPathComponent(".git")) { return branch }
            let parent = folder.deletingLastPathComponent().standardizedFileURL
            if parent.path == folder.path { return nil }
            folder = parent
        }
    }

    private static func branch(git: URL) -> String? {
        var head = git.appendingPathComponent("HEAD")
        // In a linked worktree, `.git` is a file that names the folder.
        if let text = text(of: git), let line = text.firstLine, line.hasPrefix("gitdir:") {
            let target = String(line.dropFirst("gitdir:".count)).trimmed
            head = URL(fileURLWithPath: target, relativeTo: git.deletingLastPathComponent()).appendingPathComponent("HEAD")
        }
        guard let line = text(of: head)?.firstLine, line.hasPrefix("ref: refs/heads/") else { return nil }
        return String(line.dropFirst("ref: refs/heads/".count))
    }

    private static func text(of file: URL) -> String? {
        FileManager.default.contents(atPath: file.path).map { String(decoding: $0, as: UTF8.self) }
    }
}
