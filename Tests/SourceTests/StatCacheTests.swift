import Foundation
import Testing

@testable import Source

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

@Suite struct StatCacheTests {
    private static let second: Int64 = 1_000_000_000

    /// Scans until the files are old enough to be remembered.
    private func scanUntilRemembered(_ root: String, _ cacheFile: String, count: Int) async throws -> SourceScan {
        let deadline = ContinuousClock.now + .seconds(30)
        while ContinuousClock.now < deadline {
            let scan = try await SourceScanner.scan(root: root, selection: try Selection(), cacheFile: cacheFile)
            if StatCache(file: cacheFile).count == count { return scan }
            await Task.yield()
        }
        throw SourceError(.inaccessible, "the files were never remembered")
    }

    private func stamp(_ path: String) throws -> FileStamp {
        var status = stat()
        try #require(lstat(path, &status) == 0)
        return FileStamp(status)
    }

    private func scan(_ root: String, _ cacheFile: String) async throws -> SourceTree {
        try await SourceScanner.scan(root: root, selection: try Selection(), cacheFile: cacheFile).tree
    }

    /// The tree that is found with the cache is the one that is found without.
    private func expectTruth(_ root: String, _ cacheFile: String) async throws {
        let found = try await scan(root, cacheFile)
        let truth = try await SourceScanner.scan(root: root, selection: try Selection()).tree
        #expect(found == truth)
    }

    @Test func knownFilesAreNotReadAgain() async throws {
        try await withTemporaryDirectory { directory in
            let (root, cacheFile) = ("\(directory)/root", "\(directory)/cache")
            try write(["a": "one", "b": "two"], to: root)
            let first = try await scanUntilRemembered(root, cacheFile, count: 2)
            // A lie in the cache comes back, so the cache was believed.
            let lie = FileContent(digest: Digest(hashing: Array("lie".utf8)), chunks: [])
            let stamps = try ["a", "b"].map { try stamp("\(root)/\($0)") }
            try StatCache.write(stamps.map { ($0, lie) }, to: cacheFile)
            let digests = try await scan(root, cacheFile).entries.flatMap(\.transferChunks).map(\.digest)
            #expect(digests == [lie.digest, lie.digest])
            let truth = try await SourceScanner.scan(root: root, selection: try Selection()).tree
            #expect(truth == first.tree)
        }
    }

    @Test func everyChangeIsSeen() async throws {
        try await withTemporaryDirectory { directory in
            let (root, cacheFile) = ("\(directory)/root", "\(directory)/cache")
            let path = "\(root)/a"
            try write(["a": "one"], to: root)
            _ = try await scanUntilRemembered(root, cacheFile, count: 1)
            var before = stat()
            lstat(path, &before)

            // The same size and the same time of modification, as tools that restore times leave it.
            try write(["a": "two"], to: root)
            #if canImport(Darwin)
                let times = [before.st_atimespec, before.st_mtimespec]
            #else
                let times = [before.st_atim, before.st_mtim]
            #endif
            utimensat(AT_FDCWD, path, times, 0)
            try await expectTruth(root, cacheFile)

            // Another file under the same name.
            _ = try await scanUntilRemembered(root, cacheFile, count: 1)
            try write(["other": "333"], to: root)
            rename("\(root)/other", path)
            try await expectTruth(root, cacheFile)

            // Only the mode.
            _ = try await scanUntilRemembered(root, cacheFile, count: 1)
            chmod(path, 0o755)
            try await expectTruth(root, cacheFile)
        }
    }

    /// Changes that follow each other faster than the file system's clock ticks.
    @Test func quickChangesAreSeen() async throws {
        try await withTemporaryDirectory { directory in
            let (root, cacheFile) = ("\(directory)/root", "\(directory)/cache")
            for round in 0..<200 {
                let content = String(1000 + round)
                try write(["a": content], to: root)
                let digest = try await scan(root, cacheFile).entries.first?.transferChunks.first?.digest
                #expect(digest == Digest(hashing: Array(content.utf8)))
            }
        }
    }

    @Test(arguments: [
        // modified, changed, scan began, trusted
        (100 * second + 1, 100 * second + 1, 101 * second, true), (100 * second + 1, 100 * second + 1, 100 * second + 50_000_000, false),
        (100 * second, 100 * second + 1, 101 * second, false), (100 * second, 100 * second, 103 * second, true),
        (100 * second + 1, 200 * second, 201 * second, false), (500 * second + 1, 100 * second + 1, 101 * second, false),
    ])
    func youngFilesAreNotTrusted(_ modified: Int64, _ changed: Int64, _ began: Int64, _ trusted: Bool) {
        let stamp = FileStamp(device: 1, inode: 2, size: 3, modified: modified, changed: changed)
        #expect(StatCache.isSettled(stamp, scanBegan: began) == trusted)
    }

    @Test func damagedCachesAreEmpty() async throws {
        let stamp = FileStamp(device: 1, inode: 2, size: 3, modified: -4, changed: 5)
        let chunks = [Digest(hashing: [1]), Digest(hashing: [2])]
        let content = FileContent(digest: .ofNothing, chunks: chunks)
        let bytes = StatCache.encode([(stamp, content)])
        #expect(StatCache(encoded: bytes)?[stamp] == content)
        for index in bytes.indices {
            var damaged = bytes
            damaged[index] ^= 1
            #expect(StatCache(encoded: damaged) == nil)
            #expect(StatCache(encoded: Array(bytes[..<index])) == nil)
        }
        try await withTemporaryDirectory { directory in
            try write(["root/a": "x", "cache": "garbage"], to: directory)
            #expect(try await scan("\(directory)/root", "\(directory)/cache").fileCount == 1)
        }
    }

    @Test func aCacheThatCannotBeWrittenIsAWarning() async throws {
        try await withTemporaryDirectory { directory in
            try write(["root/a": "x"], to: directory)
            let scan = try await scanUntilWarned("\(directory)/root", "\(directory)/missing/cache")
            #expect(scan.tree.fileCount == 1)
            #expect(scan.warnings.count == 1)
        }
    }

    private func scanUntilWarned(_ root: String, _ cacheFile: String) async throws -> SourceScan {
        let deadline = ContinuousClock.now + .seconds(30)
        while true {
            let scan = try await SourceScanner.scan(root: root, selection: try Selection(), cacheFile: cacheFile)
            if !scan.warnings.isEmpty || ContinuousClock.now > deadline { return scan }
            await Task.yield()
        }
    }
}
