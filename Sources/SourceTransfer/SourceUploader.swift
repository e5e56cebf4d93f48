import Foundation
import Source
import Synchronization

/// How far an upload is. Counts are of what has to be sent, not of the whole tree.
public struct UploadProgress: Sendable, Equatable {
    /// Chunks; one for each file of at most 4 MiB.
    public var filesSent: Int
    public var filesTotal: Int
    /// Bytes before compression.
    public var bytesSent: Int
    public var bytesTotal: Int

    public init(filesSent: Int, filesTotal: Int, bytesSent: Int, bytesTotal: Int) {
        self.filesSent = filesSent
        self.filesTotal = filesTotal
        self.bytesSent = bytesSent
        self.bytesTotal = bytesTotal
    }
}

/// What an upload did.
public struct UploadSummary: Sendable, Equatable {
    public var revision: Digest
    /// Files in the tree.
    public var files: Int
    public var chunksSent: Int
    /// Bytes of all request bodies, compressed: what was on the wire.
    public var bytesSent: Int
    public var requests: Int

    public init(revision: Digest, files: Int, chunksSent: Int, bytesSent: Int, requests: Int) {
        self.revision = revision
        self.files = files
        self.chunksSent = chunksSent
        self.bytesSent = bytesSent
        self.requests = requests
    }
}

/// Brings a scanned tree to the operator and sends only what is not there yet.
///
/// The operator says which chunks are missing; they travel in packs, several at once; then the tree is posted again
/// and stored. An upload that broke off goes on where it was: chunks whose packs arrived are no longer missing.
public struct SourceUploader: Sendable {
    private static let packsAtOnce = 4
    /// A chunk may go missing between two questions when somebody cleans the environment meanwhile.
    private static let rounds = 3

    private let api: SourceAPI
    private let client: TransferClient

    /// - Parameter notice: called when the upload has to wait, and when it goes on.
    public init(
        namespace: String, environment: String, patience: TransferPatience = TransferPatience(), transport: @escaping TransferTransport,
        notice: @escaping @Sendable (TransferNotice) -> Void = { _ in }
    ) {
        self.init(namespace: namespace, environment: environment, client: TransferClient(transport: transport, patience: patience, notice: notice))
    }

    init(namespace: String, environment: String, client: TransferClient) {
        api = SourceAPI(namespace: namespace, environment: environment)
        self.client = client
    }

    /// Uploads a tree. When it returns, the operator has stored the tree and everything in it.
    /// - Throws: `TransferError`; `SourceError` when a file is no longer what was scanned; `CancellationError`.
    public func upload(
        _ scan: SourceScan, progress: @escaping @Sendable (UploadProgress) -> Void = { _ in }
    ) async throws -> UploadSummary {
        var posted = try PostedTree(scan)
        var summary = UploadSummary(revision: posted.revision, files: scan.tree.fileCount, chunksSent: 0, bytesSent: 0, requests: 0)
        let reader = try scan.reader()
        for _ in 0..<Self.rounds {
            let answer = try await post(&posted, &summary)
            if answer.missing.isEmpty {
                scan.rememberSent(posted.canonical)
                return summary
            }
            try await send(answer.missing, of: scan, reader, &summary, progress)
        }
        throw TransferError(.refused, "The operator asks for the same sources again and again; is somebody deleting the environment?")
    }

    /// The body of the tree, in full or as a difference to the one sent last.
    private struct PostedTree {
        let canonical: [UInt8]
        let revision: Digest
        var base: Digest?
        var body: [UInt8]

        init(_ scan: SourceScan) throws {
            canonical = scan.tree.canonical
            revision = Digest(hashing: canonical)
            if let last = scan.lastSent() {
                base = Digest(hashing: last)
                body = try Zstd.compress(canonical, prefix: last)
            } else {
                body = try Zstd.compress(canonical)
            }
        }

        mutating func becomeFull() throws {
            base = nil
            body = try Zstd.compress(canonical)
        }
    }

    private func post(_ tree: inout PostedTree, _ summary: inout UploadSummary) async throws -> TreeAnswer {
        while true {
            let request = api.postTree(tree.body, base: tree.base)
            summary.requests += 1
            summary.bytesSent += tree.body.count
            let response = try await client.send(request, to: "send the list of files", accepting: tree.base == nil ? [] : [409])
            if response.status == 409 {
                // The operator does not have the tree that this one refers to.
                try tree.becomeFull()
                continue
            }
            let answer = try TransferClient.decode(TreeAnswer.self, response)
            guard answer.revision == tree.revision else {
                throw TransferError(.invalidResponse, "The operator stored another revision than was sent.")
            }
            return answer
        }
    }

    private func send(
        _ missing: [Digest], of scan: SourceScan, _ reader: SourceScan.ChunkReader, _ summary: inout UploadSummary,
        _ progress: @escaping @Sendable (UploadProgress) -> Void
    ) async throws {
        let groups = try SourceUploader.groups(missing, of: scan)
        let total = UploadProgress(
            filesSent: 0, filesTotal: missing.count, bytesSent: 0, bytesTotal: missing.reduce(0) { $0 + (scan.files[$1]?.length ?? 0) })
        let state = ProgressState(total)
        progress(total)
        var sizes: [Int] = []
        try await withThrowingTaskGroup(of: Int.self) { tasks in
            for (index, group) in groups.enumerated() {
                if index >= Self.packsAtOnce, let size = try await tasks.next() { sizes.append(size) }
                tasks.addTask {
                    let pack = try Self.pack(group, reader)
                    _ = try await client.send(api.putPack(pack), to: "send sources")
                    progress(state.add(pack))
                    return pack.bytes.count
                }
            }
            while let size = try await tasks.next() { sizes.append(size) }
        }
        summary.requests += sizes.count
        summary.bytesSent += sizes.reduce(0, +)
        summary.chunksSent += missing.count
    }

    private static func pack(_ group: [Digest], _ reader: SourceScan.ChunkReader) throws -> Pack {
        var writer = PackWriter()
        for digest in group {
            try Task.checkCancellation()
            try writer.append(digest, try reader.bytes(of: digest))
        }
        return try writer.finish()
    }

    /// Divides chunks into packs, in the order of their files: what lies together is alike and compresses well.
    private static func groups(_ missing: [Digest], of scan: SourceScan) throws -> [[Digest]] {
        let located = try Set(missing).map { digest in
            guard let place = scan.files[digest] else {
                throw TransferError(.invalidResponse, "The operator asks for bytes that are not in the tree.")
            }
            return (digest, place)
        }
        let sorted = located.sorted { left, right in
            left.1.path == right.1.path ? left.1.offset < right.1.offset : left.1.path < right.1.path
        }
        var groups: [[Digest]] = []
        var group: [Digest] = []
        var size = 0
        for (digest, place) in sorted {
            if !group.isEmpty, size + place.length > Pack.largestContent || group.count == Pack.mostChunks {
                groups.append(group)
                group = []
                size = 0
            }
            group.append(digest)
            size += place.length
        }
        return groups + (group.isEmpty ? [] : [group])
    }
}

/// Adds up what tasks have sent.
private final class ProgressState: Sendable {
    private let value: Mutex<UploadProgress>

    init(_ start: UploadProgress) { value = Mutex(start) }

    func add(_ pack: Pack) -> UploadProgress {
        value.withLock { value in
            value.filesSent += pack.chunks.count
            value.bytesSent += pack.chunks.reduce(0) { $0 + $1.length }
            return value
        }
    }
}
