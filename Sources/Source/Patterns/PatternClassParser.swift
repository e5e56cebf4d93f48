/// Parses `[…]` and the escapes that stand for one scalar out of a set.
enum PatternClassParser {
    typealias Failure = PatternParser.Failure

    /// Parses the rest of a class after its `[`.
    static func parse(_ scalars: [Unicode.Scalar], at position: inout Int) throws(Failure) -> ScalarSet {
        var result = ScalarSet()
        var complemented = false
        if position < scalars.count, scalars[position] == "^" {
            complemented = true
            position += 1
        }
        var first = true
        while position < scalars.count, scalars[position] != "]" || first {
            first = false
            if let named = try posixClass(scalars, at: &position) {
                result.formUnion(named)
                continue
            }
            let low = try member(scalars, at: &position)
            guard position + 1 < scalars.count, scalars[position] == "-", scalars[position + 1] != "]" else {
                result.formUnion(low)
                continue
            }
            position += 1
            let high = try member(scalars, at: &position)
            guard let from = single(low), let to = single(high), from <= to else {
                throw Failure(reason: "bad range in a character class")
            }
            result.insert(from...to)
        }
        guard position < scalars.count else { throw Failure(reason: "missing ']'") }
        position += 1
        result.complemented = complemented
        return result
    }

    private static func single(_ set: ScalarSet) -> UInt32? {
        guard set.ranges.count == 1, set.categories == 0, !set.complemented, let range = set.ranges.first, range.count == 1 else { return nil }
        return range.lowerBound
    }

    private static func member(_ scalars: [Unicode.Scalar], at position: inout Int) throws(Failure) -> ScalarSet {
        guard position < scalars.count else { throw Failure(reason: "missing ']'") }
        if scalars[position] == "\\" { return try escape(scalars, at: &position) }
        position += 1
        return ScalarSet(scalars[position - 1])
    }

    private static func posixClass(_ scalars: [Unicode.Scalar], at position: inout Int) throws(Failure) -> ScalarSet? {
        guard scalars[position...].starts(with: "[:".unicodeScalars) else { return nil }
        let rest = scalars[(position + 2)...]
        guard let end = rest.indices.first(where: { scalars[$0...].starts(with: ":]".unicodeScalars) }) else { return nil }
        var name = String(String.UnicodeScalarView(scalars[(position + 2)..<end]))
        let negated = name.hasPrefix("^")
        if negated { name.removeFirst() }
        guard var set = ScalarSet.posix[name] else { throw Failure(reason: "'[:\(name):]' is no character class") }
        set.complemented = negated
        position = end + 2
        return set
    }

    /// Parses an escape that stands for one scalar, from its backslash on.
    static func escape(_ scalars: [Unicode.Scalar], at position: inout Int) throws(Failure) -> ScalarSet {
        guard position + 1 < scalars.count else { throw Failure(reason: "a backslash at the end escapes nothing") }
        let letter = scalars[position + 1]
        position += 2
        switch letter {
        case "d": return .digits
        case "w": return .word
        case "s": return .space
        case "D": return complement(.digits)
        case "W": return complement(.word)
        case "S": return complement(.space)
        case "a": return ScalarSet("\u{7}")
        case "f": return ScalarSet("\u{C}")
        case "n": return ScalarSet("\n")
        case "r": return ScalarSet("\r")
        case "t": return ScalarSet("\t")
        case "v": return ScalarSet("\u{B}")
        case "x": return try hexadecimal(scalars, at: &position)
        case "p", "P": return try category(scalars, at: &position, negated: letter == "P")
        case "0"..."7": return try octal(scalars, at: &position, first: letter)
        case _ where ScalarSet.word.contains(letter) || letter.value > 0x7F:
            throw Failure(reason: "'\\\(letter)' is no escape of RE2 syntax")
        default: return ScalarSet(letter)
        }
    }

    private static func complement(_ set: ScalarSet) -> ScalarSet { ScalarSet(set.ranges, complemented: true) }

    private static func octal(_ scalars: [Unicode.Scalar], at position: inout Int, first: Unicode.Scalar) throws(Failure) -> ScalarSet {
        var value = first.value - 0x30
        var digits = 1
        while digits < 3, position < scalars.count, ("0"..."7").contains(scalars[position]) {
            value = value * 8 + scalars[position].value - 0x30
            position += 1
            digits += 1
        }
        guard first == "0" || digits > 1 else { throw Failure(reason: "'\\\(first)' refers back, which RE2 syntax does not have") }
        return ScalarSet([value...value])
    }

    private static func hexadecimal(_ scalars: [Unicode.Scalar], at position: inout Int) throws(Failure) -> ScalarSet {
        var text = ""
        if position < scalars.count, scalars[position] == "{" {
            position += 1
            while position < scalars.count, scalars[position] != "}" {
                text.unicodeScalars.append(scalars[position])
                position += 1
            }
            position += 1
        } else {
            while text.unicodeScalars.count < 2, position < scalars.count {
                text.unicodeScalars.append(scalars[position])
                position += 1
            }
            guard text.unicodeScalars.count == 2 else { throw Failure(reason: "'\\x' is followed by two hex digits or {…}") }
        }
        guard position <= scalars.count, let value = UInt32(text, radix: 16), value <= 0x10FFFF, !text.hasPrefix("+") else {
            throw Failure(reason: "'\\x' is followed by two hex digits or {…}")
        }
        return ScalarSet([value...value])
    }

    private static func category(_ scalars: [Unicode.Scalar], at position: inout Int, negated: Bool) throws(Failure) -> ScalarSet {
        var name = ""
        if position < scalars.count, scalars[position] == "{" {
            position += 1
            while position < scalars.count, scalars[position] != "}" {
                name.unicodeScalars.append(scalars[position])
                position += 1
            }
            guard position < scalars.count else { throw Failure(reason: "missing '}' after '\\p{'") }
        } else if position < scalars.count {
            name.unicodeScalars.append(scalars[position])
        }
        position += 1
        var flipped = negated
        if name.hasPrefix("^") {
            name.removeFirst()
            flipped.toggle()
        }
        guard var set = ScalarSet.category(name) else {
            throw Failure(reason: "'\\p{\(name)}' is no general category; scripts are not supported, write a range")
        }
        set.complemented = flipped
        return set
    }
}
