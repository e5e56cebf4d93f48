import Foundation
import Synchronization

/// What the operator counts and times, told in Prometheus' text exposition format.
///
/// No label holds a namespace, an environment or a revision: the number of series stays the same however many people use the cluster,
/// and reading it tells nothing about them. Format: https://prometheus.io/docs/instrumenting/exposition_formats/
final class Metrics: Sendable {
    /// Counters grow only.
    enum Counter: String, CaseIterable {
        case builds = "seaway_builds_total"
        case receivedBytes = "seaway_source_received_bytes_total"

        fileprivate var help: String {
            switch self {
            case .builds: "Builds that ended, by result: the reason of the condition ImageBuilt."
            case .receivedBytes: "Bytes of trees and packs taken in by the source API, compressed."
            }
        }

        /// The name of the one label, if the counter is split by one.
        fileprivate var label: String? { self == .builds ? "result" : nil }
    }

    /// Durations, in seconds.
    enum Timer: String, CaseIterable {
        case reconcile = "seaway_reconcile_seconds"
        case stage = "seaway_stage_seconds"

        fileprivate var help: String {
            switch self {
            case .reconcile: "Time from taking an Environment out of the queue to its status being written, by result."
            case .stage: "Time that a build or a rollout took."
            }
        }

        fileprivate var label: String { self == .reconcile ? "result" : "stage" }

        /// Upper bounds.
        fileprivate var buckets: [Double] {
            switch self {
            case .reconcile: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10]
            case .stage: [1, 2, 4, 8, 15, 30, 60, 120, 300, 600, 1800]
            }
        }
    }

    /// A value that is read when somebody asks.
    struct Gauge: Sendable {
        let name: String
        let help: String
        let read: @Sendable () -> Int
    }

    private struct Histogram {
        var counts: [Int]
        var sum = 0.0
        var count = 0
    }

    private struct State {
        var counters: [Counter: [String: Int]] = [:]
        var timers: [Timer: [String: Histogram]] = [:]
    }

    private let gauges: [Gauge]
    private let state = Mutex(State())

    init(gauges: [Gauge]) { self.gauges = gauges }

    /// - Parameter label: The value of the counter's label; ignored where it has none.
    func add(_ count: Int = 1, to counter: Counter, _ label: String = "") {
        state.withLock { $0.counters[counter, default: [:]][counter.label == nil ? "" : label, default: 0] += count }
    }

    func record(_ duration: Duration, in timer: Timer, _ label: String) {
        let seconds = Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
        state.withLock { state in
            var histogram = state.timers[timer]?[label] ?? Histogram(counts: timer.buckets.map { _ in 0 })
            for (index, bound) in timer.buckets.enumerated() where seconds <= bound { histogram.counts[index] += 1 }
            histogram.sum += seconds
            histogram.count += 1
            state.timers[timer, default: [:]][label] = histogram
        }
    }

    /// All series, each with its help and type.
    var text: String {
        let state = state.withLock { $0 }
        var lines: [String] = []
        func begin(_ name: String, _ help: String, _ type: String) { lines += ["# HELP \(name) \(help)", "# TYPE \(name) \(type)"] }
        for gauge in gauges {
            begin(gauge.name, gauge.help, "gauge")
            lines.append("\(gauge.name) \(gauge.read())")
        }
        for counter in Counter.allCases {
            begin(counter.rawValue, counter.help, "counter")
            let series = state.counters[counter] ?? (counter.label == nil ? ["": 0] : [:])
            for (value, count) in series.sorted(by: { $0.key < $1.key }) {
                lines.append("\(counter.rawValue)\(counter.label.map { "{\($0)=\"\(value)\"}" } ?? "") \(count)")
            }
        }
        for timer in Timer.allCases {
            begin(timer.rawValue, timer.help, "histogram")
            for (value, histogram) in (state.timers[timer] ?? [:]).sorted(by: { $0.key < $1.key }) {
                let label = "\(timer.label)=\"\(value)\""
                for (bound, count) in zip(timer.buckets, histogram.counts) {
                    lines.append("\(timer.rawValue)_bucket{\(label),le=\"\(bound)\"} \(count)")
                }
                lines.append("\(timer.rawValue)_bucket{\(label),le=\"+Inf\"} \(histogram.count)")
                lines.append("\(timer.rawValue)_sum{\(label)} \(histogram.sum)")
                lines.append("\(timer.rawValue)_count{\(label)} \(histogram.count)")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
