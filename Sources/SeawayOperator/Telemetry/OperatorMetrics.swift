import SeawayAPI
import SourceService
import Synchronization

/// What the operator counts and measures. Labels are of small, fixed sets: no namespace, environment or revision is one, so that
/// neither the number of series grows with the cluster nor does a name of somebody's work leave it.
enum Metric: String, CaseIterable, Sendable {
    case leading = "seaway_leader"
    case environments = "seaway_environments"
    case workQueue = "seaway_work_queue_depth"
    case reconciles = "seaway_reconcile_seconds"
    case buildsRunning = "seaway_builds_running"
    case buildQueue = "seaway_build_queue_depth"
    case builds = "seaway_builds_total"
    case stages = "seaway_stage_seconds"
    case received = "seaway_received_bytes_total"
    case requests = "seaway_source_request_seconds"

    var help: String {
        switch self {
        case .leading: "Whether this operator leads."
        case .environments: "Environments by state: ready, reconciling, stalled or new."
        case .workQueue: "Environments that wait for a worker."
        case .reconciles: "Time that one look at an Environment took, by what follows: done, requeue or retry."
        case .buildsRunning: "Builds that hold a slot."
        case .buildQueue: "Builds that wait for a slot."
        case .builds: "Builds that ended, by result and by the reason that the condition ImageBuilt gives."
        case .stages: "Time that a revision took in a stage: build (its Job) or deploy (its rollout)."
        case .received: "Bytes of request bodies that the source API took in."
        case .requests: "Time that the source API took to answer, by method and status."
        }
    }

    var kind: MetricFamily.Kind {
        switch self {
        case .leading, .environments, .workQueue, .buildsRunning, .buildQueue: .gauge
        case .builds, .received: .counter
        case .reconciles, .stages, .requests: .histogram
        }
    }

    /// Seconds.
    fileprivate var bounds: [Double] {
        switch self {
        case .stages: [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800]
        default: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
        }
    }
}

/// Counts since this process began; what can be looked up is looked up when somebody asks.
final class OperatorMetrics: Sendable {
    private struct Series: Hashable {
        var metric: Metric
        var labels: [MetricFamily.Label]
    }

    private struct State {
        var counters: [Series: Double]
        var histograms: [Series: Histogram]
    }

    private let state: Mutex<State>

    init() {
        // A counter that appears with its first event hides that event from `rate()`; of the many reasons, these are the usual ones.
        let builds: [(String, Reason)] = [("succeeded", .imagePushed), ("failed", .buildFailed)]
        let counters =
            [Series(metric: .received, labels: [])]
            + builds.map { Series(metric: .builds, labels: [.init("result", $0), .init("reason", $1.rawValue)]) }
        let histograms =
            ["upload", "build", "deploy"].map { Series(metric: .stages, labels: [.init("stage", $0)]) }
            + ["done", "requeue", "retry"].map { Series(metric: .reconciles, labels: [.init("result", $0)]) }
        state = Mutex(
            State(
                counters: Dictionary(uniqueKeysWithValues: counters.map { ($0, 0) }),
                histograms: Dictionary(uniqueKeysWithValues: histograms.map { ($0, Histogram($0.metric.bounds)) })))
    }

    func count(_ metric: Metric, _ labels: MetricFamily.Label..., by amount: Double = 1) {
        state.withLock { $0.counters[Series(metric: metric, labels: labels), default: 0] += amount }
    }

    func measure(_ metric: Metric, _ labels: MetricFamily.Label..., seconds: Double) {
        state.withLock { $0.histograms[Series(metric: metric, labels: labels), default: Histogram(metric.bounds)].add(seconds) }
    }

    func note(_ observations: [StatusObservation]) {
        for observation in observations {
            switch observation {
            case .buildEnded(let reason, let succeeded, let seconds):
                count(.builds, .init("result", succeeded ? "succeeded" : "failed"), .init("reason", reason.rawValue))
                measure(.stages, .init("stage", "build"), seconds: seconds)
            case .rolledOut(let seconds):
                measure(.stages, .init("stage", "deploy"), seconds: seconds)
            }
        }
    }

    /// Takes note of what the source API does.
    var sourceObserver: SourceObserver {
        SourceObserver(
            received: { self.count(.received, by: Double($0)) },
            stored: { self.measure(.stages, .init("stage", "upload"), seconds: $0) },
            answered: { method, status, seconds in
                self.measure(.requests, .init("method", method), .init("code", String(status)), seconds: seconds)
            })
    }

    /// - Parameter gauges: what is so now.
    func families(_ gauges: [Metric: [MetricFamily.Sample]]) -> [MetricFamily] {
        let state = state.withLock { $0 }
        return Metric.allCases.map { metric in
            let samples: [MetricFamily.Sample] =
                switch metric.kind {
                case .gauge: gauges[metric] ?? []
                case .counter:
                    state.counters.filter { $0.key.metric == metric }.map { .init(labels: $0.key.labels, value: $0.value) }.sorted(by: Self.inOrder)
                case .histogram:
                    state.histograms.filter { $0.key.metric == metric }.sorted { Self.text($0.key.labels) < Self.text($1.key.labels) }.flatMap {
                        $0.value.samples($0.key.labels)
                    }
                }
            return MetricFamily(name: metric.rawValue, help: metric.help, kind: metric.kind, samples: samples)
        }
    }

    private static func inOrder(_ left: MetricFamily.Sample, _ right: MetricFamily.Sample) -> Bool { text(left.labels) < text(right.labels) }

    private static func text(_ labels: [MetricFamily.Label]) -> String { labels.map(\.value).joined(separator: "\u{0}") }
}
