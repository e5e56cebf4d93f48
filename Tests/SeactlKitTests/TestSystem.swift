import Foundation
import Synchronization

@testable import SeactlKit

/// A system without a process: streams that are kept, a home directory that is removed, time that stands still.
final class TestSystem: Sendable {
    let home: String
    let project: String
    private let out = Mutex("")
    private let err = Mutex("")
    let timeIsUp = Gate()
    let interrupted = Gate()

    init() throws {
        home = FileManager.default.temporaryDirectory.appendingPathComponent("seactl-\(UUID().uuidString)").path
        project = home + "/project"
        try FileManager.default.createDirectory(atPath: project, withIntermediateDirectories: true)
    }

    deinit {
        // A leftover folder in the temporary directory harms nobody.
        try? FileManager.default.removeItem(atPath: home)
    }

    var stdout: String { out.withLock(\.self) }
    var stderr: String { err.withLock(\.self) }

    func write(_ name: String, _ text: String) throws {
        try text.write(toFile: project + "/" + name, atomically: true, encoding: .utf8)
    }

    func system(
        cluster: ScriptedCluster = ScriptedCluster(), context: String = "kind-test", answer: String? = nil, variables: [String: String] = [:]
    ) -> System {
        var asked: (@Sendable (String) -> String?)?
        if let answer {
            asked = { prompt in
                self.err.withLock { $0 += prompt }
                return answer
            }
        }
        let size: @Sendable () -> TerminalSize = { TerminalSize(columns: 80, rows: 24) }
        // Short pauses pass at once; a time limit only when the test says so.
        let sleep: @Sendable (Duration) async throws -> Void = { duration in
            if duration >= .seconds(60) { try await self.timeIsUp.wait() } else { await Task.yield() }
            try Task.checkCancellation()
        }
        let connect: @Sendable (ConnectionRequest) throws -> Connection = { request in
            Connection(context: request.context ?? context, namespace: "default", cluster: cluster.access, close: { cluster.note("close") })
        }
        return System(
            variables: ["HOME": home, "USER": "ann"].merging(variables) { $1 },
            workingDirectory: project,
            standardOutput: Console(write: { text in self.out.withLock { $0 += text } }, isTerminal: false, size: size),
            standardError: Console(write: { text in self.err.withLock { $0 += text } }, isTerminal: false, size: size),
            ask: asked,
            elapsed: { .zero },
            now: { Date(timeIntervalSince1970: 1_800_000_000) },
            sleep: sleep,
            interruption: { try await self.interrupted.wait() },
            connect: connect)
    }
}
