/// Metrics of one name, as Prometheus reads them: text format 0.0.4,
/// <https://prometheus.io/docs/instrumenting/exposition_formats/>.
///
/// The libraries at hand have the calls that count, not the text; the text is this file.
struct MetricFamily: Sendable, Equatable {
    enum Kind: String, Sendable { case counter, gauge, histogram }

    struct Label: Sendable, Hashable {
        var name: String
        var value: String

        init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    struct Sample: Sendable, Equatable {
        /// What follows the family's name: `_bucket`, `_sum`, `_count`, or nothing.
        var suffix = ""
        var labels: [Label] = []
        var value: Double
    }

    var name: String
    var help: String
    var kind: Kind
    var samples: [Sample]

    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    static func text(_ families: [MetricFamily]) -> String { families.map(\.text).joined() }

    private var text: String {
        var lines = ["# HELP \(name) \(Self.escaped(help, quotes: false))", "# TYPE \(name) \(kind.rawValue)"]
        for sample in samples {
            let labels = sample.labels.map { "\($0.name)=\"\(Self.escaped($0.value, quotes: true))\"" }.joined(separator: ",")
            lines.append("\(name)\(sample.suffix)\(labels.isEmpty ? "" : "{\(labels)}") \(Self.number(sample.value))")
        }
        return lines.map { $0 + "\n" }.joined()
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        let lines = text.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
        return quotes ? lines.replacing("\"", with: "\\\"") : lines
    }

    /// As `%g` would have it: whole numbers without a fraction.
    static func number(_ value: Double) -> String {
        if value == .infinity { return "+Inf" }
        if value == -.infinity { return "-Inf" }
        if value.isNaN { return "NaN" }
        return Int(exactly: value).map(String.init) ?? "\(value)"
    }
}

/// How often values fell at or below each of some bounds.
struct Histogram: Sendable, Equatable {
    let bounds: [Double]
    private var counts: [Int]
    private var sum = 0.0
    private var count = 0

    init(_ bounds: [Double]) {
        self.bounds = bounds
        counts = Array(repeating: 0, count: bounds.count)
    }

    mutating func add(_ value: Double) {
        if let place = bounds.firstIndex(where: { value <= $0 }) { counts[place] += 1 }
        sum += value
        count += 1
    }

    func samples(_ labels: [MetricFamily.Label]) -> [MetricFamily.Sample] {
        var total = 0
        var samples = zip(bounds, counts).map { bound, count in
            total += count
            return MetricFamily.Sample(
                suffix: "_bucket", labels: labels + [.init("le", MetricFamily.number(bound))], value: Double(total))
        }
        samples.append(.init(suffix: "_bucket", labels: labels + [.init("le", "+Inf")], value: Double(count)))
        samples.append(.init(suffix: "_sum", labels: labels, value: sum))
        samples.append(.init(suffix: "_count", labels: labels, value: Double(count)))
        return samples
    }
}
