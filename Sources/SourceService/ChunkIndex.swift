import Source
import Synchronization

/// Which chunks of an environment are stored, and in which packs. Safe to share.
final class ChunkIndex: Sendable {
    private struct State {
        var packs: [Digest] = []
        var packNumbers: [Digest: Int32] = [:]
        var chunks: [Digest: Place] = [:]
        var isLoaded = false
    }

    private struct Place {
        var pack: Int32
        var length: Int32
    }

    private let state = Mutex(State())

    /// Whether what was stored by earlier processes is in it.
    var isLoaded: Bool { state.withLock(\.isLoaded) }

    func markLoaded() { state.withLock { $0.isLoaded = true } }

    /// The number of chunks: what an index costs in memory.
    var count: Int { state.withLock(\.chunks.count) }

    var packs: Set<Digest> { state.withLock { Set($0.packNumbers.keys) } }

    func contains(pack id: Digest) -> Bool { state.withLock { $0.packNumbers[id] != nil } }

    /// The length of a chunk; `nil` when it is not stored.
    func length(of chunk: Digest) -> Int? { state.withLock { $0.chunks[chunk].map { Int($0.length) } } }

    /// Adds the chunks of a pack. One that is stored already stays where it was found first.
    func add(pack id: Digest, _ chunks: [Pack.Content]) {
        state.withLock { state in
            guard state.packNumbers[id] == nil else { return }
            let number = Int32(state.packs.count)
            state.packs.append(id)
            state.packNumbers[id] = number
            for chunk in chunks where state.chunks[chunk.digest] == nil {
                state.chunks[chunk.digest] = Place(pack: number, length: Int32(chunk.length))
            }
        }
    }

    /// Forgets packs that are gone, with the chunks that were found in them.
    func remove(packs ids: Set<Digest>) {
        state.withLock { state in
            let numbers = Set(ids.compactMap { state.packNumbers.removeValue(forKey: $0) })
            guard !numbers.isEmpty else { return }
            state.chunks = state.chunks.filter { !numbers.contains($0.value.pack) }
        }
    }

    /// The packs that hold the chunks, each once, in the order in which they were stored.
    /// - Returns: `nil` when a chunk is not stored.
    func packs(holding chunks: some Sequence<Digest>) -> [Digest]? {
        state.withLock { state in
            var numbers: Set<Int32> = []
            for chunk in chunks {
                guard let place = state.chunks[chunk] else { return nil }
                numbers.insert(place.pack)
            }
            return numbers.sorted().map { state.packs[Int($0)] }
        }
    }
}

/// The indexes of the environments that were used last; others are read again from the store when they are needed.
final class ChunkIndexCache: Sendable {
    private struct State {
        var indexes: [ObjectName: (index: ChunkIndex, used: UInt64)] = [:]
        var clock: UInt64 = 0
    }

    /// About 100 bytes each.
    private let mostChunks: Int
    private let state = Mutex(State())

    init(mostChunks: Int) { self.mostChunks = mostChunks }

    subscript(environment: ObjectName) -> ChunkIndex {
        state.withLock { state in
            state.clock += 1
            let index = state.indexes[environment]?.index ?? ChunkIndex()
            state.indexes[environment] = (index, state.clock)
            return index
        }
    }

    func replace(_ environment: ObjectName, _ index: ChunkIndex) {
        state.withLock { state in
            state.clock += 1
            state.indexes[environment] = (index, state.clock)
        }
    }

    func remove(_ environment: ObjectName) {
        state.withLock { state in _ = state.indexes.removeValue(forKey: environment) }
    }

    /// Forgets what was not used for longest until the rest is small enough. The index used last always stays.
    func trim() {
        state.withLock { state in
            var total = state.indexes.values.reduce(0) { $0 + $1.index.count }
            guard total > mostChunks else { return }
            for (environment, entry) in state.indexes.sorted(by: { $0.value.used < $1.value.used }).dropLast() where total > mostChunks {
                total -= entry.index.count
                state.indexes[environment] = nil
            }
        }
    }

    /// The number of environments in it.
    var count: Int { state.withLock(\.indexes.count) }
}
