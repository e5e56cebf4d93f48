import Foundation

/// What six uploads of 200 MB that compress badly leave in the operator's memory.
struct UploadMemoryBenchmark: Benchmark {
    let name = "uploads"
    let budgets = ["operator's memory after six uploads of 200 MB, above idle"]
    private static let megabytes = 200

    func run(_ bench: Workbench) throws -> [Budget] {
        let root = "\(bench.directory)/uploads"
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        let application = LargeApplication(root: root, namespace: "seaway-bench-uploads", bench: bench)
        defer { application.remove() }
        // A new process, so that what it grew by before does not count as idle.
        try bench.kubectl(["rollout", "restart", "deployment/seaway", "--namespace", "seaway-system"]).run()
        try bench.kubectl(["rollout", "status", "deployment/seaway", "--namespace", "seaway-system", "--timeout=120s"]).run()
        let process = try wait(for: "one operator process on this node", upTo: .seconds(30)) { OperatorProcess.find() }
        let idle = try bench.memory(of: process)
        for round in 1...6 {
            try Program([
                "dd", "if=/dev/urandom", "of=\(root)/noise", "bs=1000000", "count=\(Self.megabytes)", "status=none",
            ]).run()
            try "\(round)".write(toFile: "\(root)/page", atomically: true, encoding: .utf8)
            try application.write(copying: "page")
            try application.sync().run()
        }
        let after = try bench.memory(of: process)
        bench.note("idle \(Figure.mebibytes(idle.now)), after \(Figure.mebibytes(after.now)), highest \(Figure.mebibytes(after.peak))")
        let grown = after.now - idle.now
        return [
            Budget(
                name: budgets[0], ours: "\(Figure.mebibytes(grown)) (highest \(Figure.mebibytes(after.peak - idle.now)))", budget: "≤ 100 MiB",
                kept: grown <= 100 << 20)
        ]
    }
}

/// The operator's process as the node sees it; this machine must be the node.
enum OperatorProcess {
    static func find() -> Int32? {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        let found = names.compactMap { Int32($0) }.filter { process in
            guard let data = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") else { return false }
            let words = data.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            return words.first == "/usr/bin/seaway" && words.dropFirst().first == "operator"
        }
        return found.count == 1 ? found.first : nil
    }
}
