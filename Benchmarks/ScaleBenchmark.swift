import Foundation

/// The operator with 1,000 and with 10,000 Environments on a real API server, which runs no pods.
struct ScaleBenchmark: Benchmark {
    let name = "scale"
    let budgets = [
        "operator's writes per minute, 1,000 waiting Environments", "watch event → plan performed, 1,000 Environments, p95",
        "operator's memory, 10,000 Environments",
    ]

    func run(_ bench: Workbench) throws -> [Budget] {
        let cluster = try LoadCluster(bench)
        try cluster.prepare()
        try cluster.create(0..<1_000)

        let load = try OperatorUnderLoad(cluster, bench)
        defer { load.stop() }
        try cluster.waitUntilSettled(1_000)
        let idle = try writesPerMinute(cluster)
        let latency = try latency(cluster)
        bench.note("1,000 Environments: \(try load.summary())")

        load.stop()
        var results = [
            Budget(name: budgets[0], ours: "\(idle.writes) (beside \(idle.leases) of its lease)", budget: "0", kept: idle.writes == 0),
            Budget(
                name: budgets[1], ours: "\(Figure.seconds(latency.p95)), p50 \(Figure.seconds(latency.median)), \(latency.values.count) events",
                budget: "< 50 ms", kept: latency.p95 < 0.05),
        ]
        do {
            results.append(try memory(cluster, bench))
        } catch {
            results.append(.unmeasured(budgets[2], error))
        }
        return results
    }

    /// Grows from 1,000 to 10,000 Environments, and starts with as many.
    private func memory(_ cluster: LoadCluster, _ bench: Workbench) throws -> Budget {
        var load = try OperatorUnderLoad(cluster, bench)
        defer { load.stop() }
        bench.note("1,000 Environments, started anew: watching after \(Figure.seconds(load.secondsUntilWatching))")
        try cluster.create(1_000..<10_000)
        try cluster.waitUntilSettled(10_000)
        let grown = try load.memory()
        bench.note("10,000 Environments: \(try load.summary())")

        load.stop()
        load = try OperatorUnderLoad(cluster, bench)
        bench.note("10,000 Environments, started anew: watching after \(Figure.seconds(load.secondsUntilWatching))")
        try cluster.waitUntilSettled(10_000)
        let listed = try load.memory()
        bench.note("10,000 Environments, started anew: \(try load.summary())")
        let memory = max(grown.now, listed.now)
        return Budget(
            name: budgets[2], ours: "\(Figure.mebibytes(memory)) (highest \(Figure.mebibytes(max(grown.peak, listed.peak))))", budget: "≤ 300 MiB",
            kept: memory <= 300 << 20)
    }

    private func writesPerMinute(_ cluster: LoadCluster) throws -> (writes: Int, leases: Int) {
        let log = try AuditLog(cluster.auditLog)
        Thread.sleep(forTimeInterval: 60)
        let writes = try log.entries().filter { $0.isOperators && $0.isWrite }
        let leases = writes.count { $0.concerns("leases") }
        return (writes.count - leases, leases)
    }

    /// From the answer to a changed spec until the answer to the operator's status that tells of it.
    private func latency(_ cluster: LoadCluster) throws -> Samples {
        let log = try AuditLog(cluster.auditLog)
        for number in 0..<200 { try cluster.patch(number * 5) }
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
