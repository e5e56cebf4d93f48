import ObjectStore
import Source
import SourceTransfer

/// Keeps the sources of environments in an object store.
///
/// Every byte is checked before anything is stored: packs against their id and each chunk's digest, trees against all
/// rules of `SourceTree`. Trees are stored only when all their chunks are. Safe to use from many tasks.
public final class SourceStore: Sendable {
    private static let readsAtOnce = 16

    let objects: any ObjectStore
    let indexes: ChunkIndexCache
    let gate = RemovalGate()
    let leases: Leases
    /// The environments of which a tree was stored, for the one `SourceCollector`.
    let committed: AsyncStream<ObjectName>
    private let commits: AsyncStream<ObjectName>.Continuation

    /// - Parameters:
    ///   - objects: Where the bytes are kept.
    ///   - mostIndexedChunks: How many chunks are remembered over all environments, at about 100 bytes each.
    ///   - lease: How long an upload that does not go on, and packs that nothing refers to any more, are kept.
    public init(objects: any ObjectStore, mostIndexedChunks: Int = 500_000, lease: Duration = .seconds(600)) {
        self.objects = objects
        leases = Leases(lease)
        // Should there ever be so many, the next sync of the environment comes again.
        (committed, commits) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(10_000))
        indexes = ChunkIndexCache(mostChunks: mostIndexedChunks)
    }

    /// Whether the sources of a revision are complete.
    /// - Throws: `ObjectStoreError`.
    public func contains(environment: ObjectName, revision: Digest) async throws -> Bool {
        try await objects.head(StorageLayout(environment: environment).tree(revision)) != nil
    }

    /// Removes everything that is stored for an environment. It is no error when there is nothing.
    /// - Throws: `SourceStoreError`, `ObjectStoreError`.
    public func remove(namespace: String, environment: String) async throws {
        let name = try ObjectName(namespace: namespace, name: environment)
        try await gate.remove(name) {
            indexes.remove(name)
            leases.forget(name)
            defer { indexes.remove(name) }
            try await objects.deleteAll(StorageLayout(environment: name).prefix)
        }
    }

    // MARK: Trees

    /// Finds out what is missing; stores the tree when nothing is.
    /// - Parameters:
    ///   - compressed: The canonical form, compressed with zstd.
    ///   - base: The revision with whose canonical form as prefix it was compressed.
    /// - Throws: `SourceStoreError`, `ObjectStoreError`.
    public func postTree(_ compressed: [UInt8], base: Digest? = nil, environment: ObjectName) async throws -> TreeAnswer {
        try await gate.write(environment) {
            var prefix: [UInt8] = []
            if let base {
                guard let stored = try await canonicalTree(base, environment: environment) else {
                    throw SourceStoreError(.baseUnknown, "The tree \(base) that this one refers to is not stored; send it in full.")
                }
                prefix = stored
            }
            let (tree, canonical) = try SourceStore.parse(compressed, prefix: prefix)
            let revision = Digest(hashing: canonical)
            let missing = try await self.missing(from: tree, environment: environment)
            guard missing.isEmpty else {
                leases.began(revision, environment)
                return TreeAnswer(revision: revision, missing: missing)
            }
            // A stored tree is left alone: somebody may be reading it.
            if try await !contains(environment: environment, revision: revision) {
                let body = base == nil ? compressed : try checked { try Zstd.compress(canonical) }
                try await objects.put(StorageLayout(environment: environment).tree(revision), body)
            }
            try await noteCommitted(revision, environment)
            leases.ended(revision, environment)
            commits.yield(environment)
            return TreeAnswer(revision: revision, missing: missing)
        }
    }

    /// The canonical form of a tree, compressed with zstd.
    /// - Returns: `nil` when it is not stored.
    /// - Throws: `ObjectStoreError`.
    public func tree(_ revision: Digest, environment: ObjectName) async throws -> [UInt8]? {
        try await objects.get(StorageLayout(environment: environment).tree(revision))
    }

    /// The packs that together hold all of a tree.
    /// - Returns: `nil` when the tree is not stored.
    /// - Throws: `SourceStoreError`, `ObjectStoreError`.
    public func packs(of revision: Digest, environment: ObjectName) async throws -> [Digest]? {
        guard let canonical = try await canonicalTree(revision, environment: environment) else { return nil }
        let chunks = try checked { try SourceTree(canonical: canonical).chunkLengths().keys }
        guard let packs = try await index(of: environment).packs(holding: chunks) else {
            throw SourceStoreError(.damaged, "The stored sources of \(environment) at \(revision) are not complete; delete and sync the environment.")
        }
        return packs
    }

    /// The bytes of one small file of a tree.
    /// - Returns: `nil` when there is no such tree or file, or the file is empty or larger than a chunk.
    /// - Throws: `SourceStoreError`, `ObjectStoreError`.
    public func file(_ path: String, of revision: Digest, environment: ObjectName) async throws -> [UInt8]? {
        guard let canonical = try await canonicalTree(revision, environment: environment) else { return nil }
        let tree = try checked { try SourceTree(canonical: canonical) }
        guard let chunks = tree.entries.first(where: { $0.path == path })?.transferChunks, chunks.count == 1,
            let id = try await index(of: environment).packs(holding: chunks.map(\.digest))?.first,
            let pack = try await pack(id, environment: environment)
        else { return nil }
        return try checked {
            let reader = try PackReader(pack)
            while let chunk = try reader.next() {
                if chunk.digest == chunks[0].digest { return chunk.bytes }
            }
            return nil
        }
    }

    private static func parse(_ compressed: [UInt8], prefix: [UInt8]) throws -> (SourceTree, [UInt8]) {
        try checked {
            let canonical = try Zstd.decompress(compressed, limit: SourceTree.largestCanonical, prefix: prefix)
            return (try SourceTree(canonical: canonical), canonical)
        }
    }

    func canonicalTree(_ revision: Digest, environment: ObjectName) async throws -> [UInt8]? {
        guard let compressed = try await tree(revision, environment: environment) else { return nil }
        let canonical = try? Zstd.decompress(compressed, limit: SourceTree.largestCanonical)
        guard let canonical, Digest(hashing: canonical) == revision else {
            throw SourceStoreError(.damaged, "The stored tree \(revision) of \(environment) is damaged; delete and sync the environment.")
        }
        return canonical
    }

    private func missing(from tree: SourceTree, environment: ObjectName) async throws -> [Digest] {
        let index = try await checkedIndex(of: environment)
        var missing: [Digest] = []
        for (chunk, length) in tree.chunkLengths() {
            guard let stored = index.length(of: chunk) else {
                missing.append(chunk)
                continue
            }
            guard stored == length else {
                throw SourceStoreError(.unprocessable, "The tree says that the chunk \(chunk) has \(length) bytes, but it has \(stored).")
            }
        }
        return missing.sorted()
    }

    // MARK: Packs

    /// Checks and stores a pack.
    /// - Returns: Whether it is new.
    /// - Throws: `SourceStoreError`, `ObjectStoreError`.
    public func putPack(_ id: Digest, _ bytes: [UInt8], environment: ObjectName) async throws -> Bool {
        guard bytes.count <= Pack.largest else { throw SourceStoreError(.tooLarge, "A pack is at most \(Pack.largest) bytes.") }
        guard Digest(hashing: bytes) == id else {
            throw SourceStoreError(.unprocessable, "The pack has another SHA-256 than its name says.")
        }
        let chunks = try checked { try PackReader.check(bytes) }
        guard !chunks.isEmpty else { throw SourceStoreError(.unprocessable, "The pack is empty.") }
        return try await gate.write(environment) {
            let index = try await index(of: environment)
            if index.contains(pack: id) { return false }
            let layout = StorageLayout(environment: environment)
            try await objects.put(layout.pack(id), bytes)
            try await objects.put(layout.index(id), PackIndex(chunks: chunks).bytes)
            index.add(pack: id, chunks)
            indexes.trim()
            leases.renew(environment)
            return true
        }
    }

    /// - Returns: The size of a pack in bytes, or `nil` when it is not stored.
    /// - Throws: `ObjectStoreError`.
    public func sizeOfPack(_ id: Digest, environment: ObjectName) async throws -> Int? {
        try await objects.head(StorageLayout(environment: environment).pack(id))
    }

    /// - Returns: The bytes of a pack, or `nil` when it is not stored.
    /// - Throws: `ObjectStoreError`.
    public func pack(_ id: Digest, environment: ObjectName) async throws -> [UInt8]? {
        try await objects.get(StorageLayout(environment: environment).pack(id))
    }

    /// The index of an environment, with everything that is stored in it.
    private func index(of environment: ObjectName) async throws -> ChunkIndex {
        let index = indexes[environment]
        if index.isLoaded { return index }
        // Packs that arrive while this reads are added to the same index, so none is lost between the two.
        let layout = StorageLayout(environment: environment)
        let ids = try await objects.list(layout.packs).compactMap(layout.packID(ofIndex:))
        for (id, chunks) in try await packIndexes(ids, layout) { index.add(pack: id, chunks) }
        index.markLoaded()
        indexes.trim()
        return index
    }

    /// The index, without what is in the store no more: a bucket that went away, or was emptied, is filled again by the next sync.
    private func checkedIndex(of environment: ObjectName) async throws -> ChunkIndex {
        let layout = StorageLayout(environment: environment)
        let index = try await index(of: environment)
        let known = index.packs
        guard !known.isEmpty else { return index }
        let listed = Set(try await objects.list(layout.packs).compactMap(layout.packID(ofBytes:)))
        let unlisted = known.subtracting(listed)
        // A list may lag behind what was written a moment ago; a look at the object itself does not.
        let gone = try await withThrowingTaskGroup(of: Digest?.self) { tasks in
            var gone: Set<Digest> = []
            for (number, id) in unlisted.enumerated() {
                if number >= Self.readsAtOnce, let id = try await tasks.next() ?? nil { gone.insert(id) }
                tasks.addTask { try await self.objects.head(layout.pack(id)) == nil ? id : nil }
            }
            for try await id in tasks { if let id { gone.insert(id) } }
            return gone
        }
        index.remove(packs: gone)
        return index
    }

    /// What is in packs, in their order.
    func packIndexes(_ ids: [Digest], _ layout: StorageLayout) async throws -> [(id: Digest, chunks: [Pack.Content])] {
        try await withThrowingTaskGroup(of: (Int, [UInt8]?).self) { tasks in
            var found = [[Pack.Content]?](repeating: nil, count: ids.count)
            func take(_ result: (number: Int, bytes: [UInt8]?)?) throws {
                guard let result, let bytes = result.bytes else { return }
                found[result.number] = try PackIndex(bytes).chunks
            }
            for (number, id) in ids.enumerated() {
                if number >= Self.readsAtOnce { try take(try await tasks.next()) }
                tasks.addTask { (number, try await self.objects.get(layout.index(id))) }
            }
            while let result = try await tasks.next() { try take(result) }
            return zip(ids, found).compactMap { id, chunks in chunks.map { (id, $0) } }
        }
    }
}

/// Runs `body`; what is wrong with foreign bytes becomes an error of the store.
private func checked<Result>(_ body: () throws -> Result) throws -> Result {
    do {
        return try body()
    } catch let error as SourceError {
        throw SourceStoreError(error.code == .tooLarge ? .tooLarge : .unprocessable, error.message)
    }
}
