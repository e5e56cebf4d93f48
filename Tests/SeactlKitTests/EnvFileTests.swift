import Foundation
import Testing

@testable import SeactlKit

@Suite struct EnvFileTests {
    private func parse(_ text: String) throws -> [String: String] { try EnvFile.parse(Data(text.utf8), file: "/p/.env") }

    @Test func linesQuotesAndComments() throws {
        let text = """
            \u{FEFF}# database
            USER=shop
            export PASSWORD = a=b c\u{20}
            EMPTY=
            SINGLE='a "b" \\n $HOME'
            DOUBLE="line\\none \\"two\\" \\\\ \\$HOME \\d"

              dotted.key-1=#not a comment
            USER=last
            """
        #expect(
            try parse(text) == [
                "USER": "last", "PASSWORD": "a=b c", "EMPTY": "", "SINGLE": "a \"b\" \\n $HOME", "DOUBLE": "line\none \"two\" \\ $HOME \\d",
                "dotted.key-1": "#not a comment",
            ])
        #expect(try parse("A=1\r\nB=2\r\n") == ["A": "1", "B": "2"])
        #expect(try parse("") == [:])
    }

    @Test(arguments: [
        ("A=1\nhunter2", "/p/.env:2: has no '='"), ("hunter 2=x", "/p/.env:1: what stands before '=' is no key"),
        ("=hunter2", "/p/.env:1: what stands before '=' is no key"), ("A='hunter2", "/p/.env:1: the quotes are not closed"),
        ("A=\"hunter2\\\"", "/p/.env:1: the quotes are not closed"), ("A='x'hunter2", "/p/.env:1: the quotes are not closed"),
        ("ключ=hunter2", "/p/.env:1: what stands before '=' is no key"),
    ])
    func mistakesAreNamedByTheirLineAndNotByWhatStandsThere(text: String, message: String) {
        do {
            _ = try parse(text)
            Issue.record("no error")
        } catch {
            let lines = CommandFailure(describing: error).lines.joined(separator: "\n")
            #expect(lines.contains(message), "\(lines)")
            #expect(!lines.contains("hunter"), "\(lines)")
        }
    }

    @Test func bytesThatAreNoText() {
        #expect(throws: CommandFailure.self) { try EnvFile.parse(Data([0x41, 0x3D, 0xFF]), file: "/p/.env") }
    }
}
