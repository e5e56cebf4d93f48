import Foundation
import ObjectStore
import Source
import SourceTransfer
import Synchronization
import Testing

@testable import SourceService

@Suite struct SourceStoreTests {
    private func withStore(_ body: (DirectoryObjectStore, SourceStore) async throws -> Void) async throws {
        let directory = NSTemporaryDirectory() + "seaway-sources-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let objects = DirectoryObjectStore(root: directory)
        try await body(objects, SourceStore(objects: objects))
    }

    private func file(_ text: String) throws -> (tree: [UInt8], revision: Digest, pack: Pack) {
        let bytes = Array(text.utf8)
        let digest = Digest(hashing: bytes)
        let canonical = Array("seaway-tree 1\0f \(bytes.count) \(digest.hex) a\0".utf8)
        var writer = PackWriter()
        try writer.append(digest, bytes)
        return (try Zstd.compress(canonical), Digest(hashing: canonical), try writer.finish())
    }

    private let app: ObjectName
    private let app2: ObjectName

    init() throws {
        app = try ObjectName(namespace: "shop", name: "app")
        app2 = try ObjectName(namespace: "shop", name: "app2")
    }

    private func name(_ name: String) throws -> ObjectName { try ObjectName(namespace: "shop", name: name) }

    @Test func whatIsStoredIsFoundByTheNextProcess() async throws {
        try await withStore { objects, store in
            let file = try file("hello")
            #expect(try await store.putPack(file.pack.id, file.pack.bytes, environment: app))
            let next = SourceStore(objects: objects)
            #expect(try await next.postTree(file.tree, environment: app).missing.isEmpty)
            #expect(try await next.putPack(file.pack.id, file.pack.bytes, environment: app) == false)
            #expect(try await next.packs(of: file.revision, environment: app) == [file.pack.id])
            let third = SourceStore(objects: objects)
            #expect(try await third.contains(environment: app, revision: file.revision))
            #expect(try await third.packs(of: file.revision, environment: app) == [file.pack.id])
        }
    }

    @Test func environmentsShareNothing() async throws {
        try await withStore { _, store in
            let file = try file("hello")
            _ = try await store.putPack(file.pack.id, file.pack.bytes, environment: app)
            #expect(try await store.postTree(file.tree, environment: app2).missing.count == 1)
            #expect(try await store.contains(environment: app2, revision: file.revision) == false)
        }
    }

    @Test func removingRemovesEverythingOfOneEnvironment() async throws {
        try await withStore { objects, store in
            let file = try file("hello")
            for environment in ["app", "app-2"] {
                _ = try await store.putPack(file.pack.id, file.pack.bytes, environment: try name(environment))
                _ = try await store.postTree(file.tree, environment: try name(environment))
            }
            try await store.remove(namespace: "shop", environment: "app")
            #expect(try await objects.list("").allSatisfy { $0.hasPrefix("sources/shop/app-2/") })
            #expect(try await objects.list("").count == 4)
            #expect(try await store.contains(environment: app, revision: file.revision) == false)
            // What was remembered is forgotten, so the sources can be sent again.
            #expect(try await store.postTree(file.tree, environment: app).missing == file.pack.chunks.map(\.digest))
            try await store.remove(namespace: "shop", environment: "app")
            try await store.remove(namespace: "shop", environment: "never-there")
            await #expect(throws: SourceStoreError.self) { try await store.remove(namespace: "shop", environment: "..") }
            await #expect(throws: SourceStoreError.self) { try await store.remove(namespace: "", environment: "app-2") }
        }
    }

    /// A bucket that somebody deletes, or an object of it: what is remembered of it is not believed.
    @Test func whatIsGoneFromTheStoreIsAskedForAgain() async throws {
        try await withStore { objects, store in
            let (one, two) = (try file("hello"), try file("world"))
            for file in [one, two] {
                _ = try await store.putPack(file.pack.id, file.pack.bytes, environment: app)
                #expect(try await store.postTree(file.tree, environment: app).missing == [])
            }
            try await objects.delete(StorageLayout(environment: app).pack(one.pack.id))
            #expect(try await store.postTree(two.tree, environment: app).missing == [])
            #expect(try await store.postTree(one.tree, environment: app).missing == one.pack.chunks.map(\.digest))

            try await objects.deleteAll("sources/")
            for file in [one, two] {
                #expect(try await store.postTree(file.tree, environment: app).missing == file.pack.chunks.map(\.digest))
                #expect(try await store.putPack(file.pack.id, file.pack.bytes, environment: app))
                #expect(try await store.postTree(file.tree, environment: app).missing == [])
                #expect(try await store.packs(of: file.revision, environment: app) == [file.pack.id])
            }
        }
    }

