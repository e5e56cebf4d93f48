/// The environment whose sources are meant. Its parts become parts of storage keys, so only DNS labels are accepted.
public struct ObjectName: Sendable, Hashable, CustomStringConvertible {
    public let namespace: String
    public let name: String

    /// - Throws: `SourceStoreError` with code `invalidName`.
    public init(namespace: String, name: String) throws(SourceStoreError) {
        for (text, what) in [(namespace, "namespace"), (name, "environment")] where !ObjectName.isLabel(text) {
            throw SourceStoreError(
                .invalidName, "The name of the \(what) must be a DNS label: 1 to 63 of a-z, 0-9 and '-', with no '-' at either end.")
        }
        self.namespace = namespace
        self.name = name
    }

    public var description: String { "\(namespace)/\(name)" }

    private static func isLabel(_ text: String) -> Bool {
        let hyphen = UInt8(ascii: "-")
        guard (1...63).contains(text.utf8.count), text.utf8.first != hyphen, text.utf8.last != hyphen else { return false }
        return text.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == hyphen }
    }
}
