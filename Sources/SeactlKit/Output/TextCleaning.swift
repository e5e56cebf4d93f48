/// Text from logs and servers, made safe to print.
enum TextCleaning {
    /// `text` without escape sequences and control characters, tabs as spaces.
    ///
    /// A build log may hold cursor movements that would destroy the view, or worse.
    static func plain(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F || $0 == 0xC2 }) else { return text }
        var result = String.UnicodeScalarView()
        var state = State.text
        for scalar in text.unicodeScalars {
            switch (state, scalar.value) {
            case (.text, 0x1B): state = .escape
            case (.text, 0x09): result.append(contentsOf: "    ".unicodeScalars)
            case (.text, 0..<0x20), (.text, 0x7F...0x9F): break
            case (.text, _): result.append(scalar)
            case (.escape, 0x5B): state = .control
            case (.escape, 0x5D): state = .command
            case (.escape, _): state = .text
            case (.control, 0x40...0x7E): state = .text
            case (.control, _): break
            case (.command, 0x07): state = .text
            case (.command, 0x1B): state = .escape
            case (.command, _): break
            }
        }
        return String(result)
    }

    private enum State { case text, escape, control, command }

    /// The columns that `text` takes on a terminal.
    static func width(_ text: String) -> Int {
        text.unicodeScalars.reduce(0) { $0 + columns($1) }
    }

    /// The beginning of `text` that fits into `columns`.
    static func cut(_ text: String, to limit: Int) -> String {
        guard width(text) > limit else { return text }
        var result = String.UnicodeScalarView()
        var used = 0
        for scalar in text.unicodeScalars {
            used += columns(scalar)
            if used > limit - 1 { break }
            result.append(scalar)
        }
        return limit > 0 ? String(result) + "…" : ""
    }

    private static func columns(_ scalar: Unicode.Scalar) -> Int {
        switch scalar.value {
        case 0x300...0x36F, 0x200B...0x200F, 0xFE00...0xFE0F: 0
        case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE4F, 0xFF00...0xFF60, 0x1F300...0x1FAFF: 2
        default: 1
        }
    }
}
