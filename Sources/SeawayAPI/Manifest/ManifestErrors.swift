/// One thing that is wrong with a manifest, and where.
public struct ManifestError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file as the user named it.
    public var file: String
    /// Counted from 1; `nil` when the error is about the file as a whole.
    public var line: Int?
    /// Counted from 1, in Unicode scalars.
    public var column: Int?
    /// Where in the document: `environments[0].replicas`; empty for the document itself.
    public var field: String
    /// What is wrong and what is allowed.
    public var message: String

    public init(file: String, line: Int? = nil, column: Int? = nil, field: String = "", message: String) {
        self.file = file
        self.line = line
        self.column = column
        self.field = field
        self.message = message
    }

    /// `manifest.yaml:12:5: environments[0].replicas: what is wrong, what is allowed`
    public var description: String {
        var text = file
        if let line { text += ":\(line)" }
        if line != nil, let column { text += ":\(column)" }
        if !field.isEmpty { text += ": \(field)" }
        return "\(text): \(message)"
    }
}

/// Everything that is wrong with a manifest, in the order of the file.
public struct ManifestErrors: Error, Sendable, Equatable, CustomStringConvertible {
    public var errors: [ManifestError]

    public init(_ errors: [ManifestError]) {
        self.errors = errors.enumerated().sorted { left, right in
            // The offset keeps errors of one place in the order in which they were found.
            (left.element.line ?? 0, left.element.column ?? 0, left.offset) < (right.element.line ?? 0, right.element.column ?? 0, right.offset)
        }.map(\.element)
    }

    /// One line an error.
    public var description: String {
        errors.map(\.description).joined(separator: "\n")
    }
}
