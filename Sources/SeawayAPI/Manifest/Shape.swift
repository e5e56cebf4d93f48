import KubernetesModel

/// What a value of the manifest may be: how it is read, and how the JSON Schema describes it.
///
/// Both stand in one place, so that editors and `seactl` cannot come to differ. The schema uses only `type`, `enum`, `pattern`,
/// `minimum`, `maximum`, `minLength`, `minItems`, `items`, `properties`, `patternProperties`, `required`, `additionalProperties` and
/// `description`, all of draft 7. It never refuses what is read without an error.
struct Shape<Value> {
    let schema: JSONValue
    /// Reports what is wrong with a value; `nil` when nothing can be made of it.
    let read: (Field) -> Value?

    init(_ schema: JSONValue, _ read: @escaping (Field) -> Value?) {
        self.schema = schema
        self.read = read
    }

    func map<Other>(_ transform: @escaping (Value) -> Other) -> Shape<Other> {
        Shape<Other>(schema) { read($0).map(transform) }
    }
}

// MARK: Scalars

extension Shape where Value == String {
    /// Numbers and booleans count as what is written.
    private static let scalar: JSONValue = ["string", "number", "boolean"]

    /// A string in which variables stay as they are.
    static func string(_ expected: String = "a string") -> Shape {
        Shape(["type": scalar]) { $0.string(expected) }
    }

    static func nonEmpty(_ expected: String) -> Shape {
        Shape(["type": scalar, "minLength": 1]) { $0.nonEmptyString(expected) }
    }

    /// A string in which variables are replaced.
    static func expanded(_ expected: String = "a string") -> Shape {
        Shape(["type": scalar]) { $0.expandedString(expected) }
    }

    /// A string of a certain form.
    static func text(pattern: String, _ read: @escaping (Field) -> String?) -> Shape {
        Shape(["type": scalar, "pattern": .string(pattern)], read)
    }

    static func oneOf(_ allowed: [String]) -> Shape {
        Shape(["enum": .array(allowed.map(JSONValue.string))]) { $0.oneOf(allowed) }
    }
}

extension Shape where Value == Int {
    static func integer(_ range: ClosedRange<Int>, _ expected: String) -> Shape {
        Shape(["type": "integer", "minimum": .int(range.lowerBound), "maximum": .int(range.upperBound)]) { $0.integer(range, expected) }
    }
}

extension Shape where Value == Bool {
    static var bool: Shape {
        let words = Field.trueWords + Field.falseWords
        return Shape(["type": ["boolean", "string"], "pattern": .string("^(\(words.joined(separator: "|")))$")]) { $0.bool() }
    }
}

extension Shape where Value == JSONValue {
    /// A Kubernetes object that travels as it is.
    static func object(_ expected: String) -> Shape {
        Shape(["type": "object"]) { $0.passthrough(expected) }
    }

    /// The same with variables put into its strings.
    static func expandedObject(_ expected: String) -> Shape {
        Shape(["type": "object"]) { $0.expandedPassthrough(expected) }
    }
}

// MARK: Collections

extension Shape {
    /// - Parameter check: reports what is wrong with elements that are right one by one, as a name used twice.
    static func list<Element>(of element: Shape<Element>, _ expected: String, check: (([Field]) -> Void)? = nil) -> Shape<[Element]> {
        Shape<[Element]>(["type": "array", "items": element.schema]) { field in
            guard let fields = field.elements(expected) else { return nil }
            check?(fields)
            return fields.compactMap { element.read($0) }
        }
    }

    /// Values by a name that is free.
    static func map(of element: Shape<String>, _ expected: String) -> Shape<[String: String]> {
        // `BASE:` with nothing after it is an empty string, not a missing one.
        Shape<[String: String]>(["type": "object", "additionalProperties": element.schema.orNull]) { $0.stringMap(expected, element.read) }
    }

    static func strings(_ expected: String) -> Shape<[String]> {
        .list(of: .string(), expected)
    }
}

extension JSONValue {
    /// A schema that also takes an empty value: `replicas:` with nothing after it is as good as no `replicas`.
    var orNull: JSONValue {
        var schema = self
        if let allowed = schema["enum"]?.arrayValue { schema["enum"] = .array(allowed + [.null]) }
        switch schema["type"] {
        case .string(let type): schema["type"] = [.string(type), "null"]
        case .array(let types): schema["type"] = .array(types + ["null"])
        default: break
        }
        return schema
    }
}
