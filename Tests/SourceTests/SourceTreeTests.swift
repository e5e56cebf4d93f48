import Foundation
import Testing

@testable import Source

private let hello = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
private let script = "a8076d3d28d21e02012b20eaf7dbf75409a6277134439025f282e368e3305abf"
private let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/// The canonical form and the revisions below were made with printf and sha256sum.
@Suite struct SourceTreeTests {
    private static let golden =
        "seaway-tree 1\0d app\0f 6 \(hello) app/a.txt\0l app/link\0t a.txt\0d empty\0f 0 \(nothing) nothing\0x 10 \(script) run.sh\0"
    private static let goldenRevision = "16422d687078e8ee892ee779b53d4a51db737042101db01e7a2b5951ea72e663"

    private func entry(_ path: String, _ text: String, executable: Bool = false) -> SourceTree.Entry {
        let kind = SourceTree.Kind.file(
            executable: executable, size: text.utf8.count, digest: Digest(hashing: Array(text.utf8)), chunks: [])
        return SourceTree.Entry(path: path, kind: kind)
    }

    @Test func revisionIsTheOneOfOtherTools() throws {
        // Given in any order.
        let tree = try SourceTree(entries: [
            entry("run.sh", "#!/bin/sh\n", executable: true), .init(path: "empty", kind: .directory), entry("app/a.txt", "hello\n"),
            .init(path: "app", kind: .directory), entry("nothing", ""), .init(path: "app/link", kind: .symlink(target: "a.txt")),
        ])
        #expect(String(decoding: tree.canonical, as: UTF8.self) == Self.golden)
        #expect(tree.revision.hex == Self.goldenRevision)
        #expect(tree.size == 16)
        #expect(tree.fileCount == 3)
        #expect(try SourceTree(canonical: tree.canonical) == tree)
    }

    @Test func largeFilesListTheirChunks() throws {
        let size = SourceTree.chunkSize + 1
        let zeros = [UInt8](repeating: 0, count: size)
        let chunks = [Digest(hashing: zeros[..<SourceTree.chunkSize]), Digest(hashing: zeros[SourceTree.chunkSize...])]
        let kind = SourceTree.Kind.file(executable: false, size: size, digest: Digest(hashing: zeros), chunks: chunks)
        let tree = try SourceTree(entries: [.init(path: "big", kind: kind)])
        #expect(tree.revision.hex == "86bbfc1fe9bd901523ad9aca32500b1cca46a0f1a7e2e12fd48cb354acf40ca1")
        #expect(tree.entries[0].transferChunks.map(\.offset) == [0, SourceTree.chunkSize])
        #expect(tree.entries[0].transferChunks.map(\.length) == [SourceTree.chunkSize, 1])
        #expect(try SourceTree(canonical: tree.canonical) == tree)
    }

    @Test func twoSpellingsOfALetterAreTwoPaths() throws {
        let tree = try SourceTree(entries: [entry("e\u{301}", "a"), entry("\u{e9}", "b")])
        #expect(tree.entries.count == 2)
        #expect(try SourceTree(canonical: tree.canonical).entries.count == 2)
    }

    @Test func pathsAreSortedByTheirBytes() throws {
        let tree = try SourceTree(entries: [entry("a/b", "x"), entry("a-b", "x"), entry("a", "").asDirectory, entry("Z", "x"), entry("\u{e9}", "x")])
        #expect(tree.entries.map(\.path) == ["Z", "a", "a-b", "a/b", "\u{e9}"])
    }

