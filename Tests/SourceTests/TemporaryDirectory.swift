import Foundation

/// A directory of its own for a test, removed at the end.
func withTemporaryDirectory<Result>(_ body: (String) async throws -> Result) async throws -> Result {
    let path = NSTemporaryDirectory() + "seaway-test-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try await body(path)
}

/// Writes files by path; a path that ends with `/` is a directory.
func write(_ files: [String: String], to root: String) throws {
    for (path, content) in files {
        let full = "\(root)/\(path)"
        let parent = path.hasSuffix("/") ? full : (full as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
        if !path.hasSuffix("/") { try Data(content.utf8).write(to: URL(fileURLWithPath: full)) }
    }
}
