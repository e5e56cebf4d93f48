/// The forms that names and amounts must have.
enum ManifestNames {
    /// Longest RFC 1123 label.
    static let labelLimit = 63
    /// The build Job is called by the application with a suffix, and its name is also a label's value.
    static let applicationLimit = labelLimit - Names.buildJob(of: "").count
    static let resources = ["cpu", "memory", "ephemeral-storage"]

    static func isLabel(_ text: some StringProtocol) -> Bool {
        let allowed = text.utf8.allSatisfy { isLowerLetter($0) || isDigit($0) || $0 == UInt8(ascii: "-") }
        return allowed && !text.isEmpty && text.utf8.count <= labelLimit && !text.hasPrefix("-") && !text.hasSuffix("-")
    }

    static func isHost(_ text: String) -> Bool {
        let name = text.hasPrefix("*.") ? text.dropFirst(2) : Substring(text)
        return text.utf8.count <= 253 && name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { isLabel($0) }
    }

    static func isPortName(_ text: String) -> Bool {
        isLabel(text) && text.count <= 15 && text.contains(where: \.isLetter) && !text.contains("--")
    }

    static func isVariable(_ text: String) -> Bool {
        guard let first = text.utf8.first, !isDigit(first) else { return false }
        return text.utf8.allSatisfy { isLowerLetter($0) || isLowerLetter($0 | 0x20) || isDigit($0) || "-._".utf8.contains($0) }
    }

    static func isResource(_ text: String) -> Bool {
        resources.contains(text) || text.hasPrefix("hugepages-") || text.contains("/")
    }

    static func isSecretKey(_ text: String) -> Bool {
        let allowed = text.utf8.allSatisfy { isLowerLetter($0) || isLowerLetter($0 | 0x20) || isDigit($0) || "-._".utf8.contains($0) }
        return allowed && !text.isEmpty && text.utf8.count <= 253 && text != "." && !text.hasPrefix("..")
    }

    /// The grammar of `isQuantity` for schemas.
    static let quantityPattern = "^\\+?([0-9]+\\.?[0-9]*|\\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][-+]?[0-9]{1,3})?$"
    /// The grammar of `duration` for schemas.
    static let durationPattern = "^([0-9]*\\.?[0-9]+(ms|h|m|s)|[0-9]+\\.(ms|h|m|s))+$"

    /// A Kubernetes quantity that is not negative.
    /// <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>
    static func isQuantity(_ text: String) -> Bool {
        var rest = Substring(text)
        if rest.hasPrefix("+") { rest.removeFirst() }
        let number = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        guard number.contains(where: \.isNumber), number.count(where: { $0 == "." }) <= 1 else { return false }
        let suffix = rest[number.endIndex...]
        if ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].contains(suffix) { return true }
        guard suffix.first == "e" || suffix.first == "E" else { return false }
        let exponent = suffix.dropFirst()
        let digits = exponent.first == "-" || exponent.first == "+" ? exponent.dropFirst() : exponent
        // The API server is busy for half a minute with an exponent of eleven digits.
        return (1...3).contains(digits.count) && digits.allSatisfy { $0.isASCII && $0.isNumber }
    }

    /// `1h30m`, `30s`, `500ms`: numbers with units, one after the other.
    static func duration(_ text: String) -> Duration? {
        let units: [(name: String, milliseconds: Double)] = [("ms", 1), ("h", 3_600_000), ("m", 60000), ("s", 1000)]
        var rest = Substring(text)
        var total = 0.0
        while !rest.isEmpty {
            let number = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            rest = rest[number.endIndex...]
            guard let amount = Double(number), let unit = units.first(where: { rest.hasPrefix($0.name) }) else { return nil }
            total += amount * unit.milliseconds
            rest = rest.dropFirst(unit.name.count)
        }
        // Ten years are enough for anybody, and far below what Duration can hold.
        guard !text.isEmpty, total > 0, total < 315_360_000_000 else { return nil }
        return .milliseconds(Int(total.rounded()))
    }

    private static func isLowerLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}

extension Field {
    private static let label = "lower-case letters, digits and hyphens, at most \(ManifestNames.labelLimit), with a letter or digit at both ends"

    /// The application's name: also that of its Service, so it begins with a letter.
    func applicationName() -> String? {
        let expected =
            "lower-case letters, digits and hyphens, at most \(ManifestNames.applicationLimit), beginning with a letter "
            + "and ending with a letter or digit"
        return name(expected, limit: ManifestNames.applicationLimit, shape: ManifestVariables.label) { name in
            ManifestNames.isLabel(name) && name.first?.isLetter == true && name.utf8.count <= ManifestNames.applicationLimit
        }
    }

    func namespaceName() -> String? {
        name(Self.label, limit: ManifestNames.labelLimit, shape: ManifestVariables.label) { ManifestNames.isLabel($0) }
    }

    /// What people type: no variables.
    func environmentName() -> String? {
        guard let text = nonEmptyString(Self.label) else { return nil }
        guard ManifestNames.isLabel(text) else {
            fail("'\(text)' is no valid name, expected \(Self.label)")
            return nil
        }
        return text
    }

    func hostName() -> String? {
        name("a host name, as shop.example.com", limit: 253, shape: ManifestVariables.host) { ManifestNames.isHost($0) }
    }

    /// The name of an object of most kinds.
    func objectName(_ what: String) -> String? {
        let expected = "\(what), lower-case letters, digits, hyphens and dots, at most 253"
        return name(expected, limit: 253, shape: ManifestVariables.host) { !$0.hasPrefix("*") && ManifestNames.isHost($0) }
    }

    func portName() -> String? {
        guard let text = string("a port's name") else { return nil }
        guard ManifestNames.isPortName(text) else {
            fail("'\(text)' is no valid port name, expected at most 15 lower-case letters, digits and hyphens with at least one letter")
            return nil
        }
        return text
    }

    func variableName() -> String? {
        guard let text = string("a variable's name") else { return nil }
        guard ManifestNames.isVariable(text) else {
            fail("'\(text)' is no valid variable name, expected letters, digits, '_', '-' and '.', not beginning with a digit")
            return nil
        }
        return text
    }

    private func name(_ expected: String, limit: Int, shape: (String) -> String, _ isValid: (String) -> Bool) -> String? {
        guard let text = nonEmptyString(expected) else { return nil }
        let hasVariables = ManifestVariables.occur(in: text)
        guard let expanded = expanded(text, shape: shape) else { return nil }
        // As long as variables are not put in, there is nothing to check.
        if hasVariables, context.lookup == nil { return text }
        let name = hasVariables ? ManifestVariables.shortened(expanded, to: limit) : expanded
        guard isValid(name) else {
            let written = hasVariables ? "'\(text)' becomes '\(name)', which" : "'\(name)'"
            fail("\(written) is no valid name, expected \(expected)", aboutVariables: hasVariables)
            return nil
        }
        return name
    }
}
