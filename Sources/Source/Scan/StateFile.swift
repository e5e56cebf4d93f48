#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Small files in which something is remembered between runs. Losing one costs time only.
enum StateFile {
    private static let largest = 256 << 20

    /// - Throws: `SourceError` with code `inaccessible` or `tooLarge`.
    static func read(_ path: String) throws -> [UInt8] {
        let file = try Descriptor(path, O_RDONLY | O_NONBLOCK, shown: path)
        var status = stat()
        guard fstat(file.raw, &status) == 0 else { throw SourceError.system("cannot read", path) }
        guard status.st_size <= largest else { throw SourceError(.tooLarge, "\(SourceError.quote(path)) is too large.") }
        return try [UInt8](unsafeUninitializedCapacity: Int(status.st_size)) { buffer, count in
            count = try file.read(into: UnsafeMutableRawBufferPointer(buffer), at: 0, shown: path)
        }
    }

    /// Writes a file in place of an older one, at once: a reader sees one or the other.
    /// - Throws: `SourceError` with code `inaccessible`.
    static func write(_ bytes: [UInt8], to path: String) throws {
        let temporary = "\(path).\(getpid()).tmp"
        do {
            let file = try Descriptor(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: 0o600, shown: temporary)
            try bytes.withUnsafeBytes { try file.write($0, at: 0, shown: temporary) }
        }
        guard rename(temporary, path) == 0 else {
            let error = SourceError.system("cannot write", path)
            unlink(temporary)
            throw error
        }
    }
}

extension SourceScan {
    /// The canonical form of the tree that was sent last, with which the next one is compressed.
    package func lastSent() -> [UInt8]? {
        guard let cacheFile, let bytes = try? StateFile.read(cacheFile + ".tree"), bytes.count <= SourceTree.largestCanonical else { return nil }
        return bytes.isEmpty ? nil : bytes
    }

    /// Remembers that a tree was sent.
    package func rememberSent(_ canonical: [UInt8]) {
        guard let cacheFile else { return }
        // Should it fail, the next tree travels in full.
        try? StateFile.write(canonical, to: cacheFile + ".tree")
    }
}
