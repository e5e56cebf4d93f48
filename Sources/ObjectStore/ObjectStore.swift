/// Where bytes are kept under keys.
///
/// Keys are segments separated by `/`, see `ObjectKey`. A `put` is atomic: a reader sees the old object, the new one, or
/// none, never a part. After a `put` has returned, every `get` sees it.
public protocol ObjectStore: Sendable {
    /// Makes the store usable: creates the bucket or the directory when it is missing.
    /// - Throws: `ObjectStoreError` when it cannot be reached or refuses.
    func prepare() async throws

    /// Stores an object in place of an older one.
    func put(_ key: String, _ bytes: [UInt8]) async throws

    /// - Returns: `nil` when there is no such object.
    func get(_ key: String) async throws -> [UInt8]?

    /// - Returns: The size in bytes, or `nil` when there is no such object.
    func head(_ key: String) async throws -> Int?

    /// - Parameter prefix: Empty, or segments that end with `/`.
    /// - Returns: The keys below the prefix, sorted.
    func list(_ prefix: String) async throws -> [String]

    /// Deletes an object; one that is not there counts as deleted.
    func delete(_ key: String) async throws

    /// Deletes everything below a prefix.
    /// - Parameter prefix: Segments that end with `/`, so that deleting `a/b/` never touches `a/bc`.
    func deleteAll(_ prefix: String) async throws

    /// Gives back connections. The store cannot be used any more.
    func shutdown() async throws
}

extension ObjectStore {
    public func shutdown() async throws {}
}

/// The rules for keys. They are the same in every store, so that what works with one works with all: segments of
/// `A-Z a-z 0-9 . _ -` that do not begin with `.`, at most 255 bytes each and 1,024 together.
public enum ObjectKey {
    /// The largest object that is read, in bytes: 64 MiB.
    public static let largestObject = 64 << 20

    /// - Throws: `ObjectStoreError` with code `invalidKey`.
    public static func check(_ key: String) throws(ObjectStoreError) {
        guard key.utf8.count <= 1024, key.utf8.split(separator: slash, omittingEmptySubsequences: false).allSatisfy({ isSegment($0) }) else {
            throw ObjectStoreError(.invalidKey, "The object key '\(key.prefix(80).filter { $0.isASCII })' is not valid.")
        }
    }

    /// - Throws: `ObjectStoreError` with code `invalidKey`.
    static func check(prefix: String, mayBeEmpty: Bool) throws(ObjectStoreError) {
        if prefix.isEmpty && mayBeEmpty { return }
        guard prefix.hasSuffix("/") else { throw ObjectStoreError(.invalidKey, "A prefix of object keys must end with '/'.") }
        try check(String(prefix.dropLast()))
    }

    private static let slash = UInt8(ascii: "/")

    private static func isSegment(_ segment: some Collection<UInt8>) -> Bool {
        guard (1...255).contains(segment.count), segment.first != UInt8(ascii: ".") else { return false }
        return segment.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
            default: false
            }
        }
    }
}

/// What can go wrong with a store. `description` is for users and logs: no credentials, no signatures.
public struct ObjectStoreError: Error, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// A key or prefix that breaks the rules.
        case invalidKey
        /// The store cannot be reached or is overloaded: worth trying again later.
        case unavailable
        /// The store refused: wrong credentials, no permission. Trying again does not help.
        case refused
        /// An object is larger than is read.
        case tooLarge
        /// The store answered with something that is not understood.
        case invalidResponse
        /// The URL or the settings of the store are wrong.
        case invalidConfiguration
    }

    public var code: Code
    public var message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
