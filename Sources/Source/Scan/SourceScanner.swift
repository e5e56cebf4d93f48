import Foundation
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
        var entries: [SourceTree.Entry] = []
        entries.reserveCapacity(walk.found.count)
        var unknown: [(index: Int, file: DirectoryWalk.File)] = []
        var fileCount = 0
        for found in walk.found {
            switch found {
            case .directory(let path): entries.append(SourceTree.Entry(path: path, kind: .directory))
            case .link(let path, let target): entries.append(SourceTree.Entry(path: path, kind: .symlink(target: target)))
            case .file(let file, let content):
                fileCount += 1
                if content == nil { unknown.append((entries.count, file)) }
                entries.append(entry(file, content ?? FileContent(digest: .ofNothing, chunks: [])))
            }
        }
        try await hash(unknown, try FileReader(root: root)) { entries[$0] = entry($1, $2) }

        var warnings: [String] = []
        // When every file was known, the cache may still hold files that are gone; it is written when these are many.
        let isStale = unknown.contains { StatCache.isSettled($0.file.stamp, scanBegan: began) } || cache.count > 2 * fileCount
        if let cacheFile, isStale {
            do {
                try StatCache.write(settled(walk.found, entries, scanBegan: began), to: cacheFile)
            } catch {
                warnings.append("The scan is not remembered and the next one will be slower: \(error)")
            }
        }
        // The walk checks names, order, links and sizes while it goes.
        return SourceScan(root: root, tree: SourceTree(checked: entries), warnings: warnings, cacheFile: cacheFile)
    }

    private static func entry(_ file: DirectoryWalk.File, _ content: FileContent) -> SourceTree.Entry {
        let size = Int(file.stamp.size)
        return SourceTree.Entry(
            path: file.path, kind: .file(executable: file.executable, size: size, digest: content.digest, chunks: content.chunks))
    }

    /// The files that may be remembered.
    private static func settled(
        _ found: [DirectoryWalk.Found], _ entries: [SourceTree.Entry], scanBegan: Int64
    ) -> [(stamp: FileStamp, content: FileContent)] {
        zip(found, entries).compactMap { found, entry in
            guard case .file(let file, _) = found, case .file(_, _, let digest, let chunks) = entry.kind,
                StatCache.isSettled(file.stamp, scanBegan: scanBegan)
            else { return nil }
            return (file.stamp, FileContent(digest: digest, chunks: chunks))
        }
    }

    private typealias Unknown = (index: Int, file: DirectoryWalk.File)

    /// Hashes files, as many at once as there are processors.
    private static func hash(
        _ files: [Unknown], _ reader: FileReader, found: (Int, DirectoryWalk.File, FileContent) -> Void
    ) async throws {
        guard !files.isEmpty else { return }
        let groups = groups(files)
        let next = Counter()
        try await withThrowingTaskGroup(of: [(Range<Int>, [FileContent])].self) { tasks in
            for _ in 0..<min(groups.count, ProcessInfo.processInfo.activeProcessorCount) {
                tasks.addTask {
                    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bufferSize, alignment: 16)
                    defer { buffer.deallocate() }
                    var results: [(Range<Int>, [FileContent])] = []
                    while true {
                        let number = next.take()
                        guard number < groups.count else { return results }
                        try Task.checkCancellation()
                        results.append((groups[number], try files[groups[number]].map { try reader.hash($0.file, buffer: buffer) }))
                    }
                }
            }
            for try await results in tasks {
                for (range, contents) in results {
                    for (unknown, content) in zip(files[range], contents) { found(unknown.index, unknown.file, content) }
                }
            }
        }
    }

    private final class Counter: Sendable {
        private let value = Atomic(0)

        func take() -> Int { value.wrappingAdd(1, ordering: .relaxed).oldValue }
    }

    private static func groups(_ files: [Unknown]) -> [Range<Int>] {
        var result: [Range<Int>] = []
        var start = 0
        var size: Int64 = 0
        for (index, (_, file)) in files.enumerated() {
            size += file.stamp.size
            if index + 1 - start == groupCount || size >= groupSize || index + 1 == files.count {
                result.append(start..<(index + 1))
                (start, size) = (index + 1, 0)
            }
        }
        return result
    }
}