    static let hostile: [(String, String)] = [
        ("nothing at all", ""),
        ("no header", "d app\0"),
        ("another version", "seaway-tree 2\0d app\0"),
        ("header without NUL", "seaway-tree 1"),
        ("record without NUL", "seaway-tree 1\0d app"),
        ("empty record", "seaway-tree 1\0\0"),
        ("record without content", "seaway-tree 1\0d\0"),
        ("empty path", "seaway-tree 1\0d \0"),
        ("unknown kind", "seaway-tree 1\0q app\0"),
        ("no space after the kind", "seaway-tree 1\0dapp\0"),
        ("absolute path", "seaway-tree 1\0d /etc\0"),
        ("parent segment", "seaway-tree 1\0d ..\0"),
        ("parent segment within", "seaway-tree 1\0d a\0d a/..\0"),
        ("dot segment", "seaway-tree 1\0d .\0"),
        ("empty segment", "seaway-tree 1\0d a\0d a//b\0"),
        ("slash at the end", "seaway-tree 1\0d a/\0"),
        ("out of order", "seaway-tree 1\0d b\0d a\0"),
        ("twice", "seaway-tree 1\0d a\0d a\0"),
        ("parent is missing", "seaway-tree 1\0f 6 \(hello) app/a.txt\0"),
        ("parent is a file", "seaway-tree 1\0f 6 \(hello) a\0f 6 \(hello) a/b\0"),
        ("parent is a link", "seaway-tree 1\0l a\0t .\0f 6 \(hello) a/b\0"),
        ("link without target", "seaway-tree 1\0l a\0"),
        ("link with an empty target", "seaway-tree 1\0l a\0t \0"),
        ("target without link", "seaway-tree 1\0t a\0"),
        ("absolute link", "seaway-tree 1\0l a\0t /etc/passwd\0"),
        ("link out of the tree", "seaway-tree 1\0l a\0t ../x\0"),
        ("link out of the tree from below", "seaway-tree 1\0d a\0l a/b\0t ../../x\0"),
        ("link that goes down and up", "seaway-tree 1\0d a\0l a/b\0t x/../..\0"),
        ("size is missing", "seaway-tree 1\0f \(hello) a\0"),
        ("size with a leading zero", "seaway-tree 1\0f 06 \(hello) a\0"),
        ("negative size", "seaway-tree 1\0f -6 \(hello) a\0"),
        ("size with a plus", "seaway-tree 1\0f +6 \(hello) a\0"),
        ("huge size", "seaway-tree 1\0f 99999999999999999999 \(hello) a\0"),
        ("too large a file", "seaway-tree 1\0f 999999999999999 \(hello) a\0"),
        ("short digest", "seaway-tree 1\0f 6 abc a\0"),
        ("digest in upper case", "seaway-tree 1\0f 6 \(hello.uppercased()) a\0"),
        ("empty file with a content", "seaway-tree 1\0f 0 \(hello) a\0"),
        ("small file with a chunk", "seaway-tree 1\0f 6 \(hello) a\0c \(hello)\0"),
        ("large file without chunks", "seaway-tree 1\0f 4194305 \(hello) a\0"),
        ("large file with too few chunks", "seaway-tree 1\0f 4194305 \(hello) a\0c \(hello)\0"),
        ("large file with too many chunks", "seaway-tree 1\0f 4194305 \(hello) a\0c \(hello)\0c \(script)\0c \(nothing)\0"),
        ("chunk without file", "seaway-tree 1\0c \(hello)\0"),
        ("chunk with two lengths", "seaway-tree 1\0f 6 \(hello) a\0f 7 \(hello) b\0"),
        ("segment too long", "seaway-tree 1\0d \(String(repeating: "x", count: 256))\0"),
        ("path too long", "seaway-tree 1\0d \(String(repeating: "x/", count: 2100))x\0"),
        ("something after the end", "seaway-tree 1\0d a\0x"),
    ]

    @Test(arguments: hostile) func hostileFormsAreRefused(_ what: String, _ text: String) {
        #expect(throws: SourceError.self) { try SourceTree(canonical: Array(text.utf8)) }
    }

    @Test func bytesThatAreNoTextAreRefused() {
        #expect(throws: SourceError.self) { try SourceTree(canonical: Array("seaway-tree 1\0d ".utf8) + [0xFF, 0]) }
        #expect(throws: SourceError.self) { try SourceTree(canonical: Array("seaway-tree 1\0l a\0t ".utf8) + [0xC3, 0x28, 0]) }
    }

    @Test func tooLargeAFormIsRefused() {
        #expect { try SourceTree(canonical: [UInt8](repeating: 0, count: SourceTree.largestCanonical + 1)) } throws: { error in
            (error as? SourceError)?.code == .tooLarge
        }
    }

    /// There is one form for each tree: whatever is accepted is written again with the same bytes.
    @Test func everyAcceptedFormIsCanonical() {
        let bytes = Array(Self.golden.utf8)
        var accepted = 0
        for index in bytes.indices {
            for value: UInt8 in [0, 1, 0x20, 0x2E, 0x2F, 0x30, 0x39, 0x61, 0x66, 0x78, 0x80, 0xFF] {
                var changed = bytes
                changed[index] = value
                guard let tree = try? SourceTree(canonical: changed) else { continue }
                accepted += 1
                #expect(tree.canonical == changed)
            }
        }
        #expect(accepted > bytes.count)
    }

    @Test(arguments: [
        ("a", "b", true), ("a", "./b", true), ("a/b/c", "../../x", true), ("a/b", "..", true), ("a", "b/c", true), ("a", ".", true),
        ("a", "..", false), ("a/b", "../..", false), ("a", "/b", false), ("a", "b/..", false), ("a", "b/../..", false), ("a", "", false),
    ])
    func linksStayInTheTree(_ path: String, _ target: String, _ isInside: Bool) {
        #expect((SourcePath.refusal(ofLinkAt: path, to: target) == nil) == isInside)
    }
}

extension SourceTree.Entry {
    fileprivate var asDirectory: SourceTree.Entry { SourceTree.Entry(path: path, kind: .directory) }
}
