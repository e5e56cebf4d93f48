import Foundation
import Source
import Synchronization
import Testing

@testable import SourceTransfer

/// The client against answers that are wrong.
@Suite struct TransferClientTests {
    private struct Down: Error {}

    private func client(
        _ transport: @escaping TransferTransport, patience: Duration = .milliseconds(100),
        notice: @escaping @Sendable (TransferNotice) -> Void = { _ in }
    ) -> TransferClient {
        TransferClient(
            transport: transport, patience: TransferPatience(first: patience, later: patience), firstDelay: .milliseconds(1),
            longestDelay: .milliseconds(2), notice: notice)
    }

    private static let chunk = Array("hello".utf8)
    private static let digest = Digest(hashing: chunk)

    private func tree(_ path: String = "a") -> [UInt8] { Array("seaway-tree 1\0f 5 \(Self.digest.hex) \(path)\0".utf8) }

    private func pack(_ bytes: [UInt8] = chunk) throws -> Pack {
        var writer = PackWriter()
        try writer.append(Digest(hashing: bytes), bytes)
        return try writer.finish()
    }

    /// An operator that answers with what it is given.
    private func answering(tree: [UInt8], packs: [Digest], pack: [UInt8]) -> TransferTransport {
        { request in
            if request.path.hasSuffix("/packs") { return TransferResponse(status: 200, body: try JSONEncoder().encode(PacksAnswer(packs: packs))) }
            if request.path.contains("/packs/") { return TransferResponse(status: 200, body: Data(pack)) }
            return TransferResponse(status: 200, body: Data(try Zstd.compress(tree)))
        }
    }

    private func fetch(_ revision: Digest, _ transport: @escaping TransferTransport) async throws -> [String] {
        let directory = NSTemporaryDirectory() + "seaway-fetch-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try await SourceFetcher(namespace: "n", environment: "e", client: client(transport)).fetch(revision: revision, into: directory)
        return try FileManager.default.subpathsOfDirectory(atPath: directory)
    }

    @Test func nothingThatArrivesIsTrusted() async throws {
        let good = try pack()
        let other = try pack(Array("other".utf8))
        let tree = tree()
        let revision = Digest(hashing: tree)
        #expect(try await fetch(revision, answering(tree: tree, packs: [good.id], pack: good.bytes)) == ["a"])
        let hostile = Array("seaway-tree 1\0f 5 \(Self.digest.hex) ../a\0".utf8)
        let wrongLength = Array("seaway-tree 1\0f 6 \(Self.digest.hex) a\0".utf8)
        let table: [(String, Digest, TransferTransport)] = [
            ("another tree", .ofNothing, answering(tree: tree, packs: [good.id], pack: good.bytes)),
            ("a tree that leads out", Digest(hashing: hostile), answering(tree: hostile, packs: [good.id], pack: good.bytes)),
            ("a pack with another content", revision, answering(tree: tree, packs: [good.id], pack: other.bytes)),
            ("too few packs", revision, answering(tree: tree, packs: [], pack: good.bytes)),
            ("a pack without the chunk", revision, answering(tree: tree, packs: [other.id], pack: other.bytes)),
            ("a chunk of another length", Digest(hashing: wrongLength), answering(tree: wrongLength, packs: [good.id], pack: good.bytes)),
            ("a damaged pack", revision, answering(tree: tree, packs: [Digest(hashing: [1, 2, 3])], pack: [1, 2, 3])),
        ]
        for (what, revision, transport) in table {
            await #expect(throws: (any Error).self, "\(what)") { try await fetch(revision, transport) }
        }
    }

