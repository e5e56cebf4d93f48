import Foundation

/// A directory that is there for one test.
func withTemporaryDirectory<R>(_ body: (_ path: String) async throws -> R) async throws -> R {
    let url = FileManager.default.temporaryDirectory.appending(path: "seaway-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: url) }
    return try await body(url.path)
}

func write(_ text: String, to path: String, executable: Bool = false) throws {
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    if executable { try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path) }
}
