import Crypto

/// A SHA-256 value: names files, chunks, packs and revisions by their content.
public struct Digest: Sendable, Hashable {
    // Four words instead of an array: a digest is held by the hundred thousand.
    private let words: (UInt64, UInt64, UInt64, UInt64)

    public static let byteCount = 32

    /// The SHA-256 of `bytes`.
    public init(hashing bytes: some Collection<UInt8>) {
        var hasher = DigestHasher()
        let contiguous: Void? = bytes.withContiguousStorageIfAvailable { hasher.update(UnsafeRawBufferPointer($0)) }
        if contiguous == nil {
            Array(bytes).withUnsafeBytes { hasher.update($0) }
        }
        self = hasher.finalize()
    }

    /// - Parameter bytes: The 32 raw bytes of a digest.
    /// - Returns: `nil` when there are not exactly 32.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == Digest.byteCount else { return nil }
        var values: [UInt64] = [0, 0, 0, 0]
        for (index, byte) in bytes.enumerated() {
            values[index / 8] = values[index / 8] << 8 | UInt64(byte)
        }
        words = (values[0], values[1], values[2], values[3])
    }

    /// - Parameter hex: 64 lower-case hex digits.
    /// - Returns: `nil` for anything else; upper-case too, since every digest has exactly one spelling.
    public init?(hex: some StringProtocol) {
        self.init(hex: hex.utf8)
    }

    init?(hex digits: some Collection<UInt8>) {
        let parsed = digits.withContiguousStorageIfAvailable { Digest(hex: $0) } ?? Array(digits).withUnsafeBufferPointer { Digest(hex: $0) }
        guard let parsed else { return nil }
        self = parsed
    }

    private init?(hex digits: UnsafeBufferPointer<UInt8>) {
        guard digits.count == 2 * Digest.byteCount, let first = Digest.word(digits, 0), let second = Digest.word(digits, 16),
            let third = Digest.word(digits, 32), let fourth = Digest.word(digits, 48)
        else { return nil }
        words = (first, second, third, fourth)
    }

    private static func word(_ digits: UnsafeBufferPointer<UInt8>, _ start: Int) -> UInt64? {
        var result: UInt64 = 0
        for index in start..<(start + 16) {
            let digit = digits[index]
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): result = result << 4 | UInt64(digit - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): result = result << 4 | UInt64(digit - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return result
    }

    /// The 32 raw bytes.
    public var bytes: [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(Digest.byteCount)
        for word in [words.0, words.1, words.2, words.3] {
            for shift in stride(from: 56, through: 0, by: -8) {
                result.append(UInt8(truncatingIfNeeded: word >> UInt64(shift)))
            }
        }
        return result
    }

    /// Appends the 64 lower-case hex digits, as ASCII.
    func appendHex(to result: inout [UInt8]) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 2 * Digest.byteCount) { digits in
            var position = 0
            for word in [words.0, words.1, words.2, words.3] {
                for shift in stride(from: 60, through: 0, by: -4) {
                    let nibble = UInt8(truncatingIfNeeded: word >> UInt64(shift)) & 0xF
                    digits[position] = nibble &+ (nibble < 10 ? 0x30 : 0x57)
                    position += 1
                }
            }
            result.append(contentsOf: digits)
        }
    }

    /// The 64 lower-case hex digits.
    public var hex: String {
        var result: [UInt8] = []
        result.reserveCapacity(2 * Digest.byteCount)
        appendHex(to: &result)
        return String(decoding: result, as: UTF8.self)
    }

    /// The digest of no bytes at all.
    public static let ofNothing = Digest(hashing: [UInt8]())

    public static func == (left: Digest, right: Digest) -> Bool {
        left.words == right.words
    }

    public func hash(into hasher: inout Hasher) {
        // The digest is uniformly distributed already; two words make collisions in a table as rare as four do.
        hasher.combine(words.0)
        hasher.combine(words.1)
    }
}

extension Digest: Comparable {
    public static func < (left: Digest, right: Digest) -> Bool { left.words < right.words }
}

extension Digest: CustomStringConvertible {
    public var description: String { hex }
}

extension Digest: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let value = Digest(hex: text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "a digest is 64 lower-case hex digits")
        }
        self = value
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(hex)
    }
}

/// Computes a `Digest` piece by piece.
package struct DigestHasher {
    private var state = SHA256()

    package init() {}

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        state.update(bufferPointer: bytes)
    }

    package func finalize() -> Digest {
        let result = state.finalize()
        return result.withUnsafeBytes { Digest(exactly: $0) }
    }
}

extension Digest {
    /// From memory that is known to hold 32 bytes.
    init(exactly bytes: UnsafeRawBufferPointer) {
        words = (
            UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
            UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
            UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self)),
            UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 24, as: UInt64.self))
        )
    }
}
