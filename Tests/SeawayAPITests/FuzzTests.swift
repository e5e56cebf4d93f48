import Fuzzing
import Testing

@testable import SeawayAPI

/// Manifests, damaged at random: refused with few words, or read. The texts that are made to hurt are in `HostileManifestTests`.
@Suite struct FuzzTests {
    @Test(.timeLimit(.minutes(60))) func manifestsAreRefusedOrRead() {
        let corpus = [
            ManifestTests.published,
            """
            name: shop
            environments:
              - name: dev
                namespace: shop-${USER}
                secrets: [{name: db, fromEnvFile: .env}]
                build: {dockerfile: Dockerfile, include: ["^app/"], buildArgs: {BASE: "x"}}
                network: {ingress: {enabled: true}}
                dependencies:
                  - {name: db, path: k8s/db, wait: [{kind: Deployment, name: db, for: ready, timeout: 60s}]}
            """,
        ]
        var mutator = ByteMutator(
            seed: 0x5EA_41,
            tokens: [": ", "\n", "\n  - ", "{", "}", "[", "&a ", "*a", "!!binary ", "? ", "|\n", "\t", "---\n", "'", "\"", "<<: ", "${", "1e99", "~"])
        var read = 0
        var refused = 0
        for round in 0..<ByteMutator.rounds(2_000) {
            let text = String(decoding: mutator.damage(corpus[round % corpus.count].utf8), as: UTF8.self)
            do {
                _ = try Manifest.parse(yaml: text, file: "m.yaml")
                read += 1
            } catch {
                #expect(!error.errors.isEmpty && error.errors.count <= ManifestErrors.limit + 1)
                refused += 1
            }
        }
        #expect(read > 100 && refused > 100, "both sides are met: \(read), \(refused)")
    }
}
