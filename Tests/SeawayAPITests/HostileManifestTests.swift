import Foundation
import KubernetesModel
import Testing

@testable import SeawayAPI

/// Texts that are made to hurt: each is answered, quickly and with few words, and none ends the process.
@Suite("Hostile manifests") struct HostileManifestTests {
    private static let head = "name: shop\nenvironments: [{name: dev}]\n"

    /// `&a0 [x], &a1 [*a0, *a0, …], …`: each level stands for `fan` times the level before.
    private static func bomb(levels: Int, fan: Int) -> String {
        var lines = ["x-0: &a0 [x, x]"]
        for level in 1...levels {
            lines.append("x-\(level): &a\(level) [\(Array(repeating: "*a\(level - 1)", count: fan).joined(separator: ", "))]")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var yaml: String
        /// Part of the first message; `nil` for a text that is fine.
        var message: String?
    }

    static let corpus: [Case] = [
        Case(testDescription: "an alias bomb", yaml: head + bomb(levels: 12, fan: 9), message: "holds too many values, aliases included"),
        Case(
            testDescription: "an alias bomb of mappings", yaml: head + "x-a: &a {a: 1}\n" + (0..<40).map { "x-\($0): &a {l: *a, r: *a}\n" }.joined(),
            message: "holds too many"),
        Case(testDescription: "an alias bomb as a key", yaml: head + bomb(levels: 12, fan: 9) + "? *a12\n: x\n", message: "has aliases in keys"),
        Case(
            testDescription: "an alias bomb in a flow key", yaml: head + bomb(levels: 12, fan: 9) + "x-k: {[*a12]: x}\n",
            message: "has aliases in keys"),
        Case(
            testDescription: "an alias bomb as an implicit key", yaml: head + bomb(levels: 12, fan: 9) + "x-k: {*a12 : x}\n",
            message: "has aliases in keys"),
        Case(
            testDescription: "an alias bomb by merging",
            yaml: head + "x-a: &a {a: 1}\n" + (0..<30).map { "x-\($0): &a {<<: [*a, *a, *a]}\n" }.joined(),
            message: "holds too many values"),
        Case(testDescription: "an alias to itself", yaml: head + "x-a: &a [*a]\n", message: "found undefined alias"),
        Case(testDescription: "open brackets", yaml: head + "x-a: " + String(repeating: "[", count: 200_000), message: "is nested too deeply"),
        Case(testDescription: "open braces", yaml: head + "x-a: " + String(repeating: "{a: ", count: 100_000), message: "is nested too deeply"),
        Case(testDescription: "deep lists in one line", yaml: String(repeating: "- ", count: 100_000) + "x", message: "is nested too deeply"),
        Case(testDescription: "deep keys in one line", yaml: String(repeating: "? ", count: 100_000) + "x", message: "is nested too deeply"),
        Case(
            testDescription: "deep mappings, each further in", yaml: head + (0..<400).map { String(repeating: " ", count: $0) + "x-a:\n" }.joined(),
            message: "is nested too deeply"),
        Case(
            testDescription: "two hundred levels", yaml: head + "x-a: \(String(repeating: "[", count: 200))\(String(repeating: "]", count: 200))\n",
            message: "is nested too deeply"),
        Case(
            testDescription: "fifty levels", yaml: head + "x-a: \(String(repeating: "[", count: 50))\(String(repeating: "]", count: 50))\n",
            message: nil),
        Case(testDescription: "a huge value", yaml: head + "version: " + String(repeating: "a", count: 900_000), message: nil),
        Case(
            testDescription: "a huge wrong value", yaml: "name: " + String(repeating: "A", count: 900_000) + "\nenvironments: [{name: dev}]",
            message: "is no valid name"),
        Case(
            testDescription: "a huge number", yaml: head.replacing("dev}", with: "dev, replicas: \(String(repeating: "9", count: 500_000))}"),
            message: "whole number"),
        Case(testDescription: "a huge key", yaml: head + String(repeating: "k", count: 900_000) + ": x\n", message: "not valid YAML"),
        Case(
            testDescription: "more than a megabyte", yaml: head + "version: " + String(repeating: "a", count: 1 << 20),
            message: "is larger than 1 MiB"),
        Case(testDescription: "twenty thousand unknown keys", yaml: head + (0..<20_000).map { "k\($0): x\n" }.joined(), message: "unknown field"),
        Case(
            testDescription: "a thousand duplicate keys", yaml: head + (0..<1000).map { "k\($0): x\nk\($0): x\n" }.joined(), message: "more than once"
        ),
        Case(testDescription: "one key ten thousand times", yaml: head + String(repeating: "version: 1\n", count: 10_000), message: "more than once"),
        Case(testDescription: "a key that is a list", yaml: head + "? [a, b]\n: x\n", message: "a key must be a plain word"),
        Case(testDescription: "a key that is nothing", yaml: head + "? \n: x\n", message: "unknown field"),
        Case(testDescription: "NUL", yaml: head + "version: a\u{0}b\n", message: "the character U+0000 is not allowed"),
        Case(testDescription: "an escaped NUL", yaml: "name: \"a\\0b\"\nenvironments: [{name: dev}]\n", message: "is no valid name"),
        Case(testDescription: "a byte order mark", yaml: "\u{FEFF}" + head, message: nil),
        Case(
            testDescription: "a byte order mark in the middle", yaml: "name: \u{FEFF}shop\nenvironments: [{name: dev}]\n", message: nil
        ),
        Case(testDescription: "Windows line ends", yaml: head.replacing("\n", with: "\r\n"), message: nil),
        Case(testDescription: "old Mac line ends", yaml: head.replacing("\n", with: "\r"), message: nil),
        Case(testDescription: "tabs", yaml: "name: shop\nenvironments:\n\t- name: dev\n", message: "indent with spaces, not with tabs"),
        Case(testDescription: "tabs as blanks", yaml: "name:\tshop\t\nenvironments:\t[{name:\tdev}]\n", message: nil),
        Case(testDescription: "two documents", yaml: head + "---\n" + head, message: "a second YAML document begins here"),
        Case(testDescription: "a document that is closed", yaml: "---\n" + head + "...\n", message: nil),
        Case(testDescription: "only a directive", yaml: "%YAML 1.2\n", message: "not valid YAML"),
        Case(testDescription: "a YAML 1.1 directive", yaml: "%YAML 1.1\n---\n" + head, message: nil),
        Case(
            testDescription: "a tag of a program", yaml: "name: !!python/object/apply:os.system [id]\nenvironments: [{name: dev}]\n",
            message: "name: expected lower-case"),
        Case(testDescription: "binary", yaml: "name: !!binary c2hvcA==\nenvironments: [{name: dev}]\n", message: "is no valid name"),
        Case(testDescription: "terminal commands", yaml: "name: \"\\e[2Jx\"\nenvironments: [{name: dev}]\n", message: "is no valid name"),
        Case(testDescription: "text from right to left", yaml: "name: \u{202E}pohs\nenvironments: [{name: dev}]\n", message: "is no valid name"),
        Case(testDescription: "a merge of a scalar", yaml: head + "<<: x\n", message: "merges a mapping"),
        Case(testDescription: "the markers of duplicate keys", yaml: head + "\u{E000}ersion: x\n", message: "unknown field"),
        Case(testDescription: "quotes without end", yaml: "name: \"shop\nenvironments: [{name: dev}]\n", message: "not valid YAML"),
        Case(testDescription: "a block without end", yaml: "name: |\n", message: "is empty"),
        Case(testDescription: "only brackets", yaml: "]]]]}}}}", message: "not valid YAML"),
        Case(testDescription: "a lone question mark", yaml: "?", message: "name: is missing"),
        Case(testDescription: "a lone ampersand", yaml: "&", message: "not valid YAML"),
    ]

    @Test(arguments: corpus) func answers(_ hostile: Case) {
        let errors = messages { () throws(ManifestErrors) in _ = try Manifest.parse(yaml: hostile.yaml, file: "m.yaml") }
        if let message = hostile.message {
            #expect(errors.contains { $0.contains(message) }, "\(errors.prefix(3).map { $0.prefix(300) })")
        } else {
            #expect(errors == [])
        }
        #expect(errors.count <= ManifestErrors.limit + 1)
        #expect(errors.allSatisfy { $0.utf8.count < 4000 }, "an error that nobody reads")
    }

    @Test func `what is no text is said to be none`() throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "manifest-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        func errors(_ bytes: [UInt8]) throws -> [String] {
            let path = directory.appending(path: "m.yaml").path
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            return messages { () throws(ManifestErrors) in _ = try Manifest.load(path: path) }.map { $0.replacing(path, with: "m.yaml") }
        }
        #expect(try errors(Array("name: shop\nversion: ".utf8) + [0xFF, 0xFE, 0x41]) == ["m.yaml: is not UTF-8 text"])
        // UTF-16 with its byte order mark.
        #expect(try errors([0xFF, 0xFE] + Array("name: a".utf16).flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }) == ["m.yaml: is not UTF-8 text"])
        #expect(try errors([0xC0, 0x80]) == ["m.yaml: is not UTF-8 text"])
        #expect(try errors(Array(repeating: 0x61, count: 3 << 20)) == ["m.yaml: is larger than 1 MiB, which no manifest is"])
        #expect(try errors([]) == ["m.yaml:1:1: is empty, expected at least 'name' and 'environments'"])
        #expect(messages { () throws(ManifestErrors) in _ = try Manifest.load(path: directory.path) } == ["\(directory.path): cannot be read"])
        // A device that never ends.
        #expect(
            messages { () throws(ManifestErrors) in _ = try Manifest.load(path: "/dev/zero") } == [
                "/dev/zero: is larger than 1 MiB, which no manifest is"
            ])
    }

    /// Every place of a good manifest broken in several ways: nothing crashes, and what is still accepted is so for a reason.
    @Test func `a broken manifest is answered wherever it is broken`() throws {
        let good = Array(ManifestTests.published.utf8)
        let pieces: [[UInt8]] = [
            [], Array("[".utf8), Array("\t".utf8), Array("\"".utf8), Array(": ".utf8), Array("*a".utf8), Array("&a ".utf8), [0x00],
            [0xEF, 0xBB, 0xBF],
        ]
        var refused = 0
        for position in stride(from: 0, to: good.count, by: 17) {
            for piece in pieces {
                let text = String(decoding: good[..<position] + piece + good[(position + (piece.isEmpty ? 1 : 0))...], as: UTF8.self)
                if !messages({ () throws(ManifestErrors) in _ = try Manifest.parse(yaml: text) }).isEmpty { refused += 1 }
            }
        }
        #expect(refused > 100)
    }
}
