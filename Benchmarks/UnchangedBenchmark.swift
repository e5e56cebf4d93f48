import Foundation

/// A sync that finds nothing to do.
struct UnchangedBenchmark: Benchmark {
    let name = "unchanged"
    let budgets = ["sync with nothing changed, whole process"]

    func run(_ bench: Workbench) throws -> [Budget] {
        let application = try Application(namespace: "seaway-bench-idle", bench: bench)
        defer { try? application.remove() }
        let requests = try APIServerRequests(bench)
        try application.sync().run()
        var ours = Samples()
        var trips = Samples()
        for round in 0...bench.rounds {
            let sync = try application.sync().run()
            guard sync.output.contains("up to date") else { throw BenchmarkError("sync found something to do: \(sync.output)") }
            let trip = try requests.roundTrip()
            guard round > 0 else { continue }
            ours.add(sync.seconds)
            trips.add(trip)
        }
        let allowed = 0.150 + trips.median
        return [
            Budget(
                name: budgets[0], ours: Figure.seconds(ours.median), rival: "one request with curl \(Figure.seconds(trips.median))",
                ratio: Figure.ratio(ours.median / allowed), budget: "< 150 ms + one round trip", kept: ours.median < allowed)
        ]
    }
}
