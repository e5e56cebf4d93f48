import Foundation
import Testing

/// The cluster's registry program as a process of this test, in its mode of maintenance: it answers, and takes no image.
struct ReadOnlyRegistry {
    /// Does something while the registry runs.
    /// - Parameter body: gets its address, `host:port`, as pods reach it.
    static func running(_ body: (String) async throws -> Void) async throws {
        let variables = ProcessInfo.processInfo.environment
        let program = try #require(variables["SEAWAY_DOCKER_REGISTRY"], "SEAWAY_DOCKER_REGISTRY is not set: eval \"$(scripts/cluster env)\"")
        let host = try #require(variables["SEAWAY_TEST_S3_ENDPOINT"].flatMap { URL(string: $0)?.host() })
        let directory = FileManager.default.temporaryDirectory.appending(path: "seaway-registry-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let port = Int.random(in: 32_800..<33_800)
        let configuration = """
            version: 0.1
            log: {level: error, accesslog: {disabled: true}}
            storage: {filesystem: {rootdirectory: \(directory)/data}, maintenance: {readonly: {enabled: true}}}
            http: {addr: "0.0.0.0:\(port)", secret: of-this-test}
            """
        try configuration.write(toFile: "\(directory)/config.yml", atomically: true, encoding: .utf8)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = ["serve", "\(directory)/config.yml"]
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        defer {
            process.terminate()
            process.waitUntilExit()
        }
        try await body("\(host):\(port)")
    }
}
