import Foundation

/// Damages bytes at random, the same way in every run of one seed.
package struct ByteMutator {
    private var random: XorShift
    private let tokens: [[UInt8]]

    /// - Parameters:
    ///   - seed: not 0.
    ///   - tokens: what the format is made of; it is put where it does not belong.
    package init(seed: UInt64, tokens: [String]) {
        random = XorShift(state: seed)
        self.tokens = tokens.map { Array($0.utf8) } + [[0], [0xFF], [0xC3], Array("99999999999999999999".utf8), Array("-1".utf8)]
    }

    /// How many rounds a test does: `usual`, times SEAWAY_FUZZ_FACTOR for a longer run.
    package static func rounds(_ usual: Int) -> Int {
        usual * max(1, ProcessInfo.processInfo.environment["SEAWAY_FUZZ_FACTOR"].flatMap(Int.init) ?? 1)
    }

    /// One to four changes at random places.
    package mutating func damage(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        var bytes = Array(bytes)
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let place = Int.random(in: 0...bytes.count, using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0 where place < bytes.count: bytes[place] = UInt8.random(in: 0...255, using: &random)
            case 1 where place < bytes.count: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 2: bytes.insert(contentsOf: tokens[Int.random(in: tokens.indices, using: &random)], at: place)
            case 3: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 0...8, using: &random)))
            case 4: bytes = Array(bytes[..<place])
            default: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 80)], at: place)
            }
        }
        return bytes
    }

    /// Marsaglia's xorshift with 64 bits of state.
    private struct XorShift: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state
        }
    }
}
