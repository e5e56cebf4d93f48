/// The contents of files that were read in earlier scans, by what the file system says of the files.
///
/// A file that changes twice within one tick of the file system's clock looks the same after both. So a file is
/// remembered only when it was older than a tick when the scan began; younger ones are read again next time.
///
/// Nothing depends on the cache: one that is missing, damaged or of another version is an empty one.
struct StatCache: Sendable {
    /// How long before a scan a file must have been changed last to be remembered, in nanoseconds.
    /// Kernels take times from a clock that ticks every 1–10 ms …
    private static let fineGrain: Int64 = 100_000_000
    /// … and some file systems store whole or even seconds.
    private static let coarseGrain: Int64 = 2_000_000_000

    private static let header = Array("seaway-stat-cache 1\n".utf8)

    private(set) var contents: [FileStamp: FileContent]

    init(contents: [FileStamp: FileContent] = [:]) { self.contents = contents }

    /// The content of the file with that stamp, if it is known.
    subscript(stamp: FileStamp) -> FileContent? { contents[stamp] }

    /// Remembers a file that a scan has read, unless it is too young.
    mutating func remember(_ stamp: FileStamp, _ content: FileContent, scanBegan: Int64) {
        guard StatCache.isSettled(stamp, scanBegan: scanBegan) else { return }
        contents[stamp] = content
    }

    static func isSettled(_ stamp: FileStamp, scanBegan: Int64) -> Bool {
        // Times from the future come from other clocks; nothing is known of their ticks.
        [stamp.modified, stamp.changed].allSatisfy { time in
            let grain = time % 1_000_000_000 == 0 ? coarseGrain : fineGrain
            return time < scanBegan - grain
        }
    }
}

extension StatCache {
    /// Reads a cache; an empty one when there is none or it is damaged.
    init(file: String) {
        self.init()
        guard let bytes = try? StateFile.read(file), let contents = StatCache.decode(bytes) else { return }
        self.contents = contents
    }

    /// Writes the cache in place of an older one, at once.
    /// - Throws: `SourceError` with code `inaccessible`.
    func write(to path: String) throws {
        try StateFile.write(encoded(), to: path)
    }

    /// Header, records, and the SHA-256 of both: a file that was cut or damaged is noticed.
    func encoded() -> [UInt8] {
        var bytes = StatCache.header
        for (stamp, content) in contents {
            for word in [stamp.device, stamp.inode, UInt64(bitPattern: stamp.size)] { StatCache.append(word, to: &bytes) }
            for time in [stamp.modified, stamp.changed] { StatCache.append(UInt64(bitPattern: time), to: &bytes) }
            bytes += content.digest.bytes
            StatCache.append(UInt64(content.chunks.count), to: &bytes)
            for chunk in content.chunks { bytes += chunk.bytes }
        }
        return bytes + Digest(hashing: bytes).bytes
    }

    static func decode(_ bytes: [UInt8]) -> [FileStamp: FileContent]? {
        let end = bytes.count - Digest.byteCount
        guard end >= header.count, bytes.starts(with: header), Digest(bytes: bytes[end...]) == Digest(hashing: bytes[..<end]) else { return nil }
        return bytes.withUnsafeBytes { decode(records: UnsafeRawBufferPointer(rebasing: $0[header.count..<end])) }
    }

    private static func decode(records: UnsafeRawBufferPointer) -> [FileStamp: FileContent]? {
        var result: [FileStamp: FileContent] = [:]
        result.reserveCapacity(records.count / 80)
        var position = 0
        func word() -> UInt64 {
            defer { position += 8 }
            return UInt64(bigEndian: records.loadUnaligned(fromByteOffset: position, as: UInt64.self))
        }
        func digest() -> Digest {
            defer { position += Digest.byteCount }
            return Digest(exactly: UnsafeRawBufferPointer(rebasing: records[position..<(position + Digest.byteCount)]))
        }
        while position < records.count {
            // Five words, a digest and the number of chunks.
            guard records.count - position >= 48 + Digest.byteCount else { return nil }
            let stamp = FileStamp(
                device: word(), inode: word(), size: Int64(bitPattern: word()), modified: Int64(bitPattern: word()),
                changed: Int64(bitPattern: word()))
            let content = digest()
            let count = word()
            guard count <= UInt64(records.count - position) / UInt64(Digest.byteCount) else { return nil }
            result[stamp] = FileContent(digest: content, chunks: (0..<count).map { _ in digest() })
        }
        return result
    }

    private static func append(_ word: UInt64, to bytes: inout [UInt8]) {
        for shift in stride(from: 56, through: 0, by: -8) { bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(shift))) }
    }
}
