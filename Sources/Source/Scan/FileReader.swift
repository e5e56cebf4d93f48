#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Reads files below a root and notices when they change meanwhile. The root stays open, so a value lives only as
/// long as a scan or an upload.
final class FileReader: Sendable {
    private let root: Int32

    /// - Throws: `SourceError` when the root cannot be opened.
    init(root: String) throws {
        self.root = try Descriptor(root, O_RDONLY | O_DIRECTORY, shown: root).release()
    }

    deinit { close(root) }

    /// Hashes a file and, when it is larger than one, its chunks.
    /// - Throws: `SourceError` with code `changedWhileReading` or `inaccessible`.
    func hash(_ path: String, _ stamp: FileStamp, buffer: UnsafeMutableRawBufferPointer) throws -> FileContent {
        let descriptor = try open(path)
        try check(descriptor, path, stamp)
        var whole = DigestHasher()
        var chunks: [Digest] = []
        let size = Int(stamp.size)
        var offset = 0
        while offset < size {
            let end = min(offset + SourceTree.chunkSize, size)
            var chunk = DigestHasher()
            while offset < end {
                let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(buffer.count, end - offset)])
                guard try descriptor.read(into: piece, at: offset, shown: path) == piece.count else { throw Self.changed(path) }
                whole.update(UnsafeRawBufferPointer(piece))
                if size > SourceTree.chunkSize { chunk.update(UnsafeRawBufferPointer(piece)) }
                offset += piece.count
            }
            if size > SourceTree.chunkSize { chunks.append(chunk.finalize()) }
        }
        try check(descriptor, path, stamp)
        return FileContent(digest: whole.finalize(), chunks: chunks)
    }

    /// Reads a chunk.
    /// - Throws: `SourceError` with code `changedWhileReading` when its digest is not the one given.
    func chunk(_ digest: Digest, of path: String, offset: Int, length: Int) throws -> [UInt8] {
        let descriptor = try open(path)
        let bytes = try [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
            count = try descriptor.read(into: UnsafeMutableRawBufferPointer(buffer), at: offset, shown: path)
        }
        guard bytes.count == length, Digest(hashing: bytes) == digest else { throw Self.changed(path) }
        return bytes
    }

    private func open(_ path: String) throws -> Descriptor {
        // O_NONBLOCK: a FIFO that took the place of a file must not stop us.
        var raw: Int32
        repeat {
            raw = openat(root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        } while raw < 0 && errno == EINTR
        guard raw >= 0 else {
            // Gone, or a link or a directory's file in its place.
            if [ENOENT, ELOOP, ENOTDIR].contains(errno) { throw Self.changed(path) }
            throw SourceError.system("cannot open", path)
        }
        return Descriptor(owning: raw)
    }

    private func check(_ descriptor: borrowing Descriptor, _ path: String, _ stamp: FileStamp) throws {
        var status = stat()
        guard fstat(descriptor.raw, &status) == 0 else { throw SourceError.system("cannot read", path) }
        guard FileStamp(status) == stamp else { throw Self.changed(path) }
    }

    static func changed(_ path: String) -> SourceError {
        SourceError(
            .changedWhileReading, "The file \(SourceError.quote(path)) changed or vanished while it was read; try again when nothing writes to it.")
    }
}
