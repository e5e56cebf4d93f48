import KubernetesModel

/// A mapping with a fixed set of fields: the one table by which they are read, refused, and described in the JSON Schema.
struct MappingShape<Value> {
    /// A field of the mapping.
    struct Member {
        enum Use {
            case optional
            /// With what is expected where it is missing.
            case required(String)
            /// Known and not allowed, with what to do instead.
            case refused(String)
        }

        let name: String
        /// For editors.
        let meaning: String
        let schema: JSONValue
        let use: Use
        let read: (Field, inout Value) -> Void
    }

    let expected: String
    let members: [Member]
    /// Whether fields that begin with `x-` are left alone.
    var allowsExtensions = false
    /// Reports what is wrong with fields that are right one by one, and completes the value.
    var check: (Field, inout Value) -> Void = { _, _ in }

    init(
        _ expected: String, _ members: [Member], allowsExtensions: Bool = false, check: @escaping (Field, inout Value) -> Void = { _, _ in }
    ) {
        self.expected = expected
        self.members = members
        self.allowsExtensions = allowsExtensions
        self.check = check
    }

    /// - Parameter initial: the value of a mapping without fields.
    func shape(_ initial: @escaping @autoclosure () -> Value) -> Shape<Value> {
        Shape(schema) { read($0, into: initial()) }
    }

    // MARK: Schema

    /// Fields that may be written, in the order of the table.
    var names: [String] {
        members.compactMap { member in
            if case .refused = member.use { return nil }
            return member.name
        }
    }

    var schema: JSONValue {
        var properties: [String: JSONValue] = [:]
        var required: [JSONValue] = []
        for member in members {
            var schema = member.schema
            switch member.use {
            case .optional: schema = schema.orNull
            case .required: required.append(.string(member.name))
            case .refused: continue
            }
            schema["description"] = .string(member.meaning)
            properties[member.name] = schema
        }
        var schema: [String: JSONValue] = ["type": "object", "properties": .object(properties), "additionalProperties": false]
        if !required.isEmpty { schema["required"] = .array(required) }
        if allowsExtensions { schema["patternProperties"] = ["^x-": [:]] }
        return .object(schema)
    }

    // MARK: Reading

    /// - Returns: `nil` when the field is no mapping; everything else that is wrong is only reported.
    func read(_ field: Field, into initial: Value) -> Value? {
        guard case .mapping(let written) = field.node.content else {
            field.failExpecting(expected)
            return nil
        }
        var value = initial
        for member in members {
            switch member.use {
            case .refused(let answer):
                guard let found = written.first(where: { $0.key == member.name }) else { continue }
                field.context.report(found.keyPlace, Field.path(field.path, member.name), answer)
            case .required(let meaning):
                if let child = field.require(member.name, meaning) { member.read(child, &value) }
            case .optional:
                if let child = field.present(member.name) { member.read(child, &value) }
            }
        }
        reportUnknown(written, in: field)
        check(field, &value)
        return value
    }

    private func reportUnknown(_ written: [YAMLNode.Member], in field: Field) {
        let all = Set(members.map(\.name))
        for member in written where !all.contains(member.key) {
            if allowsExtensions, member.key.hasPrefix("x-") { continue }
            let advice = Spelling.question(about: member.key, in: names) ?? "known fields: \(names.sorted().joined(separator: ", "))"
            field.context.report(member.keyPlace, Field.path(field.path, member.key), "unknown field, \(advice)")
        }
    }
}

extension MappingShape.Member {
    static func optional<Part>(_ name: String, _ path: WritableKeyPath<Value, Part?>, _ shape: Shape<Part>, _ meaning: String) -> Self {
        Self(name: name, meaning: meaning, schema: shape.schema, use: .optional) { field, value in value[keyPath: path] = shape.read(field) }
    }

    /// A field that keeps the initial value where it is missing.
    static func defaulted<Part>(_ name: String, _ path: WritableKeyPath<Value, Part>, _ shape: Shape<Part>, _ meaning: String) -> Self {
        Self(name: name, meaning: meaning, schema: shape.schema, use: .optional) { field, value in
            if let part = shape.read(field) { value[keyPath: path] = part }
        }
    }

    static func required<Part>(
        _ name: String, _ path: WritableKeyPath<Value, Part>, _ shape: Shape<Part>, missing: String, _ meaning: String
    ) -> Self {
        Self(name: name, meaning: meaning, schema: shape.schema, use: .required(missing)) { field, value in
            if let part = shape.read(field) { value[keyPath: path] = part }
        }
    }

    /// A field that is accepted and not looked at.
    static func ignored(_ name: String, _ meaning: String) -> Self {
        Self(name: name, meaning: meaning, schema: [:], use: .optional) { _, _ in }
    }

    static func refused(_ name: String, _ answer: String) -> Self {
        Self(name: name, meaning: "", schema: [:], use: .refused(answer)) { _, _ in }
    }
}

extension Field {
    /// A member as it is written, whatever it is.
    func member(_ key: String) -> Field? {
        guard case .mapping(let members) = node.content, let member = members.first(where: { $0.key == key }) else { return nil }
        return Field(node: member.value, path: Field.path(path, key), context: context)
    }

    /// A member; `nil` when it is missing or has no value.
    func present(_ key: String) -> Field? {
        member(key).flatMap { $0.node.isNull ? nil : $0 }
    }

    /// A member, reported when it is missing or has no value.
    func require(_ key: String, _ meaning: String) -> Field? {
        if let field = present(key) { return field }
        guard case .mapping(let members) = node.content else { return nil }
        let member = members.first { $0.key == key }
        context.report(
            member?.keyPlace ?? node.place, Field.path(path, key), member == nil ? "is missing, \(meaning)" : "is empty, \(meaning)")
        return nil
    }

    /// The scalar as it is written.
    var text: String? {
        guard case .scalar(let value, let text) = node.content, value != .null else { return nil }
        return text
    }

    /// Reports members of a list that share what must be their own.
    static func reportDuplicates(
        _ fields: [Field], of key: String, _ identity: (Field) -> String?, _ message: (_ text: String, _ firstLine: Int) -> String
    ) {
        var first: [String: Int] = [:]
        for field in fields {
            guard let text = identity(field), let member = field.member(key) else { continue }
            if let line = first[text] {
                member.fail(message(text, line))
            } else {
                first[text] = member.node.place.line
            }
        }
    }
}
