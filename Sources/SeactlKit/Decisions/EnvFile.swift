import Foundation

/// Files of lines `KEY=value`, as `docker --env-file` and shells read them.
///
/// - Empty lines and lines that begin with `#` are left out; `export ` before a key is too.
/// - A value in single quotes is taken as it is; in double quotes, `\n`, `\r`, `\t`, `\"`, `\\` and `\$` stand for what they are
///   elsewhere. Without quotes the value is the rest of the line, blanks at both ends left out.
/// - A key that is given twice keeps its last value. Nothing is replaced: `$HOME` stays as it is.
enum EnvFile {
    /// - Throws: ``CommandFailure`` (2) with file and line. What stands there is never shown: it may be a password.
    static func parse(_ data: Data, file: String) throws -> [String: String] {
        guard let text = String(validating: data, as: UTF8.self) else {
            throw CommandFailure(.badInput, "\(file) is not UTF-8 text", next: ["name it under `fromFile`, which takes any bytes"])
        }
        var values: [String: String] = [:]
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        for (index, line) in lines.enumerated() {
            func failure(_ problem: String) -> CommandFailure {
                CommandFailure(.badInput, "\(file):\(index + 1): \(problem)", next: ["expected lines KEY=value, as in a .env file"])
            }
            var rest = line.trimmed
            if index == 0, rest.hasPrefix("\u{FEFF}") { rest.removeFirst() }
            if rest.isEmpty || rest.hasPrefix("#") { continue }
            if rest.hasPrefix("export ") { rest = rest.dropFirst("export ".count).trimmed }
            guard let equals = rest.firstIndex(of: "=") else { throw failure("has no '='") }
            let key = rest[..<equals].trimmed
            guard isKey(key) else { throw failure("what stands before '=' is no key: letters, digits, '-', '_' and '.' are allowed") }
            guard let value = unquoted(rest[rest.index(after: equals)...].trimmed) else { throw failure("the quotes are not closed") }
            values[key] = value
        }
        return values
    }

    private static func isKey(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 253 && text != "." && !text.hasPrefix("..")
            && text.unicodeScalars.allSatisfy {
                $0.isASCII && ($0.properties.isAlphabetic || ("0"..."9").contains($0) || "-_.".unicodeScalars.contains($0))
            }
    }

    /// - Returns: `nil` when quotes are opened and not closed, or something stands after them.
    private static func unquoted(_ text: String) -> String? {
        guard let quote = text.first, quote == "'" || quote == "\"" else { return text }
        var result = ""
        var isEscaped = false
        var isClosed = false
        for character in text.dropFirst() {
            if isClosed { return nil }
            if isEscaped {
                let known: [Character: Character] = ["n": "\n", "r": "\r", "t": "\t", "\"": "\"", "\\": "\\", "$": "$"]
                result += known[character].map { "\($0)" } ?? "\\\(character)"
                isEscaped = false
            } else if character == quote {
                isClosed = true
            } else if quote == "\"", character == "\\" {
                isEscaped = true
            } else {
                result.append(character)
            }
        }
        return isClosed ? result : nil
    }
}