    @Test func memoryOfIndexesIsBounded() throws {
        let cache = ChunkIndexCache(mostChunks: 25)
        for number in 0..<10 {
            let index = cache[try name("app\(number)")]
            index.add(pack: .ofNothing, (0..<10).map { .init(digest: Digest(hashing: [UInt8(number), $0]), length: 1) })
            cache.trim()
        }
        #expect(cache.count == 2)
        let (last, first) = (try name("app9"), try name("app0"))
        #expect(cache[last].count == 10)
        #expect(cache[first].count == 0)
    }

    @Test func damagedStoresAreReported() async throws {
        try await withStore { objects, store in
            let file = try file("hello")
            _ = try await store.putPack(file.pack.id, file.pack.bytes, environment: app)
            _ = try await store.postTree(file.tree, environment: app)
            let layout = StorageLayout(environment: app)
            try await objects.put(layout.index(file.pack.id), Array("garbage".utf8))
            await #expect { try await SourceStore(objects: objects).packs(of: file.revision, environment: app) } throws: {
                ($0 as? SourceStoreError)?.code == .damaged
            }
            try await objects.put(layout.tree(file.revision), try self.file("other").tree)
            await #expect { try await store.packs(of: file.revision, environment: app) } throws: {
                ($0 as? SourceStoreError)?.code == .damaged
            }
        }
    }

    @Test func indexesRoundTrip() throws {
        let index = PackIndex(chunks: [.init(digest: .ofNothing, length: 1), .init(digest: Digest(hashing: [1]), length: 4 << 20)])
        #expect(try PackIndex(index.bytes) == index)
        for bad in ["", "garbage", "seaway-pack-index 2\n", "seaway-pack-index 1\nabc 1\n", "seaway-pack-index 1\n\(Digest.ofNothing.hex) 0\n"] {
            #expect(throws: SourceStoreError.self) { try PackIndex(Array(bad.utf8)) }
        }
    }

    // MARK: Keeping tasks apart

    @Test(.timeLimit(.minutes(10))) func removingWaitsForWriters() async throws {
        let gate = RemovalGate()
        let app = app
        let order = Shared<[String]>([])
        let (writing, writes) = AsyncStream<Void>.makeStream()
        let (finish, finishes) = AsyncStream<Void>.makeStream()
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                try await gate.write(app) {
                    writes.yield()
                    _ = await finish.first { _ in true }
                    order.withLock { $0.append("written") }
                }
            }
            _ = await writing.first { _ in true }
            tasks.addTask { try await gate.remove(app) { order.withLock { $0.append("removed") } } }
            // Once the removal has begun, others are refused; the writer that was there first is not disturbed.
            while !Task.isCancelled {
                do {
                    try await gate.write(app) {}
                } catch {
                    #expect((error as? SourceStoreError)?.code == .busy)
                    break
                }
                await Task.yield()
            }
            try await gate.write(try name("other")) {}
            finishes.yield()
            try await tasks.waitForAll()
        }
        #expect(order.withLock { $0 } == ["written", "removed"])
        try await gate.write(app) {}
    }

    @Test(.timeLimit(.minutes(10))) func permitsBoundWhatRunsAtOnce() async throws {
        let permits = Permits(3)
        let running = Shared((now: 0, most: 0))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for _ in 0..<50 {
                tasks.addTask {
                    try await permits.withPermit {
                        running.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) }
                        await Task.yield()
                        running.withLock { $0.now -= 1 }
                    }
                }
            }
            try await tasks.waitForAll()
        }
        #expect((1...3).contains(running.withLock { $0.most }))
    }

    @Test(.timeLimit(.minutes(10))) func waitingForAPermitCanBeCancelled() async throws {
        let permits = Permits(1)
        try await permits.withPermit {
            await withTaskGroup(of: Bool.self) { tasks in
                for _ in 0..<20 {
                    tasks.addTask {
                        do {
                            try await permits.withPermit {}
                            return false
                        } catch {
                            return error is CancellationError
                        }
                    }
                }
                tasks.cancelAll()
                #expect(await tasks.allSatisfy { $0 })
            }
        }
        try await permits.withPermit {}
    }
}

/// A value that several tasks change.
final class Shared<Value: Sendable>: Sendable {
    private let value: Mutex<Value>

    init(_ value: Value) { self.value = Mutex(value) }

    func withLock<Result: Sendable>(_ body: (inout Value) -> Result) -> Result {
        value.withLock { value in
            var copy = value
            defer { value = copy }
            return body(&copy)
        }
    }
}
