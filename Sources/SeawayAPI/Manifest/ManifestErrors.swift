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

    /// More errors than this are not errors of one hand: the file is something else.
    static let limit = 100
    /// The longest message, in characters: values in it are repeated as they are written, however long that is.
    private static let longest = 600

    public init(_ errors: [ManifestError]) {
        let sorted = errors.enumerated().sorted { left, right in
            // The offset keeps errors of one place in the order in which they were found.
            (left.element.line ?? 0, left.element.column ?? 0, left.offset) < (right.element.line ?? 0, right.element.column ?? 0, right.offset)
        }.map(\.element)
        self.errors = sorted.prefix(Self.limit).map { error in
            guard error.message.count > Self.longest else { return error }
            var short = error
            short.message = "\(error.message.prefix(Self.longest / 2)) … \(error.message.suffix(Self.longest / 2))"
            return short
        }
        if let first = sorted.first, sorted.count > Self.limit {
            self.errors.append(ManifestError(file: first.file, message: "and \(sorted.count - Self.limit) more errors"))
        }
    }

    /// One line an error.
    public var description: String {
        errors.map(\.description).joined(separator: "\n")
    }
}
