/// A set of Unicode scalars: ranges and general categories, possibly complemented.
struct ScalarSet: Sendable, Equatable {
    private(set) var ranges: [ClosedRange<UInt32>]
    /// One bit for each general category.
    private(set) var categories: UInt32
    var complemented: Bool

    init(_ ranges: [ClosedRange<UInt32>] = [], categories: UInt32 = 0, complemented: Bool = false) {
        self.ranges = ranges
        self.categories = categories
        self.complemented = complemented
    }

    init(_ scalar: Unicode.Scalar) { self.init([scalar.value...scalar.value]) }

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        var found = ranges.contains { $0.contains(scalar.value) }
        if !found && categories != 0 {
            found = categories & ScalarSet.bit(scalar.properties.generalCategory) != 0
        }
        return found != complemented
    }

    mutating func insert(_ range: ClosedRange<UInt32>) { ranges.append(range) }

    /// Adds a set. A complemented one is written out, so the result stays one level deep.
    mutating func formUnion(_ other: ScalarSet) {
        guard other.complemented else {
            ranges += other.ranges
            categories |= other.categories
            return
        }
        if other.categories != 0 {
            // Only \P{…} makes these, and it has no ranges.
            categories |= ~other.categories & ScalarSet.allCategories
            return
        }
        var start: UInt32 = 0
        for range in other.ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if range.lowerBound > start { ranges.append(start...(range.lowerBound - 1)) }
            start = max(start, range.upperBound + 1)
        }
        if start <= 0x10FFFF { ranges.append(start...0x10FFFF) }
    }

    /// This set with the other case of each of its letters.
    var ignoringCase: ScalarSet {
        var result = self
        for range in ranges {
            // Beyond that size a range holds both cases of nearly everything in it, and spelling it out is slow.
            for value in range.clamped(to: range.lowerBound...min(range.upperBound, range.lowerBound &+ 2048)) {
                guard let scalar = Unicode.Scalar(value) else { continue }
                for mapped in [scalar.properties.lowercaseMapping, scalar.properties.uppercaseMapping] {
                    if mapped.unicodeScalars.count == 1, let other = mapped.unicodeScalars.first, other != scalar {
                        result.insert(other.value...other.value)
                    }
                }
            }
        }
        return result
    }
}

extension ScalarSet {
    static let any = ScalarSet([0...0x10FFFF])
    static let anyButNewline = ScalarSet([0xA...0xA], complemented: true)
    static let anyButSlash = ScalarSet([0x2F...0x2F], complemented: true)
    static let digits = ScalarSet([0x30...0x39])
    static let word = ScalarSet([0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
    static let space = ScalarSet([0x9...0xA, 0xC...0xD, 0x20...0x20])

    /// The POSIX classes of `[[:name:]]`; ASCII only, as RE2 has them.
    static let posix: [String: ScalarSet] = [
        "alnum": ScalarSet([0x30...0x39, 0x41...0x5A, 0x61...0x7A]),
        "alpha": ScalarSet([0x41...0x5A, 0x61...0x7A]),
        "ascii": ScalarSet([0...0x7F]),
        "blank": ScalarSet([0x9...0x9, 0x20...0x20]),
        "cntrl": ScalarSet([0...0x1F, 0x7F...0x7F]),
        "digit": digits,
        "graph": ScalarSet([0x21...0x7E]),
        "lower": ScalarSet([0x61...0x7A]),
        "print": ScalarSet([0x20...0x7E]),
        "punct": ScalarSet([0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E]),
        "space": ScalarSet([0x9...0xD, 0x20...0x20]),
        "upper": ScalarSet([0x41...0x5A]),
        "word": word,
        "xdigit": ScalarSet([0x30...0x39, 0x41...0x46, 0x61...0x66]),
    ]

    private static let categoryNames: [(name: String, category: Unicode.GeneralCategory)] = [
        ("Lu", .uppercaseLetter), ("Ll", .lowercaseLetter), ("Lt", .titlecaseLetter), ("Lm", .modifierLetter), ("Lo", .otherLetter),
        ("Mn", .nonspacingMark), ("Mc", .spacingMark), ("Me", .enclosingMark),
        ("Nd", .decimalNumber), ("Nl", .letterNumber), ("No", .otherNumber),
        ("Pc", .connectorPunctuation), ("Pd", .dashPunctuation), ("Ps", .openPunctuation), ("Pe", .closePunctuation),
        ("Pi", .initialPunctuation), ("Pf", .finalPunctuation), ("Po", .otherPunctuation),
        ("Sm", .mathSymbol), ("Sc", .currencySymbol), ("Sk", .modifierSymbol), ("So", .otherSymbol),
        ("Zs", .spaceSeparator), ("Zl", .lineSeparator), ("Zp", .paragraphSeparator),
        ("Cc", .control), ("Cf", .format), ("Cs", .surrogate), ("Co", .privateUse), ("Cn", .unassigned),
    ]

    static let allCategories: UInt32 = (1 << UInt32(categoryNames.count)) - 1

    /// The set of `\p{name}`: a general category (`Lu`) or a group of them (`L`).
    static func category(_ name: String) -> ScalarSet? {
        if name == "Any" { return .any }
        var mask: UInt32 = 0
        for (index, known) in categoryNames.enumerated() where known.name == name || String(known.name.prefix(1)) == name {
            mask |= 1 << UInt32(index)
        }
        return mask == 0 ? nil : ScalarSet(categories: mask)
    }

    private static let bits: [Unicode.GeneralCategory: UInt32] = Dictionary(
        uniqueKeysWithValues: categoryNames.enumerated().map { ($0.element.category, 1 << UInt32($0.offset)) })

    private static func bit(_ category: Unicode.GeneralCategory) -> UInt32 { bits[category] ?? 0 }
}
