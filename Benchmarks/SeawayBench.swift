import Foundation

@main
struct SeawayBench {
    static let benchmarks: [any Benchmark & Sendable] = [
        ScanBenchmark(), WireBenchmark(), UnchangedBenchmark(), PageBenchmark(), FailureBenchmark(), UploadMemoryBenchmark(), DependenciesBenchmark(),
        LocalBenchmark(), ScaleBenchmark(),
    ]

    static func main() {
        let words = Array(CommandLine.arguments.dropFirst())
        do {
            switch words.first {
            case "run": exit(try measure(Array(words.dropFirst())) ? 0 : 1)
            default:
                throw BenchmarkError("usage: seaway-bench run [\(benchmarks.map(\.name).joined(separator: "|"))]...")
            }
        } catch {
            FileHandle.standardError.write(Data("seaway-bench: \(error)\n".utf8))
            exit(2)
        }
    }

    /// - Returns: whether every budget was kept.
    static func measure(_ names: [String]) throws -> Bool {
        if let stranger = names.first(where: { name in !benchmarks.contains { $0.name == name } }) {
            throw BenchmarkError("there is no measurement '\(stranger)', only \(benchmarks.map(\.name).joined(separator: ", "))")
        }
        let bench = try Workbench()
        defer { bench.remove() }
        var results: [Budget] = []
        show("\(Machine.description)\n")
        show(Budget.header)
        for benchmark in benchmarks where names.isEmpty || names.contains(benchmark.name) {
            FileHandle.standardError.write(Data("==> \(benchmark.name)\n".utf8))
            do {
                let lines = try benchmark.run(bench)
                results += lines
                for line in lines { show(line.row) }
            } catch {
                let lines = benchmark.budgets.map { Budget.unmeasured($0, error) }
                results += lines
                for line in lines { show(line.row) }
            }
        }
        let missed = results.count { $0.kept == false }
        let kept = results.count { $0.kept == true }
        show("\n\(kept) budgets kept, \(missed) missed")
        return missed == 0 && kept > 0
    }

    /// At once, also where the output is a file.
    private static func show(_ text: String) { FileHandle.standardOutput.write(Data("\(text)\n".utf8)) }
}
