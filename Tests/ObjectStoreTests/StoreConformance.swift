import Foundation
import ObjectStore
import Testing

/// What every store must do; the same scenario runs on each of them.
func checkConformance(_ store: any ObjectStore) async throws {
    try await store.prepare()
    try await store.prepare()
    let base = "conformance-\(UUID().uuidString.lowercased())/"
    do {
        try await checkObjects(store, base)
        try await checkListing(store, base)
        try await checkConcurrency(store, base)
        try await checkKeys(store)
    } catch {
        try await store.deleteAll(base)
        throw error
    }
    try await store.deleteAll(base)
    #expect(try await store.list(base) == [])
    // Deleting what is not there is no error.
    try await store.deleteAll(base)
}

private func checkObjects(_ store: any ObjectStore, _ base: String) async throws {
    let key = "\(base)objects/a.b_c-D"
    #expect(try await store.get(key) == nil)
    #expect(try await store.head(key) == nil)
    try await store.delete(key)

    let all = (0..<5000).flatMap { _ in (0...255).map { UInt8($0) } }
    // More than an S3 store sends in one request.
    let large = Array(repeating: all, count: 10).joined()
    for content in [Array("one".utf8), [], all, Array(large), Array("two".utf8)] {
        try await store.put(key, content)
        #expect(try await store.get(key) == content)
        #expect(try await store.head(key) == content.count)
    }
    // A key is no directory, and a directory is no key.
    #expect(try await store.get("\(key)/below") == nil)
    #expect(try await store.get("\(base)objects") == nil)
    #expect(try await store.head("\(base)objects") == nil)
    try await store.delete(key)
    #expect(try await store.get(key) == nil)
    #expect(try await store.list("\(base)objects/") == [])
}

private func checkListing(_ store: any ObjectStore, _ base: String) async throws {
    let keys = ["list/a/1", "list/a/2", "list/a-b/1", "list/ab/1", "list/b"].map { base + $0 }
    for key in keys { try await store.put(key, [1]) }
    let sorted = keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    #expect(try await store.list("\(base)list/") == sorted)
    #expect(try await store.list("\(base)list/a/") == Array(keys[..<2]))
    #expect(try await store.list("\(base)list/nothing/") == [])
    #expect(try await store.list("").filter { $0.hasPrefix(base) } == sorted)

    // A neighbour whose name begins alike stays.
    try await store.deleteAll("\(base)list/a/")
    #expect(try await store.list("\(base)list/") == sorted.filter { !$0.hasPrefix("\(base)list/a/") })
    try await store.deleteAll("\(base)list/")
}

/// Many writers and deleters at once: nobody disturbs anybody.
private func checkConcurrency(_ store: any ObjectStore, _ base: String) async throws {
    try await withThrowingTaskGroup(of: Void.self) { tasks in
        for number in 0..<24 {
            tasks.addTask {
                let key = "\(base)race/\(number % 4)/\(number)"
                try await store.put(key, [UInt8(number)])
                #expect(try await store.get(key) == [UInt8(number)])
                #expect(try await store.head(key) == 1)
                if number % 2 == 0 { try await store.delete(key) }
            }
        }
        try await tasks.waitForAll()
    }
    let kept = (0..<24).filter { $0 % 2 == 1 }.map { "\(base)race/\($0 % 4)/\($0)" }
    let listed = try await store.list("\(base)race/")
    #expect(listed == kept.sorted())
}

private func checkKeys(_ store: any ObjectStore) async throws {
    let bad = [
        "", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", ".hidden", "a/.b", "a b", "a\0b", "a\nb", "é", "a\\b", "a?b", "a%2fb",
        "a+b", String(repeating: "x", count: 256), String(repeating: "x/", count: 600) + "x",
    ]
    for key in bad {
        await #expect(throws: ObjectStoreError.self, "\(key)") { try await store.put(key, [1]) }
        await #expect(throws: ObjectStoreError.self, "\(key)") { try await store.get(key) }
        await #expect(throws: ObjectStoreError.self, "\(key)") { try await store.head(key) }
        await #expect(throws: ObjectStoreError.self, "\(key)") { try await store.delete(key) }
    }
    for prefix in ["", "a", "/", "../", "a/../"] {
        await #expect(throws: ObjectStoreError.self, "\(prefix)") { try await store.deleteAll(prefix) }
    }
}
