import Fuzzing
import SeawayAPI
import Testing

@testable import SeawayPlan

/// What builders print and Dockerfiles say, damaged at random: the reason is always one that a build may have.
@Suite struct FuzzTests {
    @Test func buildLogsAndDockerfilesAreExplained() {
        let log = "STEP 1/3: FROM base\nSTEP 2/3: RUN false\nError: building at STEP \"RUN false\": while running runtime: exit status 1"
        let dockerfile = "ARG BASE\nFROM ${BASE}\n# a comment\nRUN false && \\\n  true\nCMD [\"x\"]\n"
        let tokens = ["STEP ", ": ", "\": ", "at STEP \"", "exit status ", "\\\n", "\n", "FROM ", "error", "\u{2028}", "e\u{301}"]
        var mutator = ByteMutator(seed: 0x5EA_71, tokens: tokens)
        var placed = 0
        for _ in 0..<ByteMutator.rounds(5_000) {
            let lines = String(decoding: mutator.damage(log.utf8), as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).map(
                String.init)
            let file = String(decoding: mutator.damage(dockerfile.utf8), as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
                .map(String.init)
            let failure = BuildFailure.classify(log: lines, exitCode: 1)
            #expect(BuildFailure.reasons.contains(failure.reason) && !failure.headline.isEmpty)
            if let place = DockerfilePlace.find(lines, in: file) {
                #expect((1...max(file.count, 1)).contains(place.line))
                placed += 1
            }
        }
        #expect(placed > 30)
    }
}
