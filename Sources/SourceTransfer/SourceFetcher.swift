import Foundation
import Source

/// Brings a stored tree into a directory, as the build pod's init container does.
///
/// Nothing that arrives is trusted: the tree must have the revision, every pack its id, every chunk and every file its
/// digest; and nothing is written outside the directory, whatever the tree says.
public struct SourceFetcher: Sendable {
    private static let packsAtOnce = 3

    private let api: SourceAPI
    private let client: TransferClient

    /// - Parameter notice: called when the fetch has to wait, and when it goes on.
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

    /// What was fetched.
    public struct Summary: Sendable, Equatable {
        public var files: Int
        /// Bytes of the files.
        public var size: Int
        /// Bytes on the wire.
        public var bytesReceived: Int
    }

    /// Fetches a tree into a directory.
    /// - Parameter directory: Created when missing; must be empty (a `lost+found` of a fresh volume does not count).
    /// - Throws: `TransferError`, `SourceError`, `CancellationError`. The directory may then hold a part of the tree.
    @discardableResult
    public func fetch(revision: Digest, into directory: String) async throws -> Summary {
        let treeResponse = try await client.send(api.getTree(revision), to: "fetch the list of files")
        let canonical = try Zstd.decompress(Array(treeResponse.body), limit: SourceTree.largestCanonical)
        guard Digest(hashing: canonical) == revision else {
            throw TransferError(.invalidResponse, "The list of files that arrived is not the one of revision \(revision).")
        }
        let tree = try SourceTree(canonical: canonical)
        let writer = try TreeWriter(tree: tree, directory: directory)
        var received = treeResponse.body.count
        if !writer.chunks.isEmpty { received += try await fetchPacks(revision, writer) }
        try writer.finish()
        return Summary(files: tree.fileCount, size: tree.size, bytesReceived: received)
    }

    private func fetchPacks(_ revision: Digest, _ writer: TreeWriter) async throws -> Int {
        let response = try await client.send(api.getPacks(of: revision), to: "fetch the list of packs")
        let packs = try TransferClient.decode(PacksAnswer.self, response).packs
        return try await withThrowingTaskGroup(of: Int.self) { tasks in
            var received = response.body.count
            for (index, id) in packs.enumerated() {
                if index >= Self.packsAtOnce, let size = try await tasks.next() { received += size }
                tasks.addTask { try await fetchPack(id, writer) }
            }
            while let size = try await tasks.next() { received += size }
            return received
        }
    }

    private func fetchPack(_ id: Digest, _ writer: TreeWriter) async throws -> Int {
        let response = try await client.send(api.getPack(id), to: "fetch sources")
        let bytes = Array(response.body)
        guard Digest(hashing: bytes) == id else {
            throw TransferError(.invalidResponse, "The pack \(id) arrived with another content.")
        }
        let reader = try PackReader(bytes)
        while let (digest, chunk) = try reader.next() {
            try Task.checkCancellation()
            try writer.write(digest, chunk)
        }
        return bytes.count
    }
}
