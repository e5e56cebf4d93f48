/// Why the source store refuses. Each kind is answered with its own HTTP status.
public struct SourceStoreError: Error, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// A namespace or environment that is no DNS label, or a digest that is none. 400
        case invalidName
        /// 404
        case notFound
        /// The tree that a posted one refers to is not stored. 409
        case baseUnknown
        /// 413
        case tooLarge
        /// The bytes are not what they should be: damaged, no tree, no pack, or of another digest. 422
        case unprocessable
        /// The environment is being deleted. 503
        case busy
        /// Something that was stored is damaged or gone. 500
        case damaged
    }

    public var code: Code
    public var message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
