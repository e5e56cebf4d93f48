/// Why the local engine could not do something: what happened, and what to do next. Fit for users; holds no secrets.
public struct LocalError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Code: Sendable, Equatable {
        /// Podman is not installed.
        case podmanMissing
        /// Podman is older than 4.3.
        case podmanTooOld
        /// Podman did not do what it was told.
        case podmanFailed
        /// A file of the engine's state cannot be read or written.
        case state
        /// The object is wrong; trying again does not help.
        case refused
    }

    public var code: Code
    public var message: String
    public var next: [String]

    public init(_ code: Code, _ message: String, next: [String] = []) {
        self.code = code
        self.message = message
        self.next = next
    }

    public var description: String { message }
}
