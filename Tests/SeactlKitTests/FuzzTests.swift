import Foundation
import Fuzzing
import Testing

@testable import SeactlKit

/// Files of secrets, damaged at random: refused without a word of theirs, or read.
@Suite struct FuzzTests {
    @Test func envFilesAreRefusedOrRead() {
        let file = "# planted-comment\nexport A=planted-1\nB='planted 2'\nC=\"planted\\n\\\"3\\\"\"\n\n  D = planted=4 \nE=\n"
        var mutator = ByteMutator(seed: 0x5EA_51, tokens: ["=", "'", "\"", "\\", "\n", "\r\n", "export ", "#", "\u{FEFF}", "\u{2028}"])
        var read = 0
        var refused = 0
        for _ in 0..<ByteMutator.rounds(5_000) {
            do {
                let values = try EnvFile.parse(Data(mutator.damage(file.utf8)), file: ".env")
                #expect(values.keys.allSatisfy { !$0.isEmpty && !$0.contains(" ") })
                read += 1
            } catch {
                #expect(!"\(error)".contains("planted"), "\(error)")
                refused += 1
            }
        }
        #expect(read > 500 && refused > 500, "both sides are met: \(read), \(refused)")
    }
}
