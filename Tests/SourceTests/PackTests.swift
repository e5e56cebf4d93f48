import Testing

@testable import Source

@Suite struct PackTests {
    private func pack(_ chunks: [[UInt8]]) throws -> Pack {
        var writer = PackWriter()
        for chunk in chunks { try writer.append(Digest(hashing: chunk), chunk) }
        return try writer.finish()
    }

    private func plain(_ digest: Digest, length: Int, _ bytes: [UInt8]) -> [UInt8] {
        digest.bytes + [UInt8(length >> 24 & 0xFF), UInt8(length >> 16 & 0xFF), UInt8(length >> 8 & 0xFF), UInt8(length & 0xFF)] + bytes
    }

    @Test func roundTrip() throws {
        let chunks: [[UInt8]] = [[1], Array("hello".utf8), [UInt8](repeating: 7, count: SourceTree.chunkSize)]
        let pack = try pack(chunks)
        #expect(pack.id == Digest(hashing: pack.bytes))
        let reader = try PackReader(pack.bytes)
        for chunk in chunks {
            let next = try #require(try reader.next())
            #expect(next.bytes == chunk)
            #expect(next.digest == Digest(hashing: chunk))
        }
        #expect(try reader.next() == nil)
        #expect(try PackReader.check(pack.bytes) == pack.chunks)
    }

    /// The most that can be in a pack, of bytes that cannot be compressed.
    @Test func theLargestPackStaysBelowItsLimit() throws {
        var writer = PackWriter()
        var random = SystemRandomNumberGenerator()
        let size = Pack.largestContent / Pack.mostChunks
        while writer.fits(size) {
            let chunk = (0..<(size / 8)).flatMap { _ in withUnsafeBytes(of: random.next()) { Array($0) } }
            try writer.append(Digest(hashing: chunk), chunk)
        }
        #expect(writer.contentSize == Pack.largestContent)
        let pack = try writer.finish()
        #expect(pack.bytes.count <= Pack.largest)
        #expect(try PackReader.check(pack.bytes).count == Pack.mostChunks)
    }

    @Test func whatDoesNotFitIsRefused() throws {
        var writer = PackWriter()
        for byte: UInt8 in [1, 2] { try writer.append(.ofNothing, [UInt8](repeating: byte, count: SourceTree.chunkSize)) }
        #expect(!writer.fits(1))
        #expect(throws: SourceError.self) { try writer.append(.ofNothing, [1]) }
        var empty = PackWriter()
        #expect(throws: SourceError.self) { try empty.append(.ofNothing, []) }
    }

    @Test func everyDamageIsNoticed() throws {
        let pack = try pack([Array("hello".utf8), Array("world".utf8)])
        for index in pack.bytes.indices {
            var bytes = pack.bytes
            bytes[index] ^= 0x55
            // Some bits of a frame's header have no meaning; what comes out must be right then.
            if let chunks = try? PackReader.check(bytes) { #expect(chunks == pack.chunks) }
            #expect(throws: SourceError.self) { try PackReader.check(Array(pack.bytes[..<index])) }
        }
        #expect(throws: SourceError.self) { try PackReader.check(pack.bytes + [0]) }
        #expect(throws: SourceError.self) { try PackReader.check(pack.bytes + pack.bytes) }
    }

    @Test func hostileRecordsAreRefused() throws {
        let digest = Digest(hashing: Array("abc".utf8))
        let abc = Array("abc".utf8)
        let good = plain(digest, length: 3, abc)
        let table: [(String, [UInt8])] = [
            ("wrong digest", plain(.ofNothing, length: 3, abc)), ("no bytes", plain(.ofNothing, length: 0, [])),
            ("too long", plain(digest, length: 4, abc)), ("too short", plain(digest, length: 2, abc)), ("cut header", Array(good[..<20])),
            ("negative length", plain(digest, length: 0xFFFF_FFFF, abc)),
            ("larger than a chunk", plain(digest, length: SourceTree.chunkSize + 1, abc)),
            ("something behind", good + [1]),
        ]
        for (what, bytes) in table {
            #expect(throws: SourceError.self, "\(what)") { try PackReader.check(try Zstd.compress(bytes)) }
        }
        #expect(try PackReader.check(try Zstd.compress(good)).count == 1)
        for garbage in [[], [0], Array("garbage that is no frame".utf8)] as [[UInt8]] {
            #expect(throws: SourceError.self) { try PackReader.check(garbage) }
        }
    }

    @Test func bombsAreRefused() throws {
        // 64 MiB of zeros in a few kilobytes.
        let bomb = try Zstd.compress([UInt8](repeating: 0, count: 64 << 20))
        #expect(bomb.count < 16 << 10)
        #expect { try Zstd.decompress(bomb, limit: 1 << 20) } throws: { ($0 as? SourceError)?.code == .tooLarge }
        #expect(throws: SourceError.self) { try PackReader.check(bomb) }
        // More chunks than a pack may have, each of them right.
        let zeros = [UInt8](repeating: 0, count: SourceTree.chunkSize)
        let record = plain(Digest(hashing: zeros), length: zeros.count, zeros)
        let packBomb = try Zstd.compress(record + record + record)
        #expect { try PackReader.check(packBomb) } throws: { ($0 as? SourceError)?.code == .tooLarge }
    }

    @Test func prefixMakesSmallDifferencesSmall() throws {
        var random = SystemRandomNumberGenerator()
        let old = (0..<100_000).flatMap { _ in withUnsafeBytes(of: random.next()) { Array($0) } }
        var new = old
        new[400_000] ^= 1
        let patch = try Zstd.compress(new, prefix: old)
        #expect(patch.count < 1000)
        #expect(try Zstd.decompress(patch, limit: 1 << 20, prefix: old) == new)
        let withoutPrefix = try? Zstd.decompress(patch, limit: 1 << 20)
        #expect(withoutPrefix != new)
    }

    @Test func digestsHaveOneSpelling() throws {
        let digest = Digest(hashing: Array("abc".utf8))
        #expect(digest.hex == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(Digest(hex: digest.hex) == digest)
        #expect(Digest(bytes: digest.bytes) == digest)
        #expect(Digest(hex: digest.hex.uppercased()) == nil)
        #expect(Digest(hex: digest.hex.dropLast()) == nil)
        #expect(Digest(hex: "g" + digest.hex.dropFirst()) == nil)
    }
}
