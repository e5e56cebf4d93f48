import Foundation
import Logging
import ObjectStore
import Source
import SourceTransfer
import Testing

@testable import SourceService

/// Old sources are removed, on a directory and on a real S3.
@Suite struct SourceCollectionTests {
    private let app: ObjectName

    init() throws { app = try ObjectName(namespace: "shop", name: "app") }

    private func withStore(_ kind: String, lease: Duration = .zero, _ body: (any ObjectStore, SourceStore) async throws -> Void) async throws {
        guard kind == "s3" else {
            let directory = NSTemporaryDirectory() + "seaway-collect-" + UUID().uuidString
            defer { try? FileManager.default.removeItem(atPath: directory) }
            let objects = DirectoryObjectStore(root: directory)
            return try await body(objects, SourceStore(objects: objects, lease: lease))
        }
        try await withS3(bucket: "seaway-collect") { objects in try await body(objects, SourceStore(objects: objects, lease: lease)) }
    }

    private func pack(_ contents: [[UInt8]]) throws -> Pack {
        var writer = PackWriter()
        for bytes in contents { try writer.append(Digest(hashing: bytes), bytes) }
        return try writer.finish()
    }

    private func tree(_ contents: [[UInt8]]) throws -> SourceTree {
        try SourceTree(
            entries: contents.enumerated().map { index, bytes in
                .init(path: "f\(index)", kind: .file(executable: false, size: bytes.count, digest: Digest(hashing: bytes), chunks: []))
            })
    }

    /// Sends what is missing of a tree in one pack, and the tree.
    @discardableResult
    private func sync(_ contents: [[UInt8]], _ store: SourceStore) async throws -> Digest {
        let body = try Zstd.compress(try tree(contents).canonical)
        let missing = Set(try await store.postTree(body, environment: app).missing)
        var seen: Set<Digest> = []
        let new = contents.filter { missing.contains(Digest(hashing: $0)) && seen.insert(Digest(hashing: $0)).inserted }
        if !new.isEmpty {
            let pack = try pack(new)
            _ = try await store.putPack(pack.id, pack.bytes, environment: app)
        }
        let answer = try await store.postTree(body, environment: app)
        #expect(answer.missing.isEmpty)
        return answer.revision
    }

