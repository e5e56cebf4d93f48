import Foundation
import NIOCore
import Testing

@testable import KubernetesClient

@Suite struct LineSplitterTests {
    private func lines(_ chunks: [String], limit: Int = 10, overflow: LineSplitter.Overflow = .cut) throws -> [String] {
        var splitter = LineSplitter(limit: limit, overflow: overflow)
        var result: [Data] = []
        for chunk in chunks { result += try splitter.feed(ByteBuffer(string: chunk)) }
        if let last = splitter.finish() { result.append(last) }
        return result.map { String(decoding: $0, as: UTF8.self) }
    }

    @Test(arguments: [
        (["a\nb\n"], ["a", "b"]), (["a", "b\nc", "d"], ["ab", "cd"]), (["\n\n"], ["", ""]), ([], []), (["", "\n", ""], [""]),
        (["1234567890\n"], ["1234567890"]), (["12345678901234\nb\n"], ["1234567890", "b"]), (["123456", "7890123", "4\nb"], ["1234567890", "b"]),
    ])
    func cuts(chunks: [String], expected: [String]) throws {
        #expect(try lines(chunks) == expected)
    }

    @Test func aLineTooLongMayBeAnError() {
        #expect(throws: LineSplitter.LineTooLong.self) { try lines(["123456", "78901"], overflow: .fail) }
    }
}
