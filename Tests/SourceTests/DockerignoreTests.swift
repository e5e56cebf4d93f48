import Foundation
import Testing

@testable import Source

/// The selection beside what Docker itself makes of the same files: `dockerignore.json` holds the answers of BuildKit's reader of these
/// files and of moby/patternmatcher 0.5 (`MatchesOrParentMatches`), from Debian's packages of their sources.
@Suite struct DockerignoreTests {
    struct Corpus: Decodable {
        struct Case: Decodable, Sendable, CustomTestStringConvertible {
            var ignore: String
            /// Whichever of the two is shorter.
            var kept: [String]?
            var ignored: [String]?
            var testDescription: String { ignore.debugDescription }
        }

        var files: [String]
        var cases: [Case]

        static let shared: Corpus = {
            let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "dockerignore.json")
            do {
                return try JSONDecoder().decode(Corpus.self, from: Data(contentsOf: file))
            } catch {
                fatalError("\(file.path): \(error)")
            }
        }()
    }

    @Test(arguments: Corpus.shared.cases) func `every file is taken that Docker takes, and no other`(example: Corpus.Case) throws {
        let files = Corpus.shared.files
        let kept = example.kept ?? files.filter { !(example.ignored ?? []).contains($0) }
        let selection = try Selection(dockerignore: example.ignore)
        #expect(files.filter(selection.takes) == kept)
    }

    @Test(
        arguments: [
            (nil, []), ("*.md", []), ("*", [".dockerignore", "docker/Dockerfile"]), (".dockerignore", [".dockerignore"]),
            ("docker\n.*", [".dockerignore", "docker/Dockerfile"]), ("docker\n!docker/Dockerfile", []),
        ] as [(String?, [String])])
    func `a builder leaves out what was only sent for its own sake`(dockerignore: String?, left: [String]) throws {
        let text = try Selection.builderIgnoreFile(dockerignore: dockerignore, always: ["docker/Dockerfile"])
        #expect(text.split(separator: "\n") == [".seaway/nothing"] + left.map { Substring($0) })
        let again = try Selection(dockerignore: text, sendsIgnoreFile: false)
        #expect(left.allSatisfy { !again.takes($0) } && again.takes("a/b"))
    }

    @Test func `the corpus has both kinds`() {
        #expect(Corpus.shared.cases.count > 100)
        #expect(Corpus.shared.cases.contains { $0.kept?.isEmpty == true } && Corpus.shared.cases.contains { $0.ignored?.isEmpty == true })
    }
}
