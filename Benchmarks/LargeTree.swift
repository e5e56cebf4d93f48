import Foundation

/// A tree of 20,000 files and 500 MB: four fifths of it text, one fifth noise. The same on every machine.
struct LargeTree {
    static let fileCount = 20_000
    let root: String
    private(set) var bytes = 0

    init(root: String) throws {
        self.root = root
        var numbers = SplitMix(state: 20_000)
        let words = (0..<400).map { _ in String(numbers.next() >> 30, radix: 36) }
        var text: [UInt8] = []
        while text.count < 2 << 20 {
            text += Array(words[Int(numbers.next() % 400)].utf8)
            text.append(numbers.next() % 9 == 0 ? 10 : 32)
        }
        var noise: [UInt8] = []
        noise.reserveCapacity(2 << 20)
        while noise.count < 2 << 20 { withUnsafeBytes(of: numbers.next()) { noise += $0 } }

        for number in 0..<LargeTree.fileCount {
            let directory = "\(root)/part-\(number / 400)/package-\(number / 8 % 50)"
            if number % 8 == 0 { try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true) }
            let size = 5_000 + Int(numbers.next() % 40_000)
            let from = Int(numbers.next() % UInt64(text.count - size))
            let body = Array("// file \(number)\n".utf8) + (number % 5 == 0 ? noise : text)[from..<(from + size)]
            guard FileManager.default.createFile(atPath: "\(directory)/file-\(number).txt", contents: Data(body)) else {
                throw BenchmarkError("\(directory) cannot be written")
            }
            bytes += body.count
        }
    }

    /// One of its text files.
    var someFile: String { "\(root)/part-7/package-13/file-\(7 * 400 + 13 * 8 + 1).txt" }
}

/// Numbers that look random and are the same each time (Steele, Lea and Flood: "Fast splittable pseudorandom number generators").
struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
