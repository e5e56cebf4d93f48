import Fuzzing
import Testing

@testable import SeawayDependencies

/// What kustomize, Helm or a user wrote, damaged at random: refused with the place, or read.
@Suite struct FuzzTests {
    @Test(.timeLimit(.minutes(60))) func dependenciesAreRefusedOrRead() {
        let text = """
            # first
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: a, namespace: b, labels: {x: "${NAME}"}}
            data:
              n: 0644
              w: |
                two
                lines
            ---
            apiVersion: v1
            kind: List
            items:
            - {apiVersion: v1, kind: Secret, metadata: {name: b}}
            """
        var mutator = ByteMutator(
            seed: 0x5EA_61,
            tokens: [
                ": ", "\n", "\n- ", "{", "}", "[", "&a ", "*a", "!!binary ", "? ", "|\n", "\t", "---\n", "'", "\"", "<<: ", "${", "kind: List\n",
            ])
        let variables = Variables(own: ["NAME": "shop"], environment: [:], file: [:])
        var read = 0
        var refused = 0
        for _ in 0..<ByteMutator.rounds(2_000) {
            do {
                _ = try YAMLObjects.read(String(decoding: mutator.damage(text.utf8), as: UTF8.self), file: "f", variables: variables)
                read += 1
            } catch {
                #expect(!error.problems.isEmpty)
                refused += 1
            }
        }
        #expect(read > 100 && refused > 100, "both sides are met: \(read), \(refused)")
    }
}
