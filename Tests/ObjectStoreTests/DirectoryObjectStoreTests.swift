import Foundation
import ObjectStore
import Testing

@Suite struct DirectoryObjectStoreTests {
    private func withDirectory(_ body: (String) async throws -> Void) async throws {
        let path = NSTemporaryDirectory() + "seaway-store-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await body(path)
    }

    @Test func conformance() async throws {
        try await withDirectory { try await checkConformance(DirectoryObjectStore(root: $0 + "/made/on/demand/")) }
    }

    /// Not part of the common scenario: the S3 server of the tests does not keep it when an object is overwritten
    /// while it is read. Nothing in Seaway overwrites an object with other bytes.
    @Test func readersSeeWholeObjectsWhileTheyAreOverwritten() async throws {
        try await withDirectory { root in
            let store = DirectoryObjectStore(root: root)
            try await store.put("a/shared", [UInt8](repeating: 0, count: 100_000))
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for number in 0..<24 {
                    tasks.addTask {
                        try await store.put("a/shared", [UInt8](repeating: UInt8(number), count: 100_000))
                        let seen = try #require(try await store.get("a/shared"))
                        #expect(seen.count == 100_000 && Set(seen).count == 1)
                    }
                }
                try await tasks.waitForAll()
            }
        }
    }

    @Test func nothingIsLeftBehind() async throws {
        try await withDirectory { root in
            let store = DirectoryObjectStore(root: root)
            try await store.put("a/b/c", [1])
            try await store.put("a/d", [1])
            try await store.delete("a/b/c")
            try await store.deleteAll("a/")
            let files = try FileManager.default.subpathsOfDirectory(atPath: root)
            #expect(files == [".incoming"])
        }
    }

    @Test func linksAreNotFollowed() async throws {
        try await withDirectory { root in
            let store = DirectoryObjectStore(root: root)
            try await store.put("secret", [1])
            try FileManager.default.createSymbolicLink(atPath: "\(root)/link", withDestinationPath: "\(root)/secret")
            await #expect(throws: ObjectStoreError.self) { try await store.get("link") }
            #expect(try await store.head("link") == nil)
            #expect(try await store.list("") == ["secret"])
        }
    }

    @Test func aRootThatCannotBeMadeIsNamed() async throws {
        try await withDirectory { root in
            try Data().write(to: URL(fileURLWithPath: root))
            await #expect {
                try await DirectoryObjectStore(root: "\(root)/below").prepare()
            } throws: { ($0 as? ObjectStoreError)?.message.contains(root) == true }
        }
    }
}
