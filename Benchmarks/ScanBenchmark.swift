import Foundation

/// Scanning a large tree for the first time, and again.
struct ScanBenchmark: Benchmark {
    let name = "scan"
    let budgets = ["cold scan and hash, 20,000 files, 500 MB", "warm scan, nothing changed"]

    func run(_ bench: Workbench) throws -> [Budget] {
        let tree = try bench.largeTree()
        return [try cold(tree, bench), try warm(tree, bench)]
    }

    private func cold(_ tree: LargeTree, _ bench: Workbench) throws -> Budget {
        let threads = ProcessInfo.processInfo.activeProcessorCount
        let cache = "\(bench.directory)/cold-cache"
        let rival = Program(
            ["sh", "-c", "find . -name .git -prune -o -type f -print0 | xargs -0 -n 250 -P \(threads) sha256sum | wc -l"], in: tree.root)
        var ours = Samples()
        var theirs = Samples()
        for round in 0..<6 {
            try? FileManager.default.removeItem(atPath: cache)
            let scan = try bench.scan(tree, cache: cache)
            let sums = try rival.run()
            guard let count = Int(sums.output.trimmingCharacters(in: .whitespacesAndNewlines)), count == scan.files else {
                throw BenchmarkError("sha256sum read \(sums.output), the scan \(scan.files) files")
            }
            // The first round only fills the page cache.
            guard round > 0 else { continue }
            ours.add(scan.seconds)
            theirs.add(sums.seconds)
        }
        let ratio = ours.median / theirs.median
        return Budget(
            name: budgets[0], ours: Figure.seconds(ours.median), rival: "sha256sum ×\(threads) \(Figure.seconds(theirs.median))",
            ratio: Figure.ratio(ratio), budget: "≤ 0.35 ×", kept: ratio <= 0.35)
    }

    private func warm(_ tree: LargeTree, _ bench: Workbench) throws -> Budget {
        let git = { (words: [String]) in
            Program(["git"] + words, in: tree.root, variables: ["GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"])
        }
        try git(["init", "--quiet"]).run()
        try git(["add", "--all"]).run()
        try git(["-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "gc.auto=0", "commit", "--quiet", "--message=all"]).run()
        // Both doubt files that are as young as their index.
        Thread.sleep(forTimeInterval: 3)
        try git(["update-index", "--refresh"]).run()
        let cache = "\(bench.directory)/warm-cache"
        var ours = Samples()
        var theirs = Samples()
        for round in 0..<21 {
            let scan = try bench.scan(tree, cache: cache)
            let status = try git(["status", "--porcelain"]).run()
            guard status.output.isEmpty else { throw BenchmarkError("git status says that something changed: \(status.output.prefix(200))") }
            guard round > 0 else { continue }
            ours.add(scan.seconds)
            theirs.add(status.seconds)
        }
        let ratio = ours.median / theirs.median
        return Budget(
            name: budgets[1], ours: Figure.seconds(ours.median), rival: "git status \(Figure.seconds(theirs.median))",
            ratio: Figure.ratio(ratio), budget: "≤ 1.0 ×", kept: ratio <= 1)
    }
}
