/// Chunks in one compressed stream, as they travel and are stored.
///
/// Decompressed, a pack is a sequence of records: the 32 bytes of a chunk's SHA-256, its length as four bytes with the
/// highest first, and its bytes. The id of a pack is the SHA-256 of its compressed bytes.
public struct Pack: Sendable, Equatable {
    /// The most bytes of chunks in a pack: 8 MiB.
    public static let largestContent = 8 << 20
    /// The most chunks in a pack.
    public static let mostChunks = 16_384
    /// The largest pack as it travels, in bytes: 9 MiB. Content that cannot be compressed grows a little.
    public static let largest = 9 << 20

    static let recordHeader = Digest.byteCount + 4

    public var id: Digest
    /// The compressed bytes.
    public var bytes: [UInt8]
    /// What is in it, in order; offsets are not used.
    public var chunks: [Content]

    /// A chunk that is in a pack.
    public struct Content: Sendable, Hashable {
        public var digest: Digest
        /// In bytes.
        public var length: Int

        public init(digest: Digest, length: Int) {
            self.digest = digest
            self.length = length
        }
    }
}

/// Collects chunks to a pack.
public struct PackWriter: Sendable {
    private var plain: [UInt8] = []
    private var chunks: [Pack.Content] = []
    /// The bytes of chunks so far.
    public private(set) var contentSize = 0

    public init() {}

    public var isEmpty: Bool { chunks.isEmpty }

    /// Whether a chunk of `length` bytes still fits.
    public func fits(_ length: Int) -> Bool {
        contentSize + length <= Pack.largestContent && chunks.count < Pack.mostChunks
    }

    /// Adds a chunk, for which `fits` must be true.
    /// - Throws: `SourceError` with code `tooLarge` when it does not fit.
    public mutating func append(_ digest: Digest, _ bytes: some Collection<UInt8>) throws {
        guard fits(bytes.count), (1...SourceTree.chunkSize).contains(bytes.count) else {
            throw SourceError(.tooLarge, "A chunk of \(bytes.count) bytes does not fit into the pack.")
        }
        plain += digest.bytes
        let length = UInt32(bytes.count)
        plain += [UInt8(length >> 24), UInt8(length >> 16 & 0xFF), UInt8(length >> 8 & 0xFF), UInt8(length & 0xFF)]
        plain += bytes
        contentSize += bytes.count
        chunks.append(Pack.Content(digest: digest, length: bytes.count))
    }

    /// Compresses what was collected.
    /// - Throws: `SourceError` when there is no memory.
    public consuming func finish() throws -> Pack {
        let bytes = try Zstd.compress(plain)
        return Pack(id: Digest(hashing: bytes), bytes: bytes, chunks: chunks)
    }
}

/// Reads a pack chunk by chunk. The bytes are foreign: digests are checked, and more than a pack may hold is refused
/// before it is decompressed. Not shared between threads.
public final class PackReader {
    private let decoder: ZstdDecoder
    private var contentSize = 0
    private var count = 0

    /// - Parameter bytes: The compressed bytes.
    /// - Throws: `SourceError` with code `tooLarge`.
    public init(_ bytes: [UInt8]) throws {
        guard bytes.count <= Pack.largest else { throw SourceError(.tooLarge, "A pack is at most \(Pack.largest) bytes.") }
        decoder = try ZstdDecoder(bytes)
    }

    /// The next chunk, whose bytes have the digest that is given; `nil` at the end of the pack.
    /// - Throws: `SourceError` with code `invalidPack`, `invalidCompression` or `tooLarge`.
    public func next() throws -> (digest: Digest, bytes: [UInt8])? {
        let header = try read(Pack.recordHeader)
        if header.isEmpty {
            try decoder.finish()
            return nil
        }
        guard header.count == Pack.recordHeader, let digest = Digest(bytes: header[..<Digest.byteCount]) else {
            throw SourceError(.invalidPack, "The pack ends within a record.")
        }
        let length = header[Digest.byteCount...].reduce(0) { $0 << 8 | Int($1) }
        guard length > 0 else { throw SourceError(.invalidPack, "The pack has an empty chunk.") }
        count += 1
        contentSize += length
        guard length <= SourceTree.chunkSize, contentSize <= Pack.largestContent, count <= Pack.mostChunks else {
            throw SourceError(.tooLarge, "The pack holds more than a pack may.")
        }
        let bytes = try read(length)
        guard bytes.count == length else { throw SourceError(.invalidPack, "The pack ends within a chunk.") }
        guard Digest(hashing: bytes) == digest else {
            throw SourceError(.invalidPack, "The chunk \(digest) has another content than its digest says.")
        }
        return (digest, bytes)
    }

    /// Reads and checks the whole pack.
    /// - Returns: What is in it.
    /// - Throws: As `next()`.
    public static func check(_ bytes: [UInt8]) throws -> [Pack.Content] {
        let reader = try PackReader(bytes)
        var result: [Pack.Content] = []
        while let (digest, bytes) = try reader.next() {
            result.append(Pack.Content(digest: digest, length: bytes.count))
        }
        return result
    }

    private func read(_ count: Int) throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = try decoder.read(into: UnsafeMutableRawBufferPointer(buffer))
        }
    }
}
