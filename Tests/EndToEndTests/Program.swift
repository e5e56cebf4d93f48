import Foundation
import Subprocess
import SystemPackage

/// How a program ended.
struct Ended: Sendable {
    var exitCode: Int32
    var output: String
    var errors: String
}

/// Runs a program, found by its path or in PATH, to its end.
/// - Parameters:
///   - ending: a signal that it gets, and what is awaited before that.
///   - hearing: gets all that it has printed so far, each time that this has become more.
/// - Throws: `TooMuchOutput`.
func run(
    _ program: String, _ arguments: [String], in directory: String? = nil, environment: [String: String] = [:],
    ending: (signal: Signal, after: () async throws -> Void)? = nil, hearing: (@Sendable (String) -> Void)? = nil
) async throws -> Ended {
    var variables: [Subprocess.Environment.Key: String?] = [:]
    for (name, value) in environment {
        if let key = Subprocess.Environment.Key(rawValue: name) { variables[key] = value }
    }
    let result = try await Subprocess.run(
        program.contains("/") ? .path(FilePath(program)) : .name(program), arguments: Arguments(arguments), environment: .inherit.updating(variables),
        workingDirectory: directory.map { FilePath($0) }, input: .none, output: .sequence, error: .string(limit: 4 << 20)
    ) { execution in
        async let printed = text(execution.standardOutput, hearing)
        if let ending {
            try await ending.after()
            try execution.send(signal: ending.signal)
        }
        return try await printed
    }
    let exitCode: Int32 =
        switch result.terminationStatus {
        case .exited(let code): Int32(code)
        case .signaled(let signal): 128 + Int32(signal)
        }
    return Ended(exitCode: exitCode, output: result.closureResult, errors: result.standardError)
}

/// A program has printed more than a test may keep.
struct TooMuchOutput: Error, CustomStringConvertible {
    static let limit = 32 << 20
    var description: String { "a program printed more than \(Self.limit) bytes" }
}

private func text(_ output: SubprocessOutputSequence, _ hearing: (@Sendable (String) -> Void)?) async throws -> String {
    var bytes: [UInt8] = []
    for try await buffer in output {
        buffer.withUnsafeBytes { bytes.append(contentsOf: $0) }
        guard bytes.count <= TooMuchOutput.limit else { throw TooMuchOutput() }
        hearing?(String(decoding: bytes, as: UTF8.self))
    }
    return String(decoding: bytes, as: UTF8.self)
}

/// The status and the body that curl gets, as a user's browser would.
func fetch(_ url: String) async throws -> (status: Int, body: String) {
    let ended = try await run("curl", ["--silent", "--max-time", "10", "--write-out", "\n%{http_code}", url])
    var lines = ended.output.split(separator: "\n", omittingEmptySubsequences: false)
    let status = lines.popLast().flatMap { Int($0) } ?? 0
    return (status, lines.joined(separator: "\n"))
}
