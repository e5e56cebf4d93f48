import KubernetesModel

// Patterns of names take what holds a variable: what it becomes is checked when its value is known.
private let variable = "\\$\\{"
private let label = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"

extension Shape where Value == String {
    /// The application's name: also that of its Service, so it begins with a letter.
    static var applicationName: Shape {
        let rest = ManifestNames.applicationLimit - 2
        return .text(pattern: "^[a-z]([-a-z0-9]{0,\(rest)}[a-z0-9])?$|\(variable)") { $0.applicationName() }
    }

    static var namespaceName: Shape { .text(pattern: "^\(label)$|\(variable)") { $0.namespaceName() } }

    /// What people type: no variables.
    static var environmentName: Shape { .text(pattern: "^\(label)$") { $0.environmentName() } }

    static var hostName: Shape { .text(pattern: "^(\\*\\.)?\(label)(\\.\(label))*$|\(variable)") { $0.hostName() } }

    static var portName: Shape { .text(pattern: "^[-a-z0-9]{1,15}$") { $0.portName() } }

    static var variableName: Shape { .text(pattern: "^[-._a-zA-Z][-._a-zA-Z0-9]*$") { $0.variableName() } }

    /// The name of an object of most kinds: an RFC 1123 subdomain.
    static func objectName(_ what: String) -> Shape {
        .text(pattern: "^\(label)(\\.\(label))*$|\(variable)") { $0.objectName(what) }
    }

    static var absolutePath: Shape { .text(pattern: "^/") { $0.absolutePath() } }

    static func pathInTree(_ expected: String) -> Shape {
        .text(pattern: "^[^/]") { $0.pathInTree(expected) }
    }

    /// A path of this machine, relative to the manifest or absolute.
    static func expandedPath(_ expected: String) -> Shape {
        Shape(Shape.nonEmpty(expected).schema) { field in
            field.nonEmptyString(expected).flatMap { field.expanded($0) }
        }
    }

    static var platform: Shape { .text(pattern: "^[a-zA-Z0-9]+(/[a-zA-Z0-9]+){1,2}$") { $0.platform() } }

    static var waitCondition: Shape { .text(pattern: "^([rR][eE][aA][dD][yY]|condition=.+)$") { $0.waitCondition() } }

    /// Regular expressions in RE2 syntax.
    static func patterns(_ example: String) -> Shape<[String]> {
        .list(of: Shape(Shape.string().schema) { $0.pattern() }, "a list of regular expressions, as \(example)")
    }
}

extension Shape where Value == Quantity {
    /// Numbers count as what is written. The grammar is Kubernetes' own, without negative ones.
    static var quantity: Shape {
        Shape(["type": ["string", "number"], "minimum": 0, "pattern": .string(ManifestNames.quantityPattern)]) { $0.quantity() }
    }
}

extension Shape where Value == [String: Quantity] {
    static var quantities: Shape {
        let known = ManifestNames.resources.map { ($0, Shape<Quantity>.quantity.schema.orNull) }
        let schema: JSONValue = [
            "type": "object", "properties": .object(Dictionary(known, uniquingKeysWith: { first, _ in first })),
            "patternProperties": ["^hugepages-|/": Shape<Quantity>.quantity.schema.orNull], "additionalProperties": false,
        ]
        return Shape(schema) { $0.quantities() }
    }
}

extension Shape where Value == JSONValue {
    /// Kubernetes ResourceRequirements, also in the short form that stands for both of its parts.
    static var resourceRequirements: Shape {
        var schema = Shape<[String: Quantity]>.quantities.schema
        schema["properties"]?["requests"] = Shape<[String: Quantity]>.quantities.schema.orNull
        schema["properties"]?["limits"] = Shape<[String: Quantity]>.quantities.schema.orNull
        return Shape(schema) { $0.resourceRequirements() }
    }
}

extension Shape where Value == Duration {
    static func duration(as examples: String) -> Shape {
        Shape(["type": "string", "pattern": .string(ManifestNames.durationPattern)]) { $0.duration(as: examples) }
    }
}

extension Shape where Value == Int {
    /// A duration in whole seconds.
    static func seconds(_ example: String) -> Shape {
        Shape(["type": "string", "pattern": .string(ManifestNames.durationPattern)]) { field in
            guard let duration = field.duration(as: "\(example) or 1h30m") else { return nil }
            guard duration >= .seconds(1) else {
                field.fail("is shorter than a second, expected a duration as \(example)")
                return nil
            }
            return Int((duration / .seconds(1)).rounded())
        }
    }
}

