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

@Suite struct SourceScannerTests {
    private func scan(_ root: String, _ selection: Selection? = nil, cacheFile: String? = nil) async throws -> SourceScan {
        try await SourceScanner.scan(root: root, selection: try selection ?? Selection(), cacheFile: cacheFile)
    }

    private func digest(_ text: String) -> Digest { Digest(hashing: Array(text.utf8)) }

    @Test func findsFilesModesLinksAndEmptyDirectories() async throws {
        try await withTemporaryDirectory { root in
            try write(["a.txt": "hello", "bin/run": "#!", "empty/": "", "deep/er/x": "", "node_modules/m/index.js": "x"], to: root)
            chmod("\(root)/bin/run", 0o750)
            symlink("../a.txt", "\(root)/bin/link")
            symlink("bin", "\(root)/dirlink")
            let tree = try await scan(root).tree
            #expect(
                tree.entries == [
                    .init(path: "a.txt", kind: .file(executable: false, size: 5, digest: digest("hello"), chunks: [])),
                    .init(path: "bin", kind: .directory), .init(path: "bin/link", kind: .symlink(target: "../a.txt")),
                    .init(path: "bin/run", kind: .file(executable: true, size: 2, digest: digest("#!"), chunks: [])),
                    .init(path: "deep", kind: .directory), .init(path: "deep/er", kind: .directory),
                    .init(path: "deep/er/x", kind: .file(executable: false, size: 0, digest: .ofNothing, chunks: [])),
                    .init(path: "dirlink", kind: .symlink(target: "bin")), .init(path: "empty", kind: .directory),
                ])
        }
    }

    @Test func oddNamesAreKept() async throws {
        try await withTemporaryDirectory { root in
            let names = ["new\nline", "tab\t", "é", "e\u{301}", "日本語", " space ", "quote'\"", "back\\slash", "-rf", "*?[", "#x", "😀"]
            for name in names { try write([name: name], to: root) }
            let tree = try await scan(root).tree
            #expect(Set(tree.entries.map { Array($0.path.utf8) }) == Set(names.map { Array($0.utf8) }))
            #expect(try SourceTree(canonical: tree.canonical) == tree)
        }
    }

    @Test func sameFilesGiveTheSameRevision() async throws {
        try await withTemporaryDirectory { one in
            try await withTemporaryDirectory { two in
                let files = Dictionary(uniqueKeysWithValues: (0..<200).map { ("d\($0 % 7)/f\($0)", "content \($0)") })
                try write(files, to: one)
                for (path, content) in files.sorted(by: { $0.key > $1.key }) { try write([path: content], to: two) }
                let revisions = [try await scan(one).tree.revision, try await scan(two).tree.revision]
                #expect(revisions[0] == revisions[1])
            }
        }
    }

    @Test func largeFilesAreCutIntoChunks() async throws {
        try await withTemporaryDirectory { root in
            var bytes = [UInt8](repeating: 1, count: 2 * SourceTree.chunkSize + 5)
            bytes[SourceTree.chunkSize] = 2
            bytes[2 * SourceTree.chunkSize] = 3
            try Data(bytes).write(to: URL(fileURLWithPath: "\(root)/big"))
            let scan = try await scan(root)
            guard case .file(_, let size, let digest, let chunks) = scan.tree.entries[0].kind else {
                Issue.record("no file")
                return
            }
            #expect(size == bytes.count)
            #expect(digest == Digest(hashing: bytes))
            #expect(chunks.count == 3)
            let reader = try scan.reader()
            let read = try chunks.flatMap { try reader.bytes(of: $0) }
            #expect(read == bytes)
        }
    }

    @Test(arguments: ["/etc/passwd", "../outside", "sub/../../outside"]) func linksOutOfTheTreeAreRefused(_ target: String) async throws {
        try await withTemporaryDirectory { root in
            symlink(target, "\(root)/bad-link")
            await #expect { try await scan(root) } throws: { error in
                guard let error = error as? SourceError else { return false }
                return error.code == .outsideTree && error.message.contains("'bad-link'")
            }
            // Left out, it hurts nobody.
            let tree = try await scan(root, try Selection(dockerignore: "bad-link")).tree
            #expect(tree.entries.isEmpty)
        }
    }

    @Test(.timeLimit(.minutes(10))) func fifosAreRefusedAndNotOpened() async throws {
        try await withTemporaryDirectory { root in
            try write(["sub/x": ""], to: root)
            mkfifo("\(root)/sub/pipe", 0o600)
            await #expect { try await scan(root) } throws: { error in
                guard let error = error as? SourceError else { return false }
                return error.code == .unsupportedFile && error.message.contains("'sub/pipe'") && error.message.contains("FIFO")
            }
            let tree = try await scan(root, try Selection(exclude: ["pipe$"])).tree
            #expect(tree.fileCount == 1)
        }
    }

    /// A name that is not UTF-8 stops the scan, so a directory with one shows whether it was read.
    @Test func ignoredDirectoriesAreNotRead() async throws {
        try await withTemporaryDirectory { root in
            try write(["node_modules/": "", "build/": "", "x.py": "", "lib/y.py": ""], to: root)
            for directory in ["node_modules", "build"] {
                let path = Array("\(root)/\(directory)/bad".utf8CString.dropLast()) + [CChar(bitPattern: 0xFF), 0]
                let file = open(path, O_CREAT | O_WRONLY, 0o600)
                try #require(file >= 0, "the file system takes such names")
                close(file)
            }
            await #expect { try await scan(root) } throws: { ($0 as? SourceError)?.code == .invalidName }
            for (selection, count) in [
                (try Selection(dockerignore: "build"), 2), (try Selection(exclude: ["^build/"]), 2), (try Selection(include: [#"^lib/.*\.py$"#]), 1),
            ] {
                let tree = try await scan(root, selection).tree
                #expect(tree.fileCount == count)
            }
        }
    }

    /// Counted, not guessed: the walk says how many directories it opened.
    @Test func ignoredDirectoriesAreNotOpened() async throws {
        try await withTemporaryDirectory { root in
            var files = ["src/a/x": "", "src/b/y": ""]
            for number in 0..<50 {
                files["node_modules/m\(number)/deep/index.js"] = ""
                files["target/t\(number)/o"] = ""
            }
            try write(files, to: root)
            let walk = try await DirectoryWalk.run(root: root, selection: try Selection(dockerignore: "target"))
            #expect(walk.opened == 4)
            // One that takes a file of it back needs to look; it is found although its parents are left out.
            let back = try Selection(dockerignore: "target\n!target/t7/o")
            #expect(try await DirectoryWalk.run(root: root, selection: back).opened == 6)
            let paths = try await scan(root, back).tree.entries.map(\.path)
            #expect(paths == ["src", "src/a", "src/a/x", "src/b", "src/b/y", "target", "target/t7", "target/t7/o"])
        }
    }

    /// The walk puts entries in order by itself; the tree's own check is the judge.
    @Test func theWalkKeepsTheRulesOfATree() async throws {
        try await withTemporaryDirectory { root in
            let names = ["a", "a-b", "a.b", "a0", "ab", "b", "é", "z z"]
            for directory in names {
                for name in names { try write(["\(directory)/\(name)/\(name)": name, "\(directory)/\(name).txt": ""], to: root) }
            }
            for selection in [try Selection(), try Selection(include: ["^a/.*txt$", "b/b$"]), try Selection(dockerignore: "*\n!a*/b")] {
                let tree = try await scan(root, selection).tree
                #expect(try SourceTree(canonical: tree.canonical) == tree)
                #expect(try SourceTree(entries: tree.entries.shuffled()) == tree)
                let wanted = try FileManager.default.subpathsOfDirectory(atPath: root).filter { path in
                    var isDirectory: ObjCBool = false
                    FileManager.default.fileExists(atPath: "\(root)/\(path)", isDirectory: &isDirectory)
                    return !isDirectory.boolValue && selection.takes(path)
                }
                #expect(Set(wanted) == Set(tree.entries.filter { if case .file = $0.kind { true } else { false } }.map(\.path)))
            }
        }
    }

    @Test func namesThatAreNotUTF8AreShownEscaped() async throws {
        try await withTemporaryDirectory { root in
            let path = Array("\(root)/bad".utf8CString.dropLast()) + [CChar(bitPattern: 0xFF), 0]
            let file = open(path, O_CREAT | O_WRONLY, 0o600)
            try #require(file >= 0, "the file system takes such names")
            close(file)
            await #expect { try await scan(root) } throws: { ($0 as? SourceError)?.message.contains(#"'bad\xff'"#) == true }
        }
    }

    @Test func socketsAreRefused() async throws {
        try await withTemporaryDirectory { root in
            try #require(mknod("\(root)/door", S_IFSOCK | 0o600, 0) == 0)
            await #expect { try await scan(root) } throws: { error in
                (error as? SourceError).map { $0.code == .unsupportedFile && $0.message.contains("'door' is a socket") } ?? false
            }
        }
    }

    /// Files and directories come and go while the tree is scanned: the scan ends with a tree or with a clear error.
    @Test(.timeLimit(.minutes(10))) func treesThatChangeMeanwhile() async throws {
        try await withTemporaryDirectory { root in
            for number in 0..<40 { try write(["d\(number)/sub/f": "\(number)", "d\(number)/g": "x"], to: root) }
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask {
                    var round = 0
                    while !Task.isCancelled {
                        let directory = "\(root)/d\(round % 40)"
                        try? FileManager.default.removeItem(atPath: directory)
                        try? write(["d\(round % 40)/sub/f": "round \(round)", "d\(round % 40)/g": "y"], to: root)
                        round += 1
                        await Task.yield()
                    }
                }
                for _ in 0..<100 {
                    do {
                        let tree = try await scan(root).tree
                        #expect(try SourceTree(canonical: tree.canonical) == tree)
                    } catch let error as SourceError {
                        #expect(error.code == .changedWhileReading, "\(error)")
                    }
                }
                tasks.cancelAll()
            }
        }
    }

    @Test func aMissingRootIsNamed() async throws {
        await #expect { try await scan("/nonexistent/root") } throws: { error in
            (error as? SourceError)?.message.contains("/nonexistent/root") == true
        }
    }

    @Test func aFileThatChangedAfterTheScanIsNotRead() async throws {
        try await withTemporaryDirectory { root in
            try write(["a": "one"], to: root)
            let scan = try await scan(root)
            try write(["a": "two"], to: root)
            let reader = try scan.reader()
            #expect { try reader.bytes(of: digest("one")) } throws: { error in
                guard let error = error as? SourceError else { return false }
                return error.code == .changedWhileReading && error.message.contains("'a'")
            }
        }
    }

    @Test func aFileThatChangesBetweenListingAndReadingIsNoticed() async throws {
        try await withTemporaryDirectory { root in
            try write(["a": "one"], to: root)
            let walk = try await DirectoryWalk.run(root: root, selection: try Selection())
            try write(["a": "longer"], to: root)
            let reader = try FileReader(root: root)
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1024, alignment: 16)
            defer { buffer.deallocate() }
            let stamp = try #require(walk.unknown.first).stamp
            #expect { try reader.hash("a", stamp, buffer: buffer) } throws: { ($0 as? SourceError)?.code == .changedWhileReading }
        }
    }
}
