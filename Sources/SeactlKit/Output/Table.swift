/// Columns aligned by the widest cell, two blanks between them, no blanks at line ends.
enum Table {
    static func render(_ rows: [[String]]) -> String {
        let count = rows.map(\.count).max() ?? 0
        let widths = (0..<count).map { column in rows.map { column < $0.count ? TextCleaning.width($0[column]) : 0 }.max() ?? 0 }
        return rows.map { row in
            var line = row.enumerated().map { $1.padding(to: widths[$0]) }.joined(separator: "  ")
            while line.last == " " { line.removeLast() }
            return line + "\n"
        }.joined()
    }
}
