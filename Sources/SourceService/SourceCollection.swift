import ObjectStore
import Source
import Synchronization

/// Which revisions of an environment something still uses; `nil` when that is not known now, and then nothing is removed.
public typealias RevisionsInUse = @Sendable (_ environment: ObjectName) async -> Set<Digest>?

/// Which stored packs can go. Pure.
struct CollectionPlan: Equatable {
    /// A pack in which less than half of the bytes is needed is written anew without the rest.
    private static let sparse = 2
    /// Packs of a one-line change are tiny; so many of them are put together, because a build fetches each by itself.
    private static let mostSmall = 32
    private static let small = 256 << 10
    /// The most bytes that are written anew at once, so that a collection never keeps an upload waiting for long.
    private static let mostRewritten = 64 << 20

    /// Packs that hold nothing that is needed.
    var dead: [Digest] = []
    /// Packs whose needed chunks are written anew, before they go too.
    var rewritten: [Digest] = []
    /// The needed chunks of `rewritten`.
    var moved: Set<Digest> = []

    /// - Parameters:
    ///   - packs: What is stored. A chunk that is in several packs counts for the first.
    ///   - needed: The chunks of all trees that stay.
    init(packs: [(id: Digest, chunks: [Pack.Content])], needed: Set<Digest>) {
        var placed: Set<Digest> = []
        var living: [(id: Digest, chunks: [Pack.Content], live: Int, isSparse: Bool)] = []
        for (id, chunks) in packs {
            let mine = chunks.filter { needed.contains($0.digest) && placed.insert($0.digest).inserted }
            guard !mine.isEmpty else {
                dead.append(id)
                continue
            }
            let live = mine.reduce(0) { $0 + $1.length }
            living.append((id, mine, live, live * Self.sparse < chunks.reduce(0) { $0 + $1.length }))
        }
        let areManySmall = living.count { $0.live < Self.small } > Self.mostSmall
        var size = 0
        for pack in living where pack.isSparse || (areManySmall && pack.live < Self.small) {
            guard size + pack.live <= Self.mostRewritten else { break }
            size += pack.live
            rewritten.append(pack.id)
            moved.formUnion(pack.chunks.map(\.digest))
        }
    }
}

extension SourceStore {
    /// How many revisions stay besides those in use.
    static let revisionsKept = 5

    /// Removes old trees of an environment and what only they needed.
    ///
    /// Why this loses nothing, whatever goes on meanwhile:
    /// - *Uploads* ask what is missing, send it, and have the tree stored by asking again; a tree is stored only if nothing
    ///   is missing then, and no such question is answered while a collection runs. So at worst an upload sends a pack
    ///   twice. To spare it that, nothing is collected while an upload is under way, which is until its tree is stored or
    ///   `lease` has passed.
    /// - *Builds* fetch a list of packs and then the packs. What is dropped from the list stays readable for `lease`.
    /// - *A crash* between two steps leaves chunks in two packs, or bytes without an index; the next collection finds both.
    ///   New packs are complete before old ones go, and of each an index goes before the bytes, never the other way round.
    ///
    /// All of it holds for one process that writes an environment, which is how the operator is deployed.
    /// - Throws: `SourceStoreError`, `ObjectStoreError`; what was done then stays done.
    public func collect(_ environment: ObjectName, inUse: Set<Digest>) async throws {
        try await gate.collect(environment) {
            guard !leases.isUploading(environment) else { return }
            let layout = StorageLayout(environment: environment)
            let keys = try await objects.list(layout.prefix)
            let history = try await self.history(environment, keys)
            let kept = inUse.union(history.suffix(Self.revisionsKept))

            var needed: Set<Digest> = []
            for revision in history where kept.contains(revision) {
                // A damaged tree stops the collection: what it needs cannot be told.
                guard let canonical = try await canonicalTree(revision, environment: environment) else { continue }
                needed.formUnion(try SourceTree(canonical: canonical).chunkLengths().keys)
            }
            for revision in history where !kept.contains(revision) { try await objects.delete(layout.tree(revision)) }
            try await writeHistory(history.filter(kept.contains), environment)

            var packs = try await packIndexes(keys.compactMap(layout.packID(ofIndex:)), layout)
            let plan = CollectionPlan(packs: packs, needed: needed)
            let made = try await rewrite(plan, layout)
            let gone = Set(plan.dead + plan.rewritten).subtracting(made.map(\.id))
            for id in gone { try await objects.delete(layout.index(id)) }
            packs = packs.filter { !gone.contains($0.id) } + made

            leases.forgetPosted(environment)
            let index = ChunkIndex()
            for (id, chunks) in packs { index.add(pack: id, chunks) }
            index.markLoaded()
            indexes.replace(environment, index)

            // Bytes whose index is gone, by this collection or an earlier one, or by an upload that broke off.
            let indexed = Set(packs.map(\.id))
            let loose = try await objects.list(layout.packs).compactMap(layout.packID(ofBytes:)).filter { !indexed.contains($0) }
            for id in leases.expired(among: loose, of: environment) { try await objects.delete(layout.pack(id)) }
        }
    }

