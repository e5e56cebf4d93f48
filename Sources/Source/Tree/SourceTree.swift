/// The selected files of a directory, by path and content: what is built.
///
/// Entries are sorted by the UTF-8 bytes of their paths, each directory above an entry is an entry itself, and no
/// path or link leads out of the tree. A value always keeps these rules: both initializers check them.
///
/// A tree has one canonical form, and the SHA-256 of it is the *revision*. The same files give the same revision on
/// every machine. The canonical form is a sequence of records that each end with NUL:
/// ```
/// seaway-tree 1                  the header, with the version of the format
/// d PATH                         a directory
/// f SIZE SHA256 PATH             a file; SIZE in bytes, decimal, no leading zeros
/// x SIZE SHA256 PATH             an executable file
/// c SHA256                       a chunk of the file before, in order, for files larger than 4 MiB only
/// l PATH                         a symbolic link …
/// t TARGET                       … and its target
/// ```
/// Owners, times and other permission bits are no part of a tree.
public struct SourceTree: Sendable, Equatable {
    public struct Entry: Sendable, Equatable {
        /// Relative to the root, segments separated by `/`.
        public var path: String
        public var kind: Kind

        public init(path: String, kind: Kind) {
            self.path = path
            self.kind = kind
        }

        public static func == (left: Entry, right: Entry) -> Bool {
            left.path.utf8.elementsEqual(right.path.utf8) && left.kind == right.kind
        }
    }

    public enum Kind: Sendable, Equatable {
        case directory
        /// - `size`: in bytes.
        /// - `digest`: SHA-256 of the content.
        /// - `chunks`: SHA-256 of each piece of `SourceTree.chunkSize` bytes (the last may be shorter) when the file is
        ///   larger than that; else empty.
        case file(executable: Bool, size: Int, digest: Digest, chunks: [Digest])
        case symlink(target: String)
    }

    /// The unit of transfer and storage: a file of at most 4 MiB, or a piece of a larger one.
    public struct Chunk: Sendable, Hashable {
        public var digest: Digest
        /// Where it begins in its file, in bytes.
        public var offset: Int
        /// In bytes, at least 1.
        public var length: Int

        public init(digest: Digest, offset: Int, length: Int) {
            self.digest = digest
            self.offset = offset
            self.length = length
        }
    }

    /// 4 MiB.
    public static let chunkSize = 4 << 20
    /// The largest canonical form, in bytes: about 250,000 files.
    public static let largestCanonical = 32 << 20
    /// The largest file, in bytes: 64 GiB.
    public static let largestFile = 64 << 30

    /// Sorted by the UTF-8 bytes of the path.
    public let entries: [Entry]

    /// Sorts the entries and checks them.
    /// - Throws: `SourceError` with code `invalidTree`, `invalidName` or `outsideTree` that names the path.
    public init(entries: [Entry]) throws {
        // Numbers are moved around more cheaply than entries.
        let order = entries.indices.sorted { SourcePath.precedes(entries[$0].path, entries[$1].path) }
        let sorted = order.map { entries[$0] }
        try SourceTree.check(sorted)
        self.entries = sorted
    }

    /// - Parameter checked: Entries that `check` has passed.
    init(checked: [Entry]) { entries = checked }

    /// The sum of the sizes of all files, in bytes.
    public var size: Int {
        entries.reduce(0) { sum, entry in
            guard case .file(_, let size, _, _) = entry.kind else { return sum }
            return sum + size
        }
    }

    /// The number of files.
    public var fileCount: Int {
        entries.count { entry in
            if case .file = entry.kind { true } else { false }
        }
    }
}

extension SourceTree.Entry {
    /// The chunks of a file in order; none for an empty file and for anything that is no file.
    public var transferChunks: [SourceTree.Chunk] {
        var result: [SourceTree.Chunk] = []
        forEachChunk { result.append($0) }
        return result
    }

    /// As `transferChunks`, without an array for each file.
    func forEachChunk(_ body: (SourceTree.Chunk) throws -> Void) rethrows {
        guard case .file(_, let size, let digest, let chunks) = kind, size > 0 else { return }
        guard !chunks.isEmpty else { return try body(SourceTree.Chunk(digest: digest, offset: 0, length: size)) }
        for (index, chunk) in chunks.enumerated() {
            let offset = index * SourceTree.chunkSize
            try body(SourceTree.Chunk(digest: chunk, offset: offset, length: min(SourceTree.chunkSize, size - offset)))
        }
    }
}

extension SourceTree {
    /// The length of each different chunk of the tree.
    public func chunkLengths() -> [Digest: Int] {
        var result: [Digest: Int] = [:]
        for entry in entries {
            entry.forEachChunk { result[$0.digest] = $0.length }
        }
        return result
    }

    /// Checks every rule of a tree on entries that are sorted.
    static func check(_ entries: [Entry]) throws {
        var directories: Set<BytePath> = []
        var lengths: [Digest: Int] = [:]
        lengths.reserveCapacity(entries.count)
        var previous: String?
        // The parent of the entry before: most often it is this one's, too.
        var parent = ""
        for entry in entries {
            if let reason = SourcePath.refusal(entry.path) {
                throw SourceError(.invalidName, "The path \(SourceError.quote(entry.path)) \(reason).")
            }
            if let previous, !SourcePath.precedes(previous, entry.path) {
                throw SourceError(.invalidTree, "The path \(SourceError.quote(entry.path)) is out of order or there twice.")
            }
            previous = entry.path
            if !SourcePath.isParent(parent, of: entry.path), let found = SourcePath.parent(of: entry.path) {
                guard directories.contains(BytePath(found)) else {
                    throw SourceError(.invalidTree, "The parent of \(SourceError.quote(entry.path)) is no directory of the tree.")
                }
                parent = found
            }
            switch entry.kind {
            case .directory: directories.insert(BytePath(entry.path))
            case .symlink(let target):
                if let reason = SourcePath.refusal(ofLinkAt: entry.path, to: target) {
                    throw SourceError(.outsideTree, "The symbolic link \(SourceError.quote(entry.path)) \(reason).")
                }
            case .file(_, let size, let digest, let chunks):
                try checkFile(entry.path, size, digest, chunks)
                try entry.forEachChunk { chunk in
                    guard lengths.updateValue(chunk.length, forKey: chunk.digest) ?? chunk.length == chunk.length else {
                        throw SourceError(.invalidTree, "\(SourceError.quote(entry.path)) has a chunk that has two lengths.")
                    }
                }
            }
        }
    }

    private static func checkFile(_ path: String, _ size: Int, _ digest: Digest, _ chunks: [Digest]) throws {
        guard size >= 0, size <= largestFile else {
            throw SourceError(.tooLarge, "The file \(SourceError.quote(path)) is larger than \(largestFile >> 30) GiB.")
        }
        let wanted = size > chunkSize ? (size + chunkSize - 1) / chunkSize : 0
        guard chunks.count == wanted else {
            throw SourceError(.invalidTree, "The file \(SourceError.quote(path)) of \(size) bytes has \(chunks.count) chunks, not \(wanted).")
        }
        guard size > 0 || digest == .ofNothing else {
            throw SourceError(.invalidTree, "The file \(SourceError.quote(path)) is empty but its digest is another one.")
        }
    }
}
