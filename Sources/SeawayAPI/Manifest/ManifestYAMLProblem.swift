import Foundation
import Yams

extension YAMLReader {
    /// Where and why the text is no YAML.
    mutating func describe(_ error: any Error) {
        switch error {
        case YamlError.scanner(let context, let problem, let mark, let yaml), YamlError.parser(let context, let problem, let mark, let yaml):
            append(at: Place(mark), "not valid YAML: \(problem)\(Self.phrase(context, mark))\(Self.hint(mark, yaml))")
        case YamlError.composer(_, let problem, let mark, _) where problem.contains("another document"):
            append(at: Place(mark), "a second YAML document begins here, a manifest is one document")
        case YamlError.composer(let context, let problem, let mark, _):
            append(at: Place(mark), "not valid YAML: \(problem)\(Self.phrase(context, mark))")
        case YamlError.reader(_, let offset, let value, let yaml):
            let before = yaml.prefix(offset ?? 0)
            let line = before.count(where: \.isNewline) + 1
            let column = (before.lastIndex(where: \.isNewline).map { before.distance(from: $0, to: before.endIndex) } ?? before.count + 1)
            append(at: Place(line: line, column: column), "not valid YAML: the character U+\(Self.hex(value)) is not allowed")
        default:
            append(at: nil, "not valid YAML: \(error)")
        }
    }

    private mutating func append(at place: Place?, _ message: String) {
        errors.append(ManifestError(file: file, line: place?.line, column: place?.column, message: message))
    }

    private static func phrase(_ context: YamlError.Context?, _ mark: Mark) -> String {
        guard let context else { return "" }
        return " \(context.text)" + (context.mark.line == mark.line ? "" : " that begins in line \(context.mark.line)")
    }

    private static func hint(_ mark: Mark, _ yaml: String) -> String {
        let lines = yaml.split(separator: "\n", maxSplits: mark.line, omittingEmptySubsequences: false)
        guard lines.indices.contains(mark.line - 1) else { return "" }
        let indentation = lines[mark.line - 1].prefix { $0 == " " || $0 == "\t" }
        return indentation.contains("\t") ? "; indent with spaces, not with tabs" : ""
    }

    private static func hex(_ value: Int32) -> String {
        let digits = String(max(0, value), radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}

extension Place {
    init(_ mark: Mark) {
        self.init(line: mark.line, column: mark.column)
    }

    init(_ node: Node) {
        self = node.mark.map { Place($0) } ?? Place(line: 1, column: 1)
    }
}