    /// Writes the needed chunks of packs anew.
    private func rewrite(_ plan: CollectionPlan, _ layout: StorageLayout) async throws -> [(id: Digest, chunks: [Pack.Content])] {
        var writer = PackWriter()
        var left = plan.moved
        var made: [(id: Digest, chunks: [Pack.Content])] = []
        func flush() async throws {
            let pack = try writer.finish()
            writer = PackWriter()
            try await objects.put(layout.pack(pack.id), pack.bytes)
            try await objects.put(layout.index(pack.id), PackIndex(chunks: pack.chunks).bytes)
            made.append((pack.id, pack.chunks))
        }
        for id in plan.rewritten {
            guard let bytes = try await objects.get(layout.pack(id)) else {
                throw SourceStoreError(.damaged, "The stored pack \(id) of \(layout.environment) is gone; delete and sync the environment.")
            }
            let reader = try PackReader(bytes)
            while let (digest, chunk) = try reader.next() {
                guard left.remove(digest) != nil else { continue }
                if !writer.fits(chunk.count) { try await flush() }
                try writer.append(digest, chunk)
            }
        }
        if !writer.isEmpty { try await flush() }
        guard left.isEmpty else {
            throw SourceStoreError(.damaged, "Stored packs of \(layout.environment) lack what their indexes say; delete and sync the environment.")
        }
        return made
    }

    /// The stored trees, the one that was posted last at the end.
    private func history(_ environment: ObjectName, _ keys: [String]) async throws -> [Digest] {
        let layout = StorageLayout(environment: environment)
        let stored = keys.compactMap(layout.revision(ofTree:))
        let said = Leases.merged(try await readHistory(environment), leases.posted(environment))
        // Trees of which the history knows nothing are from before it was written.
        let known = Set(said)
        let present = Set(stored)
        return stored.filter { !known.contains($0) } + said.filter(present.contains)
    }

    /// Notes that a revision was posted.
    func noteCommitted(_ revision: Digest, _ environment: ObjectName) async throws {
        let history = try await readHistory(environment)
        // Two of them may read the same history; what one of them then overwrites is still remembered here.
        let posted = leases.note(revision, environment)
        guard history.last != revision else { return }
        try await writeHistory(Leases.merged(history, posted), environment)
    }

    private func readHistory(_ environment: ObjectName) async throws -> [Digest] {
        guard let bytes = try await objects.get(StorageLayout(environment: environment).history) else { return [] }
        // A history that is damaged is an empty one: its revisions count as the oldest.
        return bytes.split(separator: UInt8(ascii: "\n")).compactMap { Digest(hex: String(decoding: $0, as: UTF8.self)) }
    }

    private func writeHistory(_ history: [Digest], _ environment: ObjectName) async throws {
        try await objects.put(StorageLayout(environment: environment).history, history.flatMap { Array("\($0.hex)\n".utf8) })
    }
}

/// What must not be removed yet. It is not stored: a new process waits the whole time again.
final class Leases: Sendable {
    private struct State {
        var uploads: [ObjectName: [Digest: ContinuousClock.Instant]] = [:]
        var loose: [ObjectName: [Digest: ContinuousClock.Instant]] = [:]
        /// Revisions that were posted since the last collection, in that order.
        var posted: [ObjectName: [Digest]] = [:]
    }

    private let duration: Duration
    private let state = Mutex(State())

    init(_ duration: Duration) { self.duration = duration }

    /// Somebody was told what a revision lacks, or sent a part of it.
    func began(_ revision: Digest, _ environment: ObjectName) {
        state.withLock { $0.uploads[environment, default: [:]][revision] = .now }
    }

    func ended(_ revision: Digest, _ environment: ObjectName) {
        state.withLock { state in
            state.uploads[environment]?[revision] = nil
            if state.uploads[environment]?.isEmpty == true { state.uploads[environment] = nil }
        }
    }

    /// Bytes arrived: uploads to the environment go on.
    func renew(_ environment: ObjectName) {
        state.withLock { state in
            guard let uploads = state.uploads[environment] else { return }
            state.uploads[environment] = uploads.mapValues { _ in .now }
        }
    }

    /// - Returns: All that were posted since the last collection, with this one at the end.
    func note(_ revision: Digest, _ environment: ObjectName) -> [Digest] {
        state.withLock { state in
            let posted = Leases.merged(state.posted[environment] ?? [], [revision])
            state.posted[environment] = posted
            return posted
        }
    }

    func posted(_ environment: ObjectName) -> [Digest] { state.withLock { $0.posted[environment] ?? [] } }

    func forgetPosted(_ environment: ObjectName) { state.withLock { $0.posted[environment] = nil } }

    /// `later` after what else is in `earlier`.
    static func merged(_ earlier: [Digest], _ later: [Digest]) -> [Digest] {
        let known = Set(later)
        return earlier.filter { !known.contains($0) } + later
    }

    func forget(_ environment: ObjectName) {
        state.withLock { state in
            state.posted[environment] = nil
            state.uploads[environment] = nil
            state.loose[environment] = nil
        }
    }

    func isUploading(_ environment: ObjectName) -> Bool {
        state.withLock { state in
            let open = (state.uploads[environment] ?? [:]).filter { $0.value.duration(to: .now) < duration }
            state.uploads[environment] = open.isEmpty ? nil : open
            return !open.isEmpty
        }
    }

    /// Of packs that nothing refers to, those of which that has been so for long enough.
    func expired(among packs: [Digest], of environment: ObjectName) -> [Digest] {
        state.withLock { state in
            let before = state.loose[environment] ?? [:]
            var now: [Digest: ContinuousClock.Instant] = [:]
            for id in packs { now[id] = before[id] ?? .now }
            let gone = packs.filter { id in now[id].map { $0.duration(to: .now) >= duration } ?? false }
            for id in gone { now[id] = nil }
            state.loose[environment] = now.isEmpty ? nil : now
            return gone
        }
    }
}
