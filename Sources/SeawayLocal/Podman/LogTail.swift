import Foundation
import KubernetesModel
import Synchronization

extension Podman {
    /// The last lines of a container's log.
    ///
    /// Without Podman's `--tail`, which 4.3 joins the wrong lines with where one was written in pieces.
    /// - Parameter run: when the run began whose lines are wanted, as Podman tells it; lines of all runs when it is `nil` or said nothing.
    func logTail(_ container: String, lines count: Int, of run: String? = nil) async throws -> [String] {
        if let since = run.flatMap(Self.justBefore) {
            let lines = try await lastLines(["logs", "--since", since, container], count)
            if !lines.isEmpty { return lines }
        }
        return try await lastLines(["logs", container], count)
    }

    private func lastLines(_ arguments: [String], _ count: Int) async throws -> [String] {
        let last = Mutex<[String]>([])
        let code = try await stream(arguments) { line in
            if !line.isEmpty { last.withLock { $0 = $0.suffix(count - 1) + [line] } }
        }
        let lines = last.withLock(\.self)
        guard code == 0 else {
            throw LocalError(.podmanFailed, "`podman logs` ended with exit code \(code): \(lines.last ?? "")")
        }
        return lines
    }

    /// Podman notes a start when the process may have written already; no container is started again within a tenth of a second.
    static func justBefore(_ start: String) -> String? {
        guard let whole = ContainerInspection.time(start)?.date else { return nil }
        let fraction = start.firstIndex(of: ".").map { "0" + start[$0...].prefix { $0.isNumber || $0 == "." } }.flatMap { Double($0) } ?? 0
        return whole.addingTimeInterval(fraction - 0.1).formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
}
