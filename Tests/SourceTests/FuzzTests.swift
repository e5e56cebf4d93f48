import Fuzzing
import Testing

@testable import Source

/// Foreign bytes, mutated at random with a fixed seed: whatever comes, it is refused with an error or is right.
@Suite struct FuzzTests {
    private func makeMutator(_ seed: UInt64) -> ByteMutator {
        ByteMutator(seed: seed, tokens: ["../", "/", "\0", "f ", "c ", "l ", "t ", "-1", "."])
    }

    private var corpus: [[UInt8]] {
        let digest = Digest(hashing: [1]).hex
        let large = (0..<2).map { _ in "c \(digest)\0" }.joined()
        return [
            "seaway-tree 1\0", "seaway-tree 1\0d a\0f 5 \(digest) a/b\0l a/l\0t b\0x 1 \(digest) z\0",
            "seaway-tree 1\0f \(SourceTree.chunkSize + SourceTree.chunkSize) \(digest) big\0\(large)", "seaway-tree 1\0l a\0t ../x\0",
            "seaway-tree 1\0d ..\0",
            "seaway-tree 1\0d /abs\0", "seaway-tree 1\0f 99999999999999999999 \(digest) a\0", "seaway-tree 1\0d a\0d a\0",
            "seaway-tree 1\0d \u{e9}\0",
        ].map { Array($0.utf8) }
    }

    @Test func treesAreRefusedOrCanonical() throws {
        var mutator = makeMutator(0x5EA_1)
        let corpus = corpus
        var accepted = 0
        var refused = 0
        for round in 0..<ByteMutator.rounds(20_000) {
            let bytes = mutator.damage(corpus[round % corpus.count])
            do {
                let tree = try SourceTree(canonical: bytes)
                accepted += 1
                // What is accepted has one spelling, and no path in it leads out.
                #expect(tree.canonical == bytes)
                #expect(tree.entries.allSatisfy { entry in !entry.path.split(separator: "/").contains("..") && !entry.path.hasPrefix("/") })
            } catch is SourceError {
                refused += 1
            }
        }
        #expect(accepted > 100 && refused > 10_000, "both sides are met: \(accepted), \(refused)")
    }

    @Test func compressedTreesAreRefusedOrRight() throws {
        var mutator = makeMutator(0x5EA_2)
        let corpus = try corpus.map { try Zstd.compress($0) }
        for round in 0..<ByteMutator.rounds(5_000) {
            let bytes = mutator.damage(corpus[round % corpus.count])
            guard let plain = try? Zstd.decompress(bytes, limit: 1 << 16) else { continue }
            #expect(plain.count <= 1 << 16)
        }
    }

    @Test func packsAreRefusedOrRight() throws {
        var mutator = makeMutator(0x5EA_3)
        var writer = PackWriter()
        for size in [1, 5, 300, 5000] {
            let chunk = (0..<size).map { UInt8(truncatingIfNeeded: $0 * 7) }
            try writer.append(Digest(hashing: chunk), chunk)
        }
        let pack = try writer.finish()
        let plain = try Zstd.decompress(pack.bytes, limit: 1 << 20)
        for round in 0..<ByteMutator.rounds(5_000) {
            // Damage before and after compression: the second reaches the records themselves.
            let bytes = round % 2 == 0 ? mutator.damage(pack.bytes) : try Zstd.compress(mutator.damage(plain), level: 1)
            guard let chunks = try? PackReader.check(bytes) else { continue }
            #expect(chunks.allSatisfy { (1...SourceTree.chunkSize).contains($0.length) })
            let reader = try PackReader(bytes)
            while let (digest, chunk) = try reader.next() { #expect(Digest(hashing: chunk) == digest) }
        }
    }

    @Test func cachesAreRefusedOrBounded() throws {
        var mutator = makeMutator(0x5EA_4)
        let stamp = FileStamp(device: 1, inode: 2, size: 3, modified: 4, changed: 5)
        let content = FileContent(digest: .ofNothing, chunks: [Digest(hashing: [1]), Digest(hashing: [2])])
        let bytes = StatCache.encode([(stamp, content)])
        let body = Array(bytes.dropLast(Digest.byteCount))
        for round in 0..<ByteMutator.rounds(5_000) {
            var damaged = mutator.damage(body)
            // Half of them with a checksum that is right, as from somebody who means it.
            damaged += round % 2 == 0 ? Digest(hashing: damaged).bytes : Array(bytes.suffix(Digest.byteCount))
            _ = StatCache(encoded: damaged)?[stamp]
        }
    }
}
