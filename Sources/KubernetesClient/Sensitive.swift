/// A value that no description, error or log shows: a token, a password, a private key.
public struct Sensitive<Value: Sendable>: Sendable {
    /// The value itself. Whoever reads it is responsible for where it goes.
    public var exposed: Value

    public init(_ value: Value) { exposed = value }
}

extension Sensitive: Equatable where Value: Equatable {}
extension Sensitive: Hashable where Value: Hashable {}

extension Sensitive: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "(not shown)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: EmptyCollection()) }
}
