import Foundation

/// The operator with 1,000 and with 10,000 Environments on a real API server, which runs no pods.
struct ScaleBenchmark: Benchmark {
    let name = "scale"
    let budgets = [
        "operator's writes per minute, 1,000 waiting Environments", "watch event → plan performed, 1,000 Environments, p95",
        "operator's start until it knows 1,000 Environments", "watch event → plan performed, 10,000 Environments, p95",
        "operator's start until it knows 10,000 Environments", "operator's memory, 10,000 Environments",
    ]
    /// How often the operator is started.
    private static let starts = 3

    func run(_ bench: Workbench) throws -> [Budget] {
        let cluster = try LoadCluster(bench)
        try cluster.prepare()
        try cluster.create(0..<1_000)

        let load = try OperatorUnderLoad(cluster, bench)
        defer { load.stop() }
        try cluster.waitUntilSettled(1_000, load)
        let idle = try writesPerMinute(cluster)
        let latency = try latency(cluster, of: 0..<1_000)
        let small = try load.memory()
        load.stop()

        var results = [
            Budget(name: budgets[0], ours: "\(idle.writes) (beside \(idle.leases) of its lease)", budget: "0", kept: idle.writes == 0),
            budget(budgets[1], latency), try start(budgets[2], cluster, bench, 1_000),
        ]
        do {
            results += try tenThousand(cluster, bench, small)
        } catch {
            results += budgets.dropFirst(results.count).map { .unmeasured($0, error) }
        }
        return results
    }

    /// Grows from 1,000 to 10,000 Environments, and starts with as many.
    private func tenThousand(_ cluster: LoadCluster, _ bench: Workbench, _ small: (now: Int, peak: Int)) throws -> [Budget] {
        var load = try OperatorUnderLoad(cluster, bench)
        defer { load.stop() }
        try cluster.create(1_000..<10_000)
        try cluster.waitUntilSettled(10_000, load)
        let latency = try latency(cluster, of: 1_000..<10_000)
        let grown = try load.memory()
        load.stop()

        load = try OperatorUnderLoad(cluster, bench)
        try cluster.waitUntilSettled(10_000, load)
        let listed = try load.memory()
        load.stop()
        let memory = max(grown.now, listed.now)
        let highest = max(grown.peak, listed.peak)
        return [
            budget(budgets[3], latency), try start(budgets[4], cluster, bench, 10_000),
            Budget(
                name: budgets[5],
                ours: "\(Figure.mebibytes(memory)) (highest \(Figure.mebibytes(highest)); with 1,000 \(Figure.mebibytes(small.now)))",
                budget: "≤ 300 MiB", kept: memory <= 300 << 20),
        ]
    }

    private func budget(_ name: String, _ latency: Samples) -> Budget {
        Budget(
            name: name, ours: "\(Figure.seconds(latency.p95)), p50 \(Figure.seconds(latency.median)), \(latency.values.count) events",
            budget: "< 50 ms", kept: latency.p95 < 0.05)
    }

    /// From the start of the process until it has listed everything and begins to work, beside kubectl that lists Environments alone.
    private func start(_ name: String, _ cluster: LoadCluster, _ bench: Workbench, _ count: Int) throws -> Budget {
        var (ours, theirs) = (Samples(), Samples())
        for _ in 0..<Self.starts {
            let load = try OperatorUnderLoad(cluster, bench)
            ours.add(load.secondsUntilWatching)
            load.stop()
            theirs.add(try cluster.readAll(count))
        }
        return .figure(
            name, ours: Figure.seconds(ours.median), rival: "kubectl get --output json \(Figure.seconds(theirs.median))",
            ratio: Figure.ratio(ours.median / theirs.median))
    }

    private func writesPerMinute(_ cluster: LoadCluster) throws -> (writes: Int, leases: Int) {
        let log = try AuditLog(cluster.auditLog)
        Thread.sleep(forTimeInterval: 60)
        let writes = try log.entries().filter { $0.isOperators && $0.isWrite }
        let leases = writes.count { $0.concerns("leases") }
        return (writes.count - leases, leases)
    }

    /// From the answer to a changed spec until the answer to the operator's status that tells of it.
    /// - Parameter numbers: Environments of which no spec was changed before; 200 of them, far from each other, are changed.
    private func latency(_ cluster: LoadCluster, of numbers: Range<Int>) throws -> Samples {
        let log = try AuditLog(cluster.auditLog)
        for number in 0..<200 { try cluster.patch(numbers.lowerBound + number * (numbers.count / 200)) }
        return try wait(for: "a status for each of 200 changes", upTo: .seconds(60), every: 1) {
            let entries = try log.entries().filter(\.succeeded)
            var changed: [String: Double] = [:]
            var samples = Samples()
            for entry in entries {
                guard let name = entry.objectRef?.name else { continue }
                if entry.concerns("environments"), !entry.isOperators {
                    changed[name] = entry.answered
                } else if entry.concerns("environments", "status"), entry.isOperators, let since = changed.removeValue(forKey: name) {
                    samples.add(entry.answered - since)
                }
            }
            return samples.values.count == 200 ? samples : nil
        }
    }
}
