/// What keeps a small hostile text from taking all memory, all time or the whole stack.
struct YAMLLimits {
    /// Bytes of the text.
    var bytes: Int
    /// Values after aliases are resolved: a few hundred bytes of nested aliases can stand for billions.
    var values: Int

    /// Mappings and lists within each other; Kubernetes objects have about twenty.
    static let depth = 100
    /// References to anchors where one of them is part of a key, which the parser compares by all that it holds.
    static let keyAliases = 30

    static let manifest = YAMLLimits(bytes: 1 << 20, values: 100_000)
    /// Any Kubernetes objects: the largest definitions of custom resources have some tens of thousands of values.
    static let objects = YAMLLimits(bytes: 64 << 20, values: 2_000_000)

    /// Why a text is not even given to the parser, which would run out of stack, or of time.
    ///
    /// It looks at characters, not at YAML, so it counts also what stands in strings; no honest text comes near these numbers.
    func problem(of text: String) -> (place: Place, message: String)? {
        guard text.utf8.count <= bytes else {
            return (Place(line: 1, column: 1), "is larger than \(bytes >> 20) MiB, which is not read")
        }
        var line = 1
        var column = 0
        var brackets = 0
        /// Characters at the start of the line that open lists and keys in one another (`- - ? - a`).
        var openers = 0
        var isAtStart = true
        var aliases = 0
        var hasSpecialKey = false
        var previous: UInt8 = 0x0A
        var word = Word.other
        for byte in text.utf8 {
            column += 1
            defer { previous = byte }
            switch byte {
            case UInt8(ascii: "\n"):
                line += 1
                (column, openers, isAtStart) = (0, 0, true)
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"): continue
            case UInt8(ascii: "-"), UInt8(ascii: "?"):
                if isAtStart { openers += 1 }
                // Only before a blank; that a longer word is counted too does no harm.
                if byte == UInt8(ascii: "?") { hasSpecialKey = true }
                word = .other
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                (isAtStart, word) = (false, .other)
                brackets += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"):
                (isAtStart, word) = (false, .bracket)
                brackets = max(0, brackets - 1)
            case UInt8(ascii: "*"):
                isAtStart = false
                aliases += 1
                word = .alias
            case UInt8(ascii: ":"):
                if word != .other { hasSpecialKey = true }
                (isAtStart, word) = (false, .other)
            default:
                isAtStart = false
                // A word after a blank is another one than the alias before it.
                if word == .bracket || Self.isBlank(previous) || previous == UInt8(ascii: ",") { word = .other }
            }
            if brackets > Self.depth * 5 || openers > Self.depth * 5 {
                return (Place(line: line, column: column), "is nested too deeply, at most \(Self.depth) levels are read")
            }
        }
        if hasSpecialKey, aliases > Self.keyAliases {
            return (Place(line: 1, column: 1), "has aliases in keys and more than \(Self.keyAliases) aliases, write these keys in full")
        }
        return nil
    }

    private enum Word { case other, alias, bracket }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }
}
