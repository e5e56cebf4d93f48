#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A directory that is being listed. It stays open while one of the directories below it is still to be opened, because
/// these are opened relative to it: a step that became a symbolic link meanwhile is not followed.
final class OpenDirectory: Sendable {
    #if canImport(Darwin)
        private typealias Stream = UnsafeMutablePointer<DIR>
    #else
        private typealias Stream = OpaquePointer
    #endif

    /// The address of the stream. Only the task that opened the directory reads from it.
    private let address: Int
    let descriptor: Int32

    /// - Returns: `nil` when there is no such directory below `parent`: it is gone since it was listed.
    /// - Throws: `SourceError` naming `shown`; for the root also when there is none.
    init?(at parent: OpenDirectory?, _ name: String, shown: String) throws {
        var raw: Int32
        repeat {
            raw = openat(parent?.descriptor ?? AT_FDCWD, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (parent == nil ? 0 : O_NOFOLLOW))
        } while raw < 0 && errno == EINTR
        guard raw >= 0 else {
            if parent != nil, errno == ENOENT { return nil }
            throw SourceError.system("cannot open", shown)
        }
        guard let stream = fdopendir(raw) else {
            let error = SourceError.system("cannot list", shown)
            close(raw)
            throw error
        }
        descriptor = raw
        address = Int(bitPattern: stream)
    }

    deinit {
        if let stream = Stream(bitPattern: address) { closedir(stream) }
    }

    /// Calls `body` with each name but `.` and `..`, as it is stored, and its `DT_` type.
    /// - Throws: `SourceError` naming `shown`; what `body` throws.
    func forEachName(shown: String, _ body: (UnsafeBufferPointer<UInt8>, Int32) throws -> Void) throws {
        guard let stream = Stream(bitPattern: address), let offset = MemoryLayout<dirent>.offset(of: \.d_name) else { return }
        let dot = UInt8(ascii: ".")
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                guard errno == 0 else { throw SourceError.system("cannot list", shown) }
                return
            }
            let start = (UnsafeRawPointer(entry) + offset).assumingMemoryBound(to: UInt8.self)
            let length = strlen(UnsafeRawPointer(start).assumingMemoryBound(to: CChar.self))
            if start[0] == dot, length == 1 || (length == 2 && start[1] == dot) { continue }
            try body(UnsafeBufferPointer(start: start, count: length), Int32(entry.pointee.d_type))
        }
    }
}
