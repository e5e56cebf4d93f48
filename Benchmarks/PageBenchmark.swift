import Foundation

/// A changed source until the new page is served, beside the same by hand; and how much of it is Seaway's own doing.
struct PageBenchmark: Benchmark {
    let name = "page"
    let budgets = ["source change → new page served, p50", "Seaway's own share of sync → Ready, p95"]

    func run(_ bench: Workbench) throws -> [Budget] {
        // Without a log, the page can be measured all the same.
        let log = Result { try AuditLog(try bench.variable("SEAWAY_AUDIT_LOG")) }
        let application = try Application(namespace: "seaway-bench-page", bench: bench)
        let rival = try HandRollout(application: Application(namespace: "seaway-bench-hand", bench: bench), bench: bench)
        defer {
            try? application.remove()
            try? rival.application.remove()
        }
        try application.sync().run()
        try rival.prepare()

        var ours = Samples()
        var theirs = Samples()
        var wholeSync = Samples()
        var pushes: [Double] = []
        // The first round warms caches up.
        for round in 0...bench.rounds {
            let clock = ContinuousClock()
            var mark = try application.change()
            var began = clock.now
            let sync = try application.sync().start(log: "\(bench.directory)/sync.log")
            try application.waitForPage(mark)
            let served = (clock.now - began).inSeconds
            sync.waitUntilExit()
            guard sync.terminationStatus == 0 else {
                throw BenchmarkError("sync: \((try? String(contentsOfFile: "\(bench.directory)/sync.log", encoding: .utf8))?.suffix(500) ?? "")")
            }
            let finished = (clock.now - began).inSeconds
            pushes.append(try application.pushed())

            mark = try rival.application.change()
            began = clock.now
            try rival.rollOut(round + 1)
            try rival.application.waitForPage(mark)
            let byHand = (clock.now - began).inSeconds
            guard round > 0 else { continue }
            ours.add(served)
            wholeSync.add(finished)
            theirs.add(byHand)
        }
        bench.note(
            "p95 \(Figure.seconds(ours.p95)), by hand \(Figure.seconds(theirs.p95)); sync itself ended after p50 \(Figure.seconds(wholeSync.median))")
        let page = Budget(
            name: budgets[0], ours: Figure.seconds(ours.median), rival: "buildah and kubectl by hand \(Figure.seconds(theirs.median))",
            ratio: Figure.ratio(ours.median / theirs.median), budget: "≤ 4 s", kept: ours.median <= 4)
        do {
            return [page, try ownShare(in: log.get(), pushes, application, bench)]
        } catch {
            return [page, .unmeasured(budgets[1], error)]
        }
    }

    private func ownShare(in log: AuditLog, _ pushes: [Double], _ application: Application, _ bench: Workbench) throws -> Budget {
        let entries = try log.entries().filter { $0.objectRef?.namespace == application.namespace }
        let shares = OwnShare.find(in: entries, pushes: pushes)
        guard shares.count >= bench.rounds else {
            throw BenchmarkError("the audit log shows \(shares.count) whole syncs of \(bench.rounds)")
        }
        let total = Samples(shares.suffix(bench.rounds).map(\.total))
        let wait = Samples(shares.suffix(bench.rounds).map(\.routingWait))
        let parts = [
            ("spec → Job", Samples(shares.map(\.toJob))), ("image → Deployment", Samples(shares.map(\.toDeployment))),
            ("available → Ready", Samples(shares.map(\.toReady))),
        ]
        bench.note("own share: " + parts.map { "\($0.0) p50 \(Figure.seconds($0.1.median)) p95 \(Figure.seconds($0.1.p95))" }.joined(separator: ", "))
        return Budget(
            name: budgets[1],
            ours: "\(Figure.seconds(total.p95)), p50 \(Figure.seconds(total.median)), \(total.values.count) syncs; not in it until the earlier pod "
                + "was out of reach: p50 \(Figure.seconds(wait.median)), p95 \(Figure.seconds(wait.p95))",
            budget: "< 300 ms", kept: total.p95 < 0.3)
    }
}