    /// Every chunk of a revision is in the packs that are named for it, as a new process finds them.
    private func expectComplete(_ revision: Digest, _ objects: any ObjectStore, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let store = SourceStore(objects: objects)
        let body = try #require(try await store.tree(revision, environment: app), sourceLocation: sourceLocation)
        var needed = Set(try SourceTree(canonical: try Zstd.decompress(body, limit: SourceTree.largestCanonical)).chunkLengths().keys)
        for id in try #require(try await store.packs(of: revision, environment: app), sourceLocation: sourceLocation) {
            let bytes = try #require(try await store.pack(id, environment: app), sourceLocation: sourceLocation)
            needed.subtract(try PackReader.check(bytes).map(\.digest))
        }
        #expect(needed.isEmpty, sourceLocation: sourceLocation)
    }

    @Test(arguments: ["directory", "s3"]) func fiveRevisionsAndThoseInUseStay(_ kind: String) async throws {
        try await withStore(kind) { objects, store in
            let shared = Array("shared by all".utf8)
            var revisions: [Digest] = []
            for number in 0..<9 { revisions.append(try await sync([shared, Array("content \(number)".utf8)], store)) }
            // The first one still runs.
            try await store.collect(app, inUse: [revisions[0]])
            let stay = [revisions[0]] + revisions.suffix(5)
            for revision in revisions {
                #expect(try await store.contains(environment: app, revision: revision) == stay.contains(revision))
            }
            for revision in stay { try await expectComplete(revision, objects) }
            // Trees, packs, indexes, the history: nothing of the others is left.
            let layout = StorageLayout(environment: app)
            let keys = try await objects.list(layout.prefix)
            #expect(keys.count { layout.revision(ofTree: $0) != nil } == 6)
            #expect(keys.count { layout.packID(ofBytes: $0) != nil } == 6)
            #expect(keys.count { layout.packID(ofIndex: $0) != nil } == 6)
            // What is gone is asked for again, and the memory agrees with the store.
            let again = try Zstd.compress(try tree([shared, Array("content 1".utf8)]).canonical)
            #expect(try await store.postTree(again, environment: app).missing == [Digest(hashing: Array("content 1".utf8))])
        }
    }

    @Test(arguments: ["directory", "s3"]) func packsThatAreMostlyDeadAreWrittenAnew(_ kind: String) async throws {
        try await withStore(kind) { objects, store in
            var random = SystemRandomNumberGenerator()
            let kept = (0..<20_000).map { _ in UInt8.random(in: 0...255, using: &random) }
            let dead = (0..<400_000).map { _ in UInt8.random(in: 0...255, using: &random) }
            try await sync([kept, dead], store)
            var last = Digest.ofNothing
            for number in 0..<6 { last = try await sync([kept, [UInt8(number)]], store) }
            try await store.collect(app, inUse: [])
            let layout = StorageLayout(environment: app)
            var size = 0
            for key in try await objects.list(layout.packs) { size += try await objects.head(key) ?? 0 }
            #expect((20_000..<30_000).contains(size), "the kept chunk is there, the dead one is not: \(size)")
            try await expectComplete(last, objects)
        }
    }

    @Test func manySmallPacksBecomeOne() async throws {
        try await withStore("directory") { objects, store in
            var contents = (0..<60).map { Array("start \($0)".utf8) }
            var last = Digest.ofNothing
            for number in 0..<60 {
                contents[number] = Array("change \(number)".utf8)
                last = try await sync(contents, store)
            }
            #expect(try await store.packs(of: last, environment: app)?.count == 60)
            try await store.collect(app, inUse: [])
            #expect(try await store.packs(of: last, environment: app)?.count == 1)
            try await expectComplete(last, objects)
        }
    }

    @Test func anUploadUnderWayLosesNothing() async throws {
        try await withStore("directory", lease: .seconds(600)) { objects, store in
            for number in 0..<7 { try await sync([[UInt8(number)]], store) }
            // Somebody has asked what is missing of a tree with content that only old revisions have, and sent a part.
            let contents = [[UInt8(0)], Array("new".utf8), Array("newer".utf8)]
            let body = try Zstd.compress(try tree(contents).canonical)
            #expect(try await store.postTree(body, environment: app).missing.count == 2)
            let first = try pack([contents[1]])
            _ = try await store.putPack(first.id, first.bytes, environment: app)
            try await store.collect(app, inUse: [])
            let second = try pack([contents[2]])
            _ = try await store.putPack(second.id, second.bytes, environment: app)
            let answer = try await store.postTree(body, environment: app)
            #expect(answer.missing.isEmpty)
            try await store.collect(app, inUse: [])
            try await expectComplete(answer.revision, objects)
            let trees = try await objects.list(StorageLayout(environment: app).prefix).filter { $0.contains("/trees/") }
            #expect(trees.count == 5)
        }
    }

    @Test func bytesStayReadableForBuildsThatHaveTheList() async throws {
        try await withStore("directory", lease: .seconds(600)) { objects, store in
            let first = try await sync([[1]], store)
            let packs = try #require(try await store.packs(of: first, environment: app))
            for number in 2..<9 { try await sync([[UInt8(number)]], store) }
            try await store.collect(app, inUse: [])
            #expect(try await store.packs(of: first, environment: app) == nil)
            for id in packs { #expect(try await store.pack(id, environment: app) != nil) }
        }
    }

    /// The process ends after each single write of a collection; the next one finds everything, and nothing more than it should.
    @Test func aCrashAtEveryStepLosesNothing() async throws {
        var steps = 0
        while true {
            var survived = false
            try await withStore("directory") { objects, store in
                let big = [UInt8](repeating: 7, count: 300_000)
                let other = [UInt8](repeating: 8, count: 100_000)
                try await sync([big, other], store)
                var revisions: [Digest] = []
                for number in 0..<6 { revisions.append(try await sync([other, [UInt8(number)]], store)) }
                let crashing = CrashingStore(objects, after: steps)
                do {
                    try await SourceStore(objects: crashing, lease: .zero).collect(app, inUse: [])
                    survived = true
                } catch is CrashingStore.Crash {
                }
                for revision in revisions.suffix(5) { try await expectComplete(revision, objects) }
                try await SourceStore(objects: objects, lease: .zero).collect(app, inUse: [])
                for revision in revisions.suffix(5) { try await expectComplete(revision, objects) }
                let keys = try await objects.list("sources/")
                #expect(keys.count { $0.contains("/trees/") } == 5)
                #expect(keys.count { $0.hasSuffix(".index") } * 2 == keys.count { $0.contains("/packs/") })
            }
            if survived { break }
            steps += 1
        }
        #expect(steps > 5)
    }

    @Test(.timeLimit(.minutes(10))) func uploadsAndCollectionsAtOnce() async throws {
        try await withStore("directory", lease: .seconds(600)) { objects, store in
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask {
                    for _ in 0..<60 {
                        try await store.collect(self.app, inUse: [])
                        await Task.yield()
                    }
                }
                for client in 0..<4 {
                    tasks.addTask {
                        for number in 0..<15 {
                            let contents = [Array("shared \(number % 3)".utf8), Array("\(client) \(number)".utf8)]
                            let body = try Zstd.compress(try self.tree(contents).canonical)
                            // As the uploader does: again, until nothing is missing.
                            for round in 0..<20 {
                                let missing = try await store.postTree(body, environment: self.app).missing
                                if missing.isEmpty { break }
                                #expect(round < 19)
                                let pack = try self.pack(contents.filter { missing.contains(Digest(hashing: $0)) })
                                _ = try await store.putPack(pack.id, pack.bytes, environment: self.app)
                            }
                        }
                    }
                }
                try await tasks.waitForAll()
            }
            let layout = StorageLayout(environment: app)
            for revision in try await objects.list(layout.prefix).compactMap(layout.revision(ofTree:)) { try await expectComplete(revision, objects) }
        }
    }

    @Test(.timeLimit(.minutes(10))) func theCollectorFollowsCommits() async throws {
        try await withStore("directory", lease: .seconds(600)) { objects, store in
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { await SourceCollector(store: store, inUse: { _ in [] }, logger: Logger(label: "test")).run() }
                for number in 0..<8 { try await sync([[UInt8(number)]], store) }
                while try await objects.list("sources/").count(where: { $0.contains("/trees/") }) != 5 { await Task.yield() }
                tasks.cancelAll()
            }
        }
    }
}

/// Stops after a number of writes, as a process that is killed.
private final class CrashingStore: ObjectStore {
    struct Crash: Error {}

    private let objects: any ObjectStore
    private let left: Shared<Int>

    init(_ objects: any ObjectStore, after writes: Int) {
        self.objects = objects
        left = Shared(writes)
    }

    private func count() throws {
        let mayGoOn = left.withLock { left in
            left -= 1
            return left >= 0
        }
        guard mayGoOn else { throw Crash() }
    }

    func prepare() async throws { try await objects.prepare() }

    func put(_ key: String, _ bytes: [UInt8]) async throws {
        try count()
        try await objects.put(key, bytes)
    }

    func get(_ key: String) async throws -> [UInt8]? { try await objects.get(key) }

    func head(_ key: String) async throws -> Int? { try await objects.head(key) }

    func list(_ prefix: String) async throws -> [String] { try await objects.list(prefix) }

    func delete(_ key: String) async throws {
        try count()
        try await objects.delete(key)
    }

    func deleteAll(_ prefix: String) async throws {
        try count()
        try await objects.deleteAll(prefix)
    }
}
