import Foundation

/// Bytes that a one-line change in the large tree sends, as counted on the way to the API server.
struct WireBenchmark: Benchmark {
    let name = "wire"
    let budgets = ["bytes sent for a one-line change in 500 MB"]

    func run(_ bench: Workbench) throws -> [Budget] {
        let tree = try bench.largeTree()
        let namespace = "seaway-bench-wire"
        let application = LargeApplication(root: tree.root, namespace: namespace, bench: bench)
        defer { application.remove() }
        try application.write(copying: "part-0/package-0/file-1.txt")
        try application.sync().run()

        guard let file = FileHandle(forWritingAtPath: tree.someFile) else { throw BenchmarkError("\(tree.someFile) cannot be written") }
        try file.seekToEnd()
        try file.write(contentsOf: Data("one more line\n".utf8))
        try file.close()

        let counter = try CountingProxy(bench)
        defer { counter.stop() }
        let said = try application.sync(kubeconfig: counter.kubeconfig).run().output
        let sent = try counter.bytes()
        let compressed = try Program(["sh", "-c", "gzip -9 -c \"$1\" | wc -c", "sh", tree.someFile]).run()
        guard let file = Int(compressed.output.trimmingCharacters(in: .whitespacesAndNewlines)), file > 0, sent > 0 else {
            throw BenchmarkError("nothing was counted")
        }
        guard let line = said.split(separator: "\n").first(where: { $0.contains(" 1 changed") }) else {
            throw BenchmarkError("sync did not send one changed file: \(said.suffix(400))")
        }
        let body = line.split(separator: ",").last.map { $0.trimmingCharacters(in: .whitespaces) } ?? ""
        let allowed = file + 65_536
        return [
            Budget(
                name: budgets[0], ours: "\(sent) B on the wire for the whole sync (seactl: \(body))", rival: "the file with gzip -9 \(file) B",
                ratio: Figure.ratio(Double(sent) / Double(allowed)), budget: "≤ the file + 64 KiB", kept: sent <= allowed)
        ]
    }
}
