import Foundation

/// One budget of the design, and how it was met.
struct Budget {
    var name: String
    /// Seaway's figure, with its unit.
    var ours: String
    /// What it was measured beside, in the same run.
    var rival = "–"
    var ratio = "–"
    var budget: String
    /// `nil` where the design has no budget.
    var kept: Bool?

    /// A measurement that could not be made.
    static func unmeasured(_ name: String, _ why: any Error) -> Budget {
        let reason = String(describing: why).split(whereSeparator: \.isNewline).joined(separator: " ").suffix(400)
        return Budget(name: name, ours: "not measured: \(reason)", budget: "–", kept: false)
    }

    /// A measurement that the design asks for without saying how it is to come out.
    static func figure(_ name: String, ours: String, rival: String, ratio: String) -> Budget {
        Budget(name: name, ours: ours, rival: rival, ratio: ratio, budget: "none", kept: nil)
    }

    static let header = """
        | what | Seaway | rival | ratio | budget | |
        | --- | --- | --- | --- | --- | --- |
        """

    /// A row of a Markdown table.
    var row: String { "| \(name) | \(ours) | \(rival) | \(ratio) | \(budget) | \(kept.map { $0 ? "kept" : "**missed**" } ?? "") |" }
}

enum Figure {
    static func seconds(_ value: Double) -> String {
        value < 1 ? String(format: "%.0f ms", value * 1000) : String(format: "%.2f s", value)
    }

    static func ratio(_ value: Double) -> String { String(format: "%.2f", value) }

    static func mebibytes(_ bytes: Int) -> String { String(format: "%.0f MiB", Double(bytes) / 1_048_576) }
}
