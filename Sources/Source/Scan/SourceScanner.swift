import Synchronization

/// Turns the selected files of a directory into a `SourceTree`.
public enum SourceScanner {
    /// Files are taken by the hashing tasks in groups: small enough that no task is left with much at the end.
    private static let groupCount = 32
    private static let groupSize: Int64 = 1 << 20
    private static let bufferSize = 256 << 10

    /// Reads a directory.
    ///
    /// Files whose size, times and inode are those of an earlier scan are not read again.
    /// - Parameters:
    ///   - root: The directory.
    ///   - selection: What to take.
    ///   - cacheFile: Where to remember what was read; its directory must exist. `nil`: read everything.
    /// - Throws: `SourceError` that names the path; `CancellationError`.
    public static func scan(root: String, selection: Selection, cacheFile: String? = nil) async throws -> SourceScan {
        let began = FileStamp.now()
        let cache = cacheFile.map(StatCache.init(file:)) ?? StatCache()
        let walk = try await DirectoryWalk.run(root: root, selection: selection, cache: cache)
        var entries = walk.entries
        try await hash(walk, try FileReader(root: root)) { entries[$0].kind.replaceContent(by: $1) }

        var warnings: [String] = []
        // When every file was known, the cache may still hold files that are gone; it is written when these are many.
        let isStale = walk.unknown.contains { StatCache.isSettled($0.stamp, scanBegan: began) } || cache.count > 2 * entries.count
        if let cacheFile, isStale {
            do {
                try StatCache.write(settled(walk, entries, cache, scanBegan: began), to: cacheFile)
            } catch {
                warnings.append("The scan is not remembered and the next one will be slower: \(error)")
            }
        }
        // The walk checks names, order, links and sizes while it goes.
        return SourceScan(root: root, tree: SourceTree(checked: entries), warnings: warnings, cacheFile: cacheFile)
    }

    /// The files that may be remembered.
    private static func settled(
        _ walk: DirectoryWalk, _ entries: [SourceTree.Entry], _ cache: StatCache, scanBegan: Int64
    ) -> [(stamp: FileStamp, content: FileContent)] {
        zip(walk.origins, entries).compactMap { origin, entry in
            guard case .file(_, _, let digest, let chunks) = entry.kind else { return nil }
            switch origin {
            case .none: return nil
            case .cache(let record): return (cache.stamp(Int(record)), FileContent(digest: digest, chunks: chunks))
            case .unknown(let number):
                let stamp = walk.unknown[Int(number)].stamp
                return StatCache.isSettled(stamp, scanBegan: scanBegan) ? (stamp, FileContent(digest: digest, chunks: chunks)) : nil
            }
        }
    }

    /// Hashes the files of which the content is not known, as many at once as there are processors.
    private static func hash(_ walk: DirectoryWalk, _ reader: FileReader, found: (Int, FileContent) -> Void) async throws {
        guard !walk.unknown.isEmpty else { return }
        let groups = groups(walk)
        let next = Counter()
        try await withThrowingTaskGroup(of: [(Int, FileContent)].self) { tasks in
            for _ in 0..<min(groups.count, Processors.count) {
                tasks.addTask {
                    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bufferSize, alignment: 16)
                    defer { buffer.deallocate() }
                    var results: [(Int, FileContent)] = []
                    while true {
                        let number = next.take()
                        guard number < groups.count else { return results }
                        try Task.checkCancellation()
                        for file in walk.unknown[groups[number]] {
                            let content = try reader.hash(walk.entries[file.entry].path, file.stamp, buffer: buffer)
                            results.append((file.entry, content))
                        }
                    }
                }
            }
            for try await results in tasks {
                for (entry, content) in results { found(entry, content) }
            }
        }
    }

    private final class Counter: Sendable {
        private let value = Atomic(0)

        func take() -> Int { value.wrappingAdd(1, ordering: .relaxed).oldValue }
    }

    private static func groups(_ walk: DirectoryWalk) -> [Range<Int>] {
        var result: [Range<Int>] = []
        var start = 0
        var size: Int64 = 0
        for (number, file) in walk.unknown.enumerated() {
            size += file.stamp.size
            if number + 1 - start == groupCount || size >= groupSize || number + 1 == walk.unknown.count {
                result.append(start..<(number + 1))
                (start, size) = (number + 1, 0)
            }
        }
        return result
    }
}
