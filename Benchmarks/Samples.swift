/// Repeated measurements of one thing.
struct Samples {
    private(set) var values: [Double] = []

    init(_ values: [Double] = []) { self.values = values }

    mutating func add(_ value: Double) { values.append(value) }

    var median: Double { quantile(0.5) }
    var p95: Double { quantile(0.95) }

    /// The smallest value that so large a part of all values does not exceed (nearest rank).
    private func quantile(_ part: Double) -> Double {
        guard !values.isEmpty else { return .infinity }
        let rank = Int((part * Double(values.count)).rounded(.up))
        return values.sorted()[max(rank, 1) - 1]
    }
}
