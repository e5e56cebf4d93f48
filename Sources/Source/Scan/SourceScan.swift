import Synchronization

/// What a scan found: the tree, and where the bytes of each chunk are.
public struct SourceScan: Sendable {
    /// The directory that was scanned.
    public let root: String
    public let tree: SourceTree
    private let places: Places
    /// Where the scanner keeps what it remembers, if anywhere.
    let cacheFile: String?
    /// Things the user may want to know but that stop nothing.
    public let warnings: [String]

    /// Where a chunk is.
    public struct Location: Sendable, Hashable {
        /// Relative to the root.
        public var path: String
        /// In bytes.
        public var offset: Int
        /// In bytes.
        public var length: Int

        public init(path: String, offset: Int, length: Int) {
            self.path = path
            self.offset = offset
            self.length = length
        }
    }

    /// - Parameters:
    ///   - root: The directory in which the files are.
    ///   - tree: The files.
    public init(root: String, tree: SourceTree, warnings: [String] = []) {
        self.init(root: root, tree: tree, warnings: warnings, cacheFile: nil)
    }

    init(root: String, tree: SourceTree, warnings: [String], cacheFile: String?) {
        self.root = root
        self.cacheFile = cacheFile
        self.tree = tree
        self.warnings = warnings
        places = Places()
    }

    /// A place of each different chunk of the tree. Found out when it is asked for first: most trees are known to the
    /// operator already, all but a few files of the others too.
    public var files: [Digest: Location] { places.of(tree) }

    private final class Places: Sendable {
        private let known = Mutex<[Digest: Location]?>(nil)

        func of(_ tree: SourceTree) -> [Digest: Location] {
            known.withLock { known in
                if let known { return known }
                var places: [Digest: Location] = [:]
                places.reserveCapacity(tree.entries.count)
                for entry in tree.entries {
                    entry.forEachChunk { chunk in
                        guard places[chunk.digest] == nil else { return }
                        places[chunk.digest] = Location(path: entry.path, offset: chunk.offset, length: chunk.length)
                    }
                }
                known = places
                return places
            }
        }
    }

    /// Reads chunks of the scanned files.
    public func reader() throws -> ChunkReader { ChunkReader(places: files, files: try FileReader(root: root)) }

    /// Reads the bytes of chunks and checks that they are still the scanned ones.
    public struct ChunkReader: Sendable {
        private let places: [Digest: Location]
        private let files: FileReader

        fileprivate init(places: [Digest: Location], files: FileReader) {
            self.places = places
            self.files = files
        }

        /// The bytes of a chunk.
        /// - Throws: `SourceError` with code `changedWhileReading` when the file is no longer what was scanned.
        public func bytes(of digest: Digest) throws -> [UInt8] {
            guard let place = places[digest] else {
                throw SourceError(.invalidTree, "The chunk \(digest) is not part of the scanned files.")
            }
            return try files.chunk(digest, of: place.path, offset: place.offset, length: place.length)
        }
    }
}
