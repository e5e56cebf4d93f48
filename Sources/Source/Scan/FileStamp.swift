#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What the file system says of a file without reading it. While all of it stays the same, so does the content
/// (but see `StatCache` for the one exception).
struct FileStamp: Sendable, Hashable {
    var device: UInt64
    var inode: UInt64
    /// In bytes.
    var size: Int64
    /// Nanoseconds since 1970.
    var modified: Int64
    /// Nanoseconds since 1970.
    var changed: Int64

    init(device: UInt64, inode: UInt64, size: Int64, modified: Int64, changed: Int64) {
        self.device = device
        self.inode = inode
        self.size = size
        self.modified = modified
        self.changed = changed
    }

    init(_ status: stat) {
        device = UInt64(truncatingIfNeeded: status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        #if canImport(Darwin)
            modified = FileStamp.nanoseconds(status.st_mtimespec)
            changed = FileStamp.nanoseconds(status.st_ctimespec)
        #else
            modified = FileStamp.nanoseconds(status.st_mtim)
            changed = FileStamp.nanoseconds(status.st_ctim)
        #endif
    }

    private static func nanoseconds(_ time: timespec) -> Int64 {
        Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }

    /// The time now, on the clock that file systems use.
    static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return nanoseconds(time)
    }
}

/// The content of a file: what is remembered of it.
struct FileContent: Sendable, Equatable {
    var digest: Digest
    var chunks: [Digest]

    static let none = FileContent(digest: .ofNothing, chunks: [])
}

extension SourceTree.Kind {
    /// A file.
    init(_ stamp: FileStamp, executable: Bool, _ content: FileContent) {
        self = .file(executable: executable, size: Int(stamp.size), digest: content.digest, chunks: content.chunks)
    }

    /// Of a file; others have none.
    mutating func replaceContent(by content: FileContent) {
        guard case .file(let executable, let size, _, _) = self else { return }
        self = .file(executable: executable, size: size, digest: content.digest, chunks: content.chunks)
    }
}
