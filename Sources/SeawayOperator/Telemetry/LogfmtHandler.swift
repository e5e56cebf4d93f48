import Foundation
import Logging

/// Writes records as logfmt, one line each, to standard error: `time=… level=info logger=seaway.operator msg=watching environments=3`.
struct LogfmtHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level
    private let label: String
    private let write: @Sendable (String) -> Void

    /// - Parameter write: gets whole lines.
    init(label: String, level: Logger.Level, write: @escaping @Sendable (String) -> Void = LogfmtHandler.writeToStandardError) {
        self.label = label
        logLevel = level
        self.write = write
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var fields: [(String, String)] = [
            ("time", Date().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))), ("level", "\(event.level)"), ("logger", label),
            ("msg", "\(event.message)"),
        ]
        let all = metadata.merging(event.metadata ?? [:]) { _, newer in newer }
        fields += all.map { (Self.renamed[$0.key] ?? $0.key, "\($0.value)") }.sorted { $0.0 < $1.0 }
        if let error = event.error { fields.append(("error", "\(error)")) }
        write(fields.map { "\(Self.key($0.0))=\(Self.value($0.1))" }.joined(separator: " ") + "\n")
    }

    /// What the HTTP server calls the id of a request.
    private static let renamed = ["hb.request.id": "request"]

    private static func key(_ text: String) -> String {
        String(text.map { $0.isLetter || $0.isNumber || "._-".contains($0) ? $0 : "_" })
    }

    /// Quoted where it would not be one word. No value can begin a line of its own.
    static func value(_ text: String) -> String {
        guard text.isEmpty || text.unicodeScalars.contains(where: { $0 == " " || "\"=\\".unicodeScalars.contains($0) || breaks($0) }) else {
            return text
        }
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            case _ where breaks(scalar):
                let hex = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }

    /// Control characters, and what some readers take for the end of a line.
    private static func breaks(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.generalCategory == .control || scalar.value == 0x2028 || scalar.value == 0x2029
    }

    /// Whole lines in one call, so that those of several threads do not mix. That nobody reads them stops no work.
    private static func writeToStandardError(_ line: String) {
        try? FileHandle.standardError.write(contentsOf: Data(line.utf8))
    }
}
