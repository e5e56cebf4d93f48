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

    /// Calls `body` with each name but `.` and `..`, as it is stored and with NUL after it, and its `DT_` type.
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

    /// What the file system says of an entry, without following links; `nil` when it cannot be had, and `errno` says why.
    /// - Parameter name: with NUL after it.
    func status(of name: UnsafeBufferPointer<UInt8>) -> stat? {
        var status = stat()
        return withCString(name) { fstatat(descriptor, $0, &status, AT_SYMLINK_NOFOLLOW) } == 0 ? status : nil
    }

    /// - Parameter name: with NUL after it.
    func isDirectory(_ name: UnsafeBufferPointer<UInt8>) -> Bool { status(of: name).map { $0.st_mode & S_IFMT == S_IFDIR } ?? false }

    /// Where a symbolic link leads.
    /// - Parameter name: with NUL after it.
    /// - Throws: `SourceError` naming `shown`.
    func target(of name: UnsafeBufferPointer<UInt8>, shown: String) throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: SourcePath.longest + 1) { buffer, count in
            let length = buffer.withMemoryRebound(to: CChar.self) { text in
                withCString(name) { name in text.baseAddress.map { readlinkat(descriptor, name, $0, text.count) } ?? -1 }
            }
            guard length >= 0 else { throw SourceError.system("cannot read", shown) }
            count = length
        }
    }

    private func withCString<Result>(_ name: UnsafeBufferPointer<UInt8>, _ body: (UnsafePointer<CChar>) -> Result) -> Result {
        name.withMemoryRebound(to: CChar.self) { text in
            var empty: CChar = 0
            return text.baseAddress.map(body) ?? body(&empty)
        }
    }
}
