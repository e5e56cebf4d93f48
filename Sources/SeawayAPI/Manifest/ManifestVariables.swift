import Foundation

/// `${NAME}` and `${NAME:-default}` in values of the manifest; `$${` stands for `${` itself.
enum ManifestVariables {
    enum Problem: Error, Equatable {
        /// The variable has no value and no default.
        case undefined(String)
        /// What follows `${` is no variable.
        case malformed(String)
    }

    static func occur(in text: String) -> Bool {
        text.contains("${")
    }

    /// - Parameters:
    ///   - shape: applied to each value before it is put in.
    static func expand(_ text: String, shape: (String) -> String = { $0 }, _ value: (String) -> String?) throws(Problem) -> String {
        var result = ""
        var rest = Substring(text)
        while let start = rest.range(of: "${") {
            let before = rest[..<start.lowerBound]
            if before.hasSuffix("$") {
                result += before.dropLast() + "${"
                rest = rest[start.upperBound...]
                continue
            }
            result += before
            guard let end = rest[start.upperBound...].firstIndex(of: "}") else { throw .malformed(String(rest[start.lowerBound...].prefix(30))) }
            let inside = rest[start.upperBound..<end]
            let name = inside.range(of: ":-").map { inside[..<$0.lowerBound] } ?? inside
            guard isName(name) else { throw .malformed(String(rest[start.lowerBound...end])) }
            let fallback = inside.range(of: ":-").map { String(inside[$0.upperBound...]) }
            guard let replacement = value(String(name)).flatMap({ $0.isEmpty && fallback != nil ? nil : $0 }) ?? fallback else {
                throw .undefined(String(name))
            }
            result += shape(replacement)
            rest = rest[rest.index(after: end)...]
        }
        return result + rest
    }

    private static func isName(_ text: Substring) -> Bool {
        guard let first = text.first, first == "_" || first.isLetter else { return false }
        return text.allSatisfy { $0.isASCII && ($0 == "_" || $0.isLetter || $0.isNumber) }
    }

    /// A value as part of a Kubernetes name: `feature/Login_2` becomes `feature-login-2`.
    static func label(_ value: String) -> String {
        let words = value.lowercased().split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }
        return words.joined(separator: "-")
    }

    /// A value as part of a host name: as in labels, but dots stay.
    static func host(_ value: String) -> String {
        value.split(separator: ".").map { label(String($0)) }.joined(separator: ".")
    }

    /// A name that variables made too long, cut so that different names stay different.
    static func shortened(_ name: String, to limit: Int) -> String {
        guard name.utf8.count > limit else { return name }
        let digest = sha256Hex(Data(name.utf8)).prefix(8)
        let head = name.prefix(limit - 9)
        return (head.hasSuffix("-") ? head.dropLast() : head) + "-" + digest
    }
}

extension Field {
    /// A string with its variables put in, or as written while there is nothing to look them up.
    /// - Returns: `nil` when it is no string or a variable has no value; that is reported.
    func expandedString(_ expected: String = "a string", shape: (String) -> String = { $0 }) -> String? {
        guard let text = string(expected) else { return nil }
        return expanded(text, shape: shape)
    }

    func expanded(_ text: String, shape: (String) -> String = { $0 }) -> String? {
        guard ManifestVariables.occur(in: text) else { return text }
        do throws(ManifestVariables.Problem) {
            // Without a look-up this only checks the form.
            let result = try ManifestVariables.expand(text, shape: shape) { context.lookup == nil ? "" : context.value(of: $0) }
            if context.lookup == nil {
                fail("variables have not been put in yet", aboutVariables: true)
                return text
            }
            return result
        } catch {
            switch error {
            case .undefined(let name):
                fail(
                    "the variable \(name) is not set, set it, give a default with ${\(name):-value}, or write $${\(name)} for this very text",
                    aboutVariables: true)
            case .malformed(let piece):
                fail("'\(piece)' is no variable, expected ${NAME} or ${NAME:-default}, or $${ for the characters themselves")
            }
            return nil
        }
    }
}
