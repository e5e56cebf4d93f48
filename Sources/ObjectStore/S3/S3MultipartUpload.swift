import NIOHTTP1

/// Stores an object in parts, so that a cut costs a part and not the object. The object appears when all are there.
/// See <https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html>.
struct S3MultipartUpload: Sendable {
    /// Bytes of a part; S3 takes no smaller ones than 5 MiB but the last, and 10,000 of them.
    static let partSize = 8 << 20
    private static let partsAtOnce = 3

    /// The key in the bucket.
    var key: String
    /// What is done, for errors.
    var what: String
    /// Sends a request, and creates the bucket when it is missing.
    var send: @Sendable (S3Request, String) async throws -> S3Answer
    var connection: S3Connection

    func run(_ bytes: [UInt8], partSize: Int = S3MultipartUpload.partSize) async throws {
        let answer = try await send(.beginUpload(key), what)
        guard answer.isSuccess else { throw connection.failure(what, answer) }
        // By the last name alone: not every server spells the one around it as S3 does.
        guard let id = S3XML(answer.body)?.values.first(where: { $0.path.hasSuffix("/UploadId") })?.text, !id.isEmpty else {
            throw ObjectStoreError(.invalidResponse, "Cannot \(what): the S3 store began an upload without saying which.")
        }
        do {
            let tags = try await upload(bytes, id, partSize)
            let done = try await connection.send(.completeUpload(key, id: id, tags: tags), what)
            guard done.isSuccess else { throw connection.failure(what, done) }
        } catch {
            // Parts that belong to nothing cost money until someone removes them.
            await connection.sendLast(.abortUpload(key, id: id))
            throw error
        }
    }

    private func upload(_ bytes: [UInt8], _ id: String, _ partSize: Int) async throws -> [String] {
        let offsets = Array(stride(from: 0, to: bytes.count, by: partSize))
        return try await withThrowingTaskGroup(of: (Int, String).self) { tasks in
            var tags = [String](repeating: "", count: offsets.count)
            for (index, offset) in offsets.enumerated() {
                if index >= Self.partsAtOnce, let (done, tag) = try await tasks.next() { tags[done] = tag }
                tasks.addTask { (index, try await part(index + 1, Array(bytes[offset..<min(offset + partSize, bytes.count)]), id)) }
            }
            for try await (done, tag) in tasks { tags[done] = tag }
            return tags
        }
    }

    private func part(_ number: Int, _ bytes: [UInt8], _ id: String) async throws -> String {
        let answer = try await connection.send(.uploadPart(key, id: id, number: number, bytes), what)
        guard answer.isSuccess else { throw connection.failure(what, answer) }
        guard let tag = answer.headers.first(name: "etag"), !tag.isEmpty else {
            throw ObjectStoreError(.invalidResponse, "Cannot \(what): the S3 store took a part without naming it.")
        }
        return tag
    }
}
