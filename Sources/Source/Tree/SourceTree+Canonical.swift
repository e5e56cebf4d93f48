extension SourceTree {
    private static let header = Array("seaway-tree 1".utf8)

    /// The canonical form. See `SourceTree` for the format.
    public var canonical: [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(64 + entries.count * 128)
        result += SourceTree.header
        result.append(0)
        for entry in entries {
            switch entry.kind {
            case .directory:
                result += "d ".utf8
                result += entry.path.utf8
            case .symlink(let target):
                result += "l ".utf8
                result += entry.path.utf8
                result += "\0t ".utf8
                result += target.utf8
            case .file(let executable, let size, let digest, let chunks):
                result += (executable ? "x " : "f ").utf8
                result += String(size).utf8
                result += " ".utf8
                digest.appendHex(to: &result)
                result += " ".utf8
                result += entry.path.utf8
                for chunk in chunks {
                    result += "\0c ".utf8
                    chunk.appendHex(to: &result)
                }
            }
            result.append(0)
        }
        return result
    }

    /// The SHA-256 of the canonical form.
    public var revision: Digest { Digest(hashing: canonical) }

    /// Parses a canonical form. The bytes are foreign: every rule of a tree is checked, and only the one canonical
    /// spelling of a tree is accepted.
    /// - Throws: `SourceError`.
    public init(canonical bytes: [UInt8]) throws {
        guard bytes.count <= SourceTree.largestCanonical else {
            throw SourceError(.tooLarge, "The tree is larger than \(SourceTree.largestCanonical >> 20) MiB.")
        }
        var reader = CanonicalReader(bytes)
        guard try reader.next()?.elementsEqual(SourceTree.header) == true else {
            throw SourceError(.invalidTree, "This is no source tree of version 1.")
        }
        var entries: [Entry] = []
        while let record = try reader.next() {
            entries.append(try reader.entry(record))
        }
        try SourceTree.check(entries)
        self.init(checked: entries)
    }
}

/// Cuts a canonical form into records.
private struct CanonicalReader {
    private let bytes: [UInt8]
    private var position = 0
    private var number = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The next record without its NUL; `nil` at the end.
    mutating func next() throws -> ArraySlice<UInt8>? {
        guard position < bytes.count else { return nil }
        number += 1
        guard let end = bytes[position...].firstIndex(of: 0) else { throw invalid("does not end with NUL") }
        defer { position = end + 1 }
        return bytes[position..<end]
    }

    private func peekIsChunk() -> Bool { bytes[position...].starts(with: "c ".utf8) }

    mutating func entry(_ record: ArraySlice<UInt8>) throws -> SourceTree.Entry {
        guard record.count > 2, record[record.startIndex + 1] == UInt8(ascii: " ") else { throw invalid("is too short") }
        let rest = record.dropFirst(2)
        switch record[record.startIndex] {
        case UInt8(ascii: "d"): return SourceTree.Entry(path: try text(rest), kind: .directory)
        case UInt8(ascii: "l"):
            let path = try text(rest)
            guard let target = try next(), target.starts(with: "t ".utf8) else { throw invalid("is no target of a link") }
            return SourceTree.Entry(path: path, kind: .symlink(target: try text(target.dropFirst(2))))
        case UInt8(ascii: "f"): return try file(rest, executable: false)
        case UInt8(ascii: "x"): return try file(rest, executable: true)
        default: throw invalid("is of an unknown kind")
        }
    }

    private mutating func file(_ rest: ArraySlice<UInt8>, executable: Bool) throws -> SourceTree.Entry {
        let fields = rest.split(separator: UInt8(ascii: " "), maxSplits: 2, omittingEmptySubsequences: false)
        guard fields.count == 3, let size = number(fields[0]), let digest = Digest(hex: fields[1]) else {
            throw invalid("is no file: a size, a SHA-256 and a path")
        }
        let path = try text(fields[2])
        var chunks: [Digest] = []
        while peekIsChunk(), let record = try next() {
            guard let chunk = Digest(hex: record.dropFirst(2)) else { throw invalid("is no SHA-256 of a chunk") }
            chunks.append(chunk)
        }
        return SourceTree.Entry(path: path, kind: .file(executable: executable, size: size, digest: digest, chunks: chunks))
    }

    private func number(_ digits: ArraySlice<UInt8>) -> Int? {
        guard (1...15).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        guard digits.count == 1 || digits.first != 0x30 else { return nil }
        return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }

    private func text(_ bytes: ArraySlice<UInt8>) throws -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw invalid("is not UTF-8") }
        return text
    }

    private func invalid(_ what: String) -> SourceError {
        SourceError(.invalidTree, "Record \(number) of the source tree \(what).")
    }
}
