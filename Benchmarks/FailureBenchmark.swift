import Foundation

/// How soon a developer reads of a failure: from the pod's status that tells of it, as the API server wrote it down, until `seactl` has
/// printed its reason.
struct FailureBenchmark: Benchmark {
    let name = "failures"
    let budgets = ["failure known to the API server → printed by seactl, p95"]

    private enum Kind: CaseIterable {
        case build, crash

        /// What `seactl` prints, and how it ends.
        var reason: String { self == .build ? "BuildFailed" : "CrashLoop" }
        var exitCode: Int32 { self == .build ? 4 : 5 }

        func isTold(by content: AuditLog.Content) -> Bool {
            switch self {
            case .build: content.ended("build").map { $0 != 0 } ?? false
            case .crash: content.isInCrashLoop("app")
            }
        }
    }

    func run(_ bench: Workbench) throws -> [Budget] {
        let log = try AuditLog(try bench.variable("SEAWAY_AUDIT_LOG"))
        let application = try Application(namespace: "seaway-bench-failures", bench: bench)
        defer { try? application.remove() }
        let dockerfile = try application.read("Dockerfile")
        let manifest = try application.read("manifest.yaml")
        try application.sync().run()

        var all = Samples()
        var byKind: [Kind: Samples] = [:]
        for round in 0..<max(20, bench.rounds) {
            let kind = Kind.allCases[round % 2]
            let mark = UUID().uuidString
            // A step that fails, or an image that is there and whose program ends.
            try application.write(kind == .build ? "\(dockerfile)\nRUN echo \(mark) && exit 7\n" : dockerfile, to: "Dockerfile")
            let command = "    command: [/bin/sh, -c, \"echo \(mark); exit 3\"]\n"
            try application.write(kind == .crash ? manifest.trimmingCharacters(in: .newlines) + "\n" + command : manifest, to: "manifest.yaml")
            let printed = try application.sync().firstPrint(of: "reason: \(kind.reason)")
            guard let time = printed.at, printed.code == kind.exitCode else {
                throw BenchmarkError("a sync that fails ended with \(printed.code) and said: \(printed.output.suffix(600))")
            }
            let sample = time - (try known(kind, application.newestPod(), in: log))
            all.add(sample)
            byKind[kind, default: Samples()].add(sample)
        }
        bench.note(
            Kind.allCases.map { kind in
                let samples = byKind[kind, default: Samples()]
                return "\(kind.reason) p50 \(Figure.seconds(samples.median)) p95 \(Figure.seconds(samples.p95))"
            }.joined(separator: ", "))
        return [
            Budget(
                name: budgets[0], ours: "\(Figure.seconds(all.p95)), p50 \(Figure.seconds(all.median)), \(all.values.count) syncs",
                budget: "≤ 5 s", kept: all.p95 <= 5)
        ]
    }

    /// When the API server knew, in seconds since 1970.
    private func known(_ kind: Kind, _ pod: String, in log: AuditLog) throws -> Double {
        try wait(for: "the audit log to tell of the failure of \(pod)", upTo: .seconds(10)) {
            try log.entries().first { entry in
                entry.succeeded && entry.concerns("pods", "status") && entry.objectRef?.name == pod
                    && entry.requestObject.map(kind.isTold) == true
            }?.answered
        }
    }
}