// MARK: Reading

extension Field {
    fileprivate func absolutePath() -> String? {
        guard let path = nonEmptyString("an absolute path in the container") else { return nil }
        guard path.hasPrefix("/") else {
            fail("'\(path)' is relative, expected an absolute path in the container")
            return nil
        }
        return path
    }

    fileprivate func pathInTree(_ expected: String) -> String? {
        guard let path = nonEmptyString(expected) else { return nil }
        guard !path.hasPrefix("/"), !path.split(separator: "/").contains("..") else {
            fail("'\(path)' leaves the manifest's directory, expected \(expected)")
            return nil
        }
        // As the paths of the sources are spelt.
        let plain = path.split(separator: "/", omittingEmptySubsequences: false).filter { $0 != "." }.joined(separator: "/")
        return plain.isEmpty ? path : plain
    }

    fileprivate func platform() -> String? {
        let expected = "os/arch, as linux/amd64"
        guard let text = nonEmptyString(expected) else { return nil }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard (2...3).contains(parts.count), parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) } })
        else {
            fail("'\(text)' is no platform, expected \(expected)")
            return nil
        }
        return text
    }

    fileprivate func waitCondition() -> String? {
        let expected = "ready or condition=TYPE"
        guard let text = nonEmptyString(expected) else { return nil }
        guard text.lowercased() == "ready" || (text.hasPrefix("condition=") && text.count > "condition=".count) else {
            fail("'\(text)' is not allowed, expected \(expected)")
            return nil
        }
        return text
    }

    fileprivate func duration(as examples: String) -> Duration? {
        let expected = "a duration with its unit, as \(examples)"
        guard let text = nonEmptyString(expected) else { return nil }
        guard let duration = ManifestNames.duration(text) else {
            fail("'\(text)' is no duration, expected \(expected)")
            return nil
        }
        return duration
    }

    fileprivate func pattern() -> String? {
        guard let text = string("a regular expression") else { return nil }
        if let problem = context.patternProblem(text) {
            fail("'\(text)' is no regular expression: \(problem), expected RE2 syntax, as ^app/ or \\.py$")
            return nil
        }
        return text
    }

    fileprivate func quantity() -> Quantity? {
        let expected = "a quantity as 256Mi, 2Gi, 100m or 0.5"
        guard let text = string(expected) else { return nil }
        guard ManifestNames.isQuantity(text) else {
            fail("'\(text)' is no quantity, expected \(expected)")
            return nil
        }
        return Quantity(text)
    }

    fileprivate func quantities(_ example: String = "quantities by resource, as {memory: 256Mi, cpu: 100m}") -> [String: Quantity]? {
        guard let entries = entries(example) else { return nil }
        var quantities: [String: Quantity] = [:]
        for (name, keyPlace, value) in entries {
            if name == "requests" || name == "limits" {
                context.report(
                    keyPlace, value.path, "is not needed, expected quantities by resource, as {memory: 256Mi}; they are requests and limits alike")
            } else if !ManifestNames.isResource(name) {
                let advice =
                    Spelling.question(about: name, in: ManifestNames.resources) ?? "expected \(ManifestNames.resources.joined(separator: ", "))"
                context.report(keyPlace, value.path, "unknown resource, \(advice) or an extended resource as example.com/gpu")
            } else {
                quantities[name] = value.quantity()
            }
        }
        return quantities
    }

    fileprivate func resourceRequirements() -> JSONValue? {
        func object(_ quantities: [String: Quantity]) -> JSONValue { .object(quantities.mapValues { .string($0.description) }) }
        let expected = "quantities by resource, as {memory: 2Gi, cpu: 1}, or {requests: {cpu: 100m}, limits: {memory: 2Gi}}"
        guard case .mapping(let members) = node.content else {
            failExpecting(expected)
            return nil
        }
        guard members.contains(where: { $0.key == "requests" || $0.key == "limits" }) else {
            return quantities(expected).map { ["requests": object($0), "limits": object($0)] }
        }
        for member in members where member.key != "requests" && member.key != "limits" {
            context.report(member.keyPlace, Field.path(path, member.key), "stands beside requests or limits, write it into one of them")
        }
        return JSONValue.object([
            "requests": present("requests")?.quantities().map(object) ?? .null, "limits": present("limits")?.quantities().map(object) ?? .null,
        ]).droppingNulls
    }
}
