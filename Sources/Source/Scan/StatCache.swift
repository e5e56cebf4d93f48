/// The contents of files that were read in earlier scans, by what the file system says of the files.
///
/// A file that changes twice within one tick of the file system's clock looks the same after both. So a file is
/// remembered only when it was older than a tick when the scan began; younger ones are read again next time.
///
/// Nothing depends on the cache: one that is missing, damaged or of another version is an empty one. It is searched as
/// it lies in the file, so that a scan that needs little of it does not pay for all of it.
struct StatCache: Sendable {
    /// How long before a scan a file must have been changed last to be remembered, in nanoseconds.
    /// Kernels take times from a clock that ticks every 1–10 ms …
    private static let fineGrain: Int64 = 100_000_000
    /// … and some file systems store whole or even seconds.
    private static let coarseGrain: Int64 = 2_000_000_000

    private static let header = Array("seaway-stat-cache 2\n".utf8)
    /// Five words of the stamp, the digest, and the number of the first chunk and of chunks.
    private static let recordSize = 5 * 8 + Digest.byteCount + 2 * 8
    private static let prologue = header.count + 8

    /// The number of files in it.
    let count: Int
    private let bytes: [UInt8]
    /// Numbers of records, each plus 1, at the places that their inodes hash to or after; 0 is free.
    private let table: [UInt32]

    init() { (count, bytes, table) = (0, [], []) }

    /// Reads a cache; an empty one when there is none or it is damaged.
    init(file: String) {
        self = (try? StateFile.read(file)).flatMap(StatCache.init(encoded:)) ?? StatCache()
    }

    /// - Returns: `nil` when the bytes are no cache of this version, or damaged.
    init?(encoded bytes: [UInt8]) {
        let end = bytes.count - Digest.byteCount
        guard end >= StatCache.prologue, bytes.starts(with: StatCache.header), Digest(bytes: bytes[end...]) == Digest(hashing: bytes[..<end])
        else { return nil }
        let count = StatCache.word(bytes, StatCache.header.count)
        let room = end - StatCache.prologue
        guard count <= UInt64(room / StatCache.recordSize), count < UInt64(UInt32.max) else { return nil }
        self.count = Int(count)
        self.bytes = bytes
        table = StatCache.table(bytes, Int(count))
        // The digest vouches for the bytes, not for whoever wrote them: chunks that are not there must not be read.
        let chunks = UInt64((room - self.count * StatCache.recordSize) / Digest.byteCount)
        for number in 0..<self.count {
            let place = StatCache.place(number) + 5 * 8 + Digest.byteCount
            let (first, length) = (StatCache.word(bytes, place), StatCache.word(bytes, place + 8))
            guard length <= chunks, first <= chunks - length else { return nil }
        }
    }

    /// The content of the file with that stamp, if it is known.
    subscript(stamp: FileStamp) -> FileContent? { record(of: stamp, near: 0).map(content) }

    /// The number of the record of the file with that stamp, if it is known.
    /// - Parameter guess: the number that it probably is.
    func record(of stamp: FileStamp, near guess: Int) -> Int? {
        guard count > 0 else { return nil }
        if guess < count, self.stamp(guess) == stamp { return guess }
        let mask = table.count - 1
        var slot = StatCache.hash(stamp.inode) & mask
        while table[slot] != 0 {
            let number = Int(table[slot]) - 1
            if StatCache.word(bytes, StatCache.place(number) + 8) == stamp.inode, self.stamp(number) == stamp { return number }
            slot = (slot + 1) & mask
        }
        return nil
    }

    func stamp(_ number: Int) -> FileStamp {
        let place = StatCache.place(number)
        return bytes.withUnsafeBytes { bytes in
            func word(_ number: Int) -> UInt64 {
                UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: place + number * 8, as: UInt64.self))
            }
            return FileStamp(
                device: word(0), inode: word(1), size: Int64(bitPattern: word(2)), modified: Int64(bitPattern: word(3)),
                changed: Int64(bitPattern: word(4)))
        }
    }

    func content(_ number: Int) -> FileContent {
        let place = StatCache.place(number) + 5 * 8
        let first = Int(StatCache.word(bytes, place + Digest.byteCount))
        let length = Int(StatCache.word(bytes, place + Digest.byteCount + 8))
        let start = StatCache.place(count) + first * Digest.byteCount
        return bytes.withUnsafeBytes { bytes in
            func digest(_ place: Int) -> Digest { Digest(exactly: UnsafeRawBufferPointer(rebasing: bytes[place..<(place + Digest.byteCount)])) }
            return FileContent(digest: digest(place), chunks: length == 0 ? [] : (0..<length).map { digest(start + $0 * Digest.byteCount) })
        }
    }

    static func isSettled(_ stamp: FileStamp, scanBegan: Int64) -> Bool {
        isSettled(stamp.modified, scanBegan) && isSettled(stamp.changed, scanBegan)
    }

    private static func isSettled(_ time: Int64, _ scanBegan: Int64) -> Bool {
        // Times from the future come from other clocks; nothing is known of their ticks.
        time < scanBegan - (time % 1_000_000_000 == 0 ? coarseGrain : fineGrain)
    }

    /// The bytes of a cache of these files: header, records, chunks, and the SHA-256 of all of it, so that a file that was
    /// cut or damaged is noticed.
    static func encode(_ files: [(stamp: FileStamp, content: FileContent)]) -> [UInt8] {
        let chunkCount = files.reduce(0) { $0 + $1.content.chunks.count }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(prologue + files.count * recordSize + (chunkCount + 1) * Digest.byteCount)
        bytes += header
        append(UInt64(files.count), to: &bytes)
        var chunks = 0
        for (stamp, content) in files {
            for word in [stamp.device, stamp.inode, UInt64(bitPattern: stamp.size)] { append(word, to: &bytes) }
            for time in [stamp.modified, stamp.changed] { append(UInt64(bitPattern: time), to: &bytes) }
            bytes += content.digest.bytes
            append(UInt64(chunks), to: &bytes)
            append(UInt64(content.chunks.count), to: &bytes)
            chunks += content.chunks.count
        }
        for (_, content) in files {
            for chunk in content.chunks { bytes += chunk.bytes }
        }
        return bytes + Digest(hashing: bytes).bytes
    }

    /// Writes a cache in place of an older one, at once.
    /// - Throws: `SourceError` with code `inaccessible`.
    static func write(_ files: [(stamp: FileStamp, content: FileContent)], to path: String) throws {
        try StateFile.write(encode(files), to: path)
    }

    private static func table(_ bytes: [UInt8], _ count: Int) -> [UInt32] {
        var capacity = 16
        while capacity < 2 * count { capacity *= 2 }
        var table = [UInt32](repeating: 0, count: capacity)
        for number in 0..<count {
            var slot = hash(word(bytes, place(number) + 8)) & (capacity - 1)
            while table[slot] != 0 { slot = (slot + 1) & (capacity - 1) }
            table[slot] = UInt32(number + 1)
        }
        return table
    }

    private static func place(_ number: Int) -> Int { prologue + number * recordSize }

    private static func hash(_ inode: UInt64) -> Int { Int(truncatingIfNeeded: (inode &* 0x9E37_79B9_7F4A_7C15) >> 32) }

    private static func word(_ bytes: [UInt8], _ place: Int) -> UInt64 {
        bytes.withUnsafeBytes { UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: place, as: UInt64.self)) }
    }

    private static func append(_ word: UInt64, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: word.bigEndian) { bytes += $0 }
    }
}