    @Test func wholeFilesAreCheckedToo() async throws {
        // Both chunks are right, the digest of the file is not.
        let chunks = [[UInt8](repeating: 0, count: SourceTree.chunkSize), [1]].map { ($0, Digest(hashing: $0)) }
        let tree = Array("seaway-tree 1\0f \(SourceTree.chunkSize + 1) \(Self.digest.hex) a\0c \(chunks[0].1.hex)\0c \(chunks[1].1.hex)\0".utf8)
        var writer = PackWriter()
        for (bytes, digest) in chunks { try writer.append(digest, bytes) }
        let pack = try writer.finish()
        await #expect { try await fetch(Digest(hashing: tree), answering(tree: tree, packs: [pack.id], pack: pack.bytes)) } throws: { error in
            (error as? SourceError)?.code == .invalidTree
        }
    }

    @Test func requestsAreRepeatedWhileThereIsHope() async throws {
        for failures in [1, 2] {
            let count = Mutex(0)
            let client = client(
                { _ in
                    let number = count.withLock {
                        $0 += 1
                        return $0
                    }
                    if number == 1 { throw Down() }
                    return TransferResponse(status: number <= failures ? 503 : 200, body: Data())
                }, patience: .seconds(60))
            #expect(try await client.send(TransferRequest(method: "GET", path: "/"), to: "try").status == 200)
            #expect(count.withLock { $0 } == failures + 1)
        }
    }

    @Test(arguments: [400, 401, 403, 404, 413, 422, 500, 502, 503, 429])
    func refusalsAreFinal(_ status: Int) async throws {
        let count = Mutex(0)
        // Long enough for a second try even when the first one has to wait for a busy machine.
        let client = client(
            { _ in
                count.withLock { $0 += 1 }
                return TransferResponse(status: status, body: try JSONEncoder().encode(StatusAnswer(code: status, reason: "R", message: "why not")))
            }, patience: .seconds(3))
        await #expect {
            try await client.send(TransferRequest(method: "GET", path: "/"), to: "try")
        } throws: { error in
            guard let error = error as? TransferError else { return false }
            return error.status == status && error.message.contains("Cannot try: why not.")
        }
        #expect(count.withLock { $0 > 1 } == (status >= 429 && status != 422))
    }

    /// What is told while a request is repeated: each state once, and its end.
    @Test func waitingIsToldOnceAndItsEnd() async throws {
        let count = Mutex(0)
        let notices = Mutex<[TransferNotice]>([])
        let refusal = StatusAnswer(code: 503, reason: SourceAPI.storeUnavailable, message: "the store is away")
        let client = client(
            { _ in
                let number = count.withLock {
                    $0 += 1
                    return $0
                }
                guard number <= 3 else { return TransferResponse(status: 200, body: Data()) }
                return TransferResponse(status: 503, body: try JSONEncoder().encode(refusal))
            }, patience: .seconds(60), notice: { notice in notices.withLock { $0.append(notice) } })
        _ = try await client.send(TransferRequest(method: "GET", path: "/"), to: "try")
        let error = TransferError(.storeUnavailable, "Cannot try: the store is away.", status: 503)
        #expect(notices.withLock { $0 } == [.trouble(error, patience: .seconds(60)), .recovered])
    }

    @Test func anAnswerThatDoesNotComeIsTold() async throws {
        let (notices, told) = AsyncStream<TransferNotice>.makeStream()
        var patience = TransferPatience()
        patience.silence = .milliseconds(10)
        let client = TransferClient(
            transport: { _ in
                var heard = notices.makeAsyncIterator()
                guard await heard.next() == .silence(what: "try", for: .milliseconds(10)) else { throw Down() }
                return TransferResponse(status: 200, body: Data())
            }, patience: patience, notice: { told.yield($0) })
        #expect(try await client.send(TransferRequest(method: "GET", path: "/"), to: "try").status == 200)
    }

    /// An operator that never answered is given up sooner than one that did, or than the way to it.
    @Test func patienceDependsOnWhoIsAway() async throws {
        for (error, isPatient) in [(TransferError(.interrupted, "no API server"), true), (nil, false)] {
            let count = Mutex(0)
            let client = TransferClient(
                transport: { _ in
                    count.withLock { $0 += 1 }
                    if count.withLock({ $0 }) > 20 { return TransferResponse(status: 200, body: Data()) }
                    if let error { throw error } else { throw Down() }
                }, patience: TransferPatience(first: .milliseconds(5), later: .seconds(60)), firstDelay: .milliseconds(1),
                longestDelay: .milliseconds(2))
            let answer = try? await client.send(TransferRequest(method: "GET", path: "/"), to: "try")
            #expect((answer != nil) == isPatient)
        }
    }

    @Test func anOperatorThatAsksForEverIsLeft() async throws {
        try await withScan { scan in
            let missing = Array(scan.files.keys)
            let revision = scan.tree.revision
            let uploader = SourceUploader(
                namespace: "n", environment: "e",
                client: client { request in
                    if request.method == "PUT" { return TransferResponse(status: 201, body: Data()) }
                    return TransferResponse(status: 200, body: try JSONEncoder().encode(TreeAnswer(revision: revision, missing: missing)))
                })
            await #expect { try await uploader.upload(scan) } throws: { ($0 as? TransferError)?.code == .refused }
        }
    }

    @Test func anOperatorThatAsksForOtherBytesGetsNone() async throws {
        try await withScan { scan in
            let revision = scan.tree.revision
            let uploader = SourceUploader(
                namespace: "n", environment: "e",
                client: client { request in
                    #expect(request.method == "POST")
                    return TransferResponse(status: 200, body: try JSONEncoder().encode(TreeAnswer(revision: revision, missing: [.ofNothing])))
                })
            await #expect { try await uploader.upload(scan) } throws: { ($0 as? TransferError)?.code == .invalidResponse }
        }
    }

    private func withScan(_ body: (SourceScan) async throws -> Void) async throws {
        let directory = NSTemporaryDirectory() + "seaway-upload-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try Data("hello".utf8).write(to: URL(fileURLWithPath: "\(directory)/a"))
        try await body(try await SourceScanner.scan(root: directory, selection: try Selection()))
    }
}
