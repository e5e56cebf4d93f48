#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Names of one directory, put in the order of a tree without an allocation for each of them.
struct DirectoryNames: Sendable {
    struct Name: Sendable {
        enum Role: UInt8 {
            /// Anything but a directory.
            case leaf
            case directory
            /// What is in a directory: it sorts as the directory's name and `/`.
            case contents
        }

        var role: Role
        /// Of a directory and its contents: which one it is, counted from 0.
        var directory = 0
        /// Of a directory: whether it is selected itself.
        var taken = false
        fileprivate var start: Int
        fileprivate var length: Int
    }

    private(set) var names: [Name] = []
    private(set) var directoryCount = 0
    /// Leaves end with NUL, directories with `/`.
    private var bytes: [UInt8] = []

    mutating func removeAll() {
        names.removeAll(keepingCapacity: true)
        directoryCount = 0
        bytes.removeAll(keepingCapacity: true)
    }

    mutating func append(leaf name: UnsafeBufferPointer<UInt8>) {
        names.append(Name(role: .leaf, start: bytes.count, length: name.count))
        bytes += name
        bytes.append(0)
    }

    /// - Parameter entered: whether it has contents.
    mutating func append(directory name: UnsafeBufferPointer<UInt8>, taken: Bool, entered: Bool) {
        let number = directoryCount
        directoryCount += 1
        names.append(Name(role: .directory, directory: number, taken: taken, start: bytes.count, length: name.count))
        if entered { names.append(Name(role: .contents, directory: number, taken: taken, start: bytes.count, length: name.count + 1)) }
        bytes += name
        bytes.append(UInt8(ascii: "/"))
    }

    mutating func sort() {
        bytes.withUnsafeBufferPointer { bytes in
            guard let base = bytes.baseAddress else { return }
            names.sort { left, right in
                let order = memcmp(base + left.start, base + right.start, min(left.length, right.length))
                return order == 0 ? left.length < right.length : order < 0
            }
        }
    }

    /// Gives a name's bytes; after those of a leaf there is NUL.
    func withBytes<Result>(of name: Name, _ body: (UnsafeBufferPointer<UInt8>) throws -> Result) rethrows -> Result {
        try bytes.withUnsafeBufferPointer { try body(UnsafeBufferPointer(rebasing: $0[name.start..<(name.start + name.length)])) }
    }
}
