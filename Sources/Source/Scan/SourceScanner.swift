import Foundation

/// Turns the selected files of a directory into a `SourceTree`.
public enum SourceScanner {
    /// Files are handed to the hashing tasks in groups, so that small ones do not cost a task each.
    private static let groupCount = 64
    private static let groupSize: Int64 = 4 << 20
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
        async let remembered = cacheFile.map(StatCache.init(file:)) ?? StatCache()
        let walk = try await DirectoryWalk.run(root: root, selection: selection)
        let cache = await remembered
        let reader = try FileReader(root: root)

        var contents = walk.files.map { cache[$0.stamp] }
        let unknown = contents.indices.filter { contents[$0] == nil }
        try await hash(unknown, of: walk.files, reader) { contents[$0] = $1 }

        var entries = walk.links + walk.directories.map { SourceTree.Entry(path: $0, kind: .directory) }
        for (file, content) in zip(walk.files, contents) {
            guard let content else { continue }
            let kind = SourceTree.Kind.file(
                executable: file.executable, size: Int(file.stamp.size), digest: content.digest, chunks: content.chunks)
            entries.append(SourceTree.Entry(path: file.path, kind: kind))
        }
        var warnings: [String] = []
        // When every file was known, the cache may still hold files that are gone; it is written when these are many.
        if let cacheFile, !unknown.isEmpty || cache.contents.count > 2 * walk.files.count {
            var next = StatCache()
            for (file, content) in zip(walk.files, contents) {
                if let content { next.remember(file.stamp, content, scanBegan: began) }
            }
            do {
                if next.contents != cache.contents { try next.write(to: cacheFile) }
            } catch {
                warnings.append("The scan is not remembered and the next one will be slower: \(error)")
            }
        }
        return SourceScan(root: root, tree: try SourceTree(entries: entries), warnings: warnings, cacheFile: cacheFile)
    }

    /// Hashes files, as many at once as there are processors.
    private static func hash(
        _ indices: [Int], of files: [DirectoryWalk.File], _ reader: FileReader, found: (Int, FileContent) -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: [(Int, FileContent)].self) { tasks in
            var running = 0
            for group in groups(indices, of: files) {
                if running >= ProcessInfo.processInfo.activeProcessorCount, let results = try await tasks.next() {
                    results.forEach(found)
                    running -= 1
                }
                tasks.addTask { try hash(group, reader) }
                running += 1
            }
            while let results = try await tasks.next() { results.forEach(found) }
        }
    }

    private static func groups(_ indices: [Int], of files: [DirectoryWalk.File]) -> [[(Int, DirectoryWalk.File)]] {
        var result: [[(Int, DirectoryWalk.File)]] = []
        var group: [(Int, DirectoryWalk.File)] = []
        var size: Int64 = 0
        for index in indices {
            group.append((index, files[index]))
            size += files[index].stamp.size
            if group.count == groupCount || size >= groupSize {
                result.append(group)
                group = []
                size = 0
            }
        }
        if !group.isEmpty { result.append(group) }
        return result
    }

    private static func hash(_ group: [(Int, DirectoryWalk.File)], _ reader: FileReader) throws -> [(Int, FileContent)] {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bufferSize, alignment: 16)
        defer { buffer.deallocate() }
        return try group.map { index, file in
            try Task.checkCancellation()
            return (index, try reader.hash(file, buffer: buffer))
        }
    }
}
