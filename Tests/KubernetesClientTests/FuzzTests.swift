import Foundation
import Fuzzing
import KubernetesModel
import NIOCore
import Testing

@testable import KubernetesClient

/// Foreign bytes, damaged at random: whatever comes, it is refused with an error of ours or taken.
@Suite struct FuzzTests {
    @Test func watchStreamsAreRefusedOrRead() throws {
        let events = [
            #"{"type":"ADDED","object":{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","resourceVersion":"7"},"data":{"k":"v"}}}"#,
            #"{"type":"BOOKMARK","object":{"kind":"ConfigMap","metadata":{"resourceVersion":"8"}}}"#,
            #"{"type":"ERROR","object":{"kind":"Status","status":"Failure","reason":"Expired","code":410,"message":"too old"}}"#,
            #"{"type":"DELETED","object":{"metadata":{"name":"ü","labels":{"a":"b"},"creationTimestamp":"2026-01-02T03:04:05Z"}}}"#,
        ]
        let stream = Array((events.joined(separator: "\n") + "\n").utf8)
        var mutator = ByteMutator(seed: 0x5EA_11, tokens: ["\n", "{", "}", "\"", "[[[[[[[[", "\\u", "\\ud800", "null", "1e999", ":"])
        var read = 0
        var refused = 0
        for round in 0..<ByteMutator.rounds(5_000) {
            let bytes = mutator.damage(stream)
            var splitter = LineSplitter(limit: 300, overflow: round % 2 == 0 ? .fail : .cut)
            do {
                // In two pieces, as networks deliver.
                let middle = round % (bytes.count + 1)
                let lines = try splitter.feed(ByteBuffer(bytes: bytes[..<middle])) + splitter.feed(ByteBuffer(bytes: bytes[middle...]))
                #expect(lines.allSatisfy { $0.count <= 300 })
                for line in lines where !line.isEmpty {
                    _ = try WatchEvent<ConfigMap>(line: line)
                    read += 1
                }
            } catch is LineSplitter.LineTooLong {
                refused += 1
            } catch is DecodingError {
                refused += 1
            }
        }
        #expect(read > 1_000 && refused > 1_000, "both sides are met: \(read), \(refused)")
    }

    @Test func kubeconfigsAreRefusedOrRead() throws {
        var mutator = ByteMutator(
            seed: 0x5EA_12, tokens: [": ", "\n", "\n  - ", "{", "}", "[", "&a ", "*a", "!!binary ", "? ", "|\n", "\t", "---\n", "'", "\"", "<<: "])
        var read = 0
        var refused = 0
        for _ in 0..<ByteMutator.rounds(2_000) {
            let bytes = mutator.damage(KubeconfigTests.good.utf8)
            guard let text = String(bytes: bytes, encoding: .utf8) else { continue }
            do {
                var config = Kubeconfig()
                config.add(try KubeconfigFile.parse(text, path: "config"), file: "/config")
                _ = try config.configuration(context: "prod")
                read += 1
            } catch is KubernetesError {
                refused += 1
            }
        }
        #expect(read > 100 && refused > 100, "both sides are met: \(read), \(refused)")
    }

    /// Each level stands for nine times the level before.
    @Test func anAliasBombIsRefused() throws {
        var lines = ["a0: &a0 [x, x]"]
        for level in 1...12 { lines.append("a\(level): &a\(level) [\(Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", "))]") }
        lines.append("clusters: [{name: one, cluster: {server: 'https://one.test', extensions: [{name: x, extension: *a12}]}}]")
        let error = #expect(throws: KubernetesError.self) { try KubeconfigFile.parse(lines.joined(separator: "\n"), path: "config") }
        #expect(error?.message.contains("too many values, aliases included") == true, "\(String(describing: error?.message))")
        let deep = "users: " + String(repeating: "[", count: 200_000)
        #expect(throws: KubernetesError.self) { try KubeconfigFile.parse(deep, path: "config") }
    }
}
