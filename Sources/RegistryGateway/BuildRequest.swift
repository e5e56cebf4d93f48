/// A request that a builder sends to the registry, as far as builders need any.
///
/// See <https://github.com/opencontainers/distribution-spec/blob/main/spec.md#endpoints>.
struct BuildRequest: Equatable {
    enum Resource: Equatable {
        case manifest(reference: String)
        case blob(digest: String)
        /// Where uploads begin.
        case uploads
        /// An upload that has begun; what names it is ours, see `UploadLocations`.
        case upload(name: String)
        case tags
        case referrers(digest: String)
    }

    var repository: String
    var resource: Resource

    /// - Parameter path: what follows `/v2/`, as it was sent.
    /// - Returns: `nil` for what is no such request: nothing that needs decoding is one, so that a path means the same to everybody.
    init?(path: String) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let count = parts.count
        guard count >= 3 else { return nil }
        let (last, kind) = (parts[count - 1], parts[count - 2])
        let end: Int
        switch (kind, last) {
        case ("uploads", _) where count >= 4 && parts[count - 3] == "blobs":
            end = count - 3
            resource = last.isEmpty ? .uploads : .upload(name: last)
        case ("blobs", "uploads"):
            end = count - 2
            resource = .uploads
        case ("manifests", _):
            end = count - 2
            resource = .manifest(reference: last)
        case ("blobs", _):
            end = count - 2
            resource = .blob(digest: last)
        case ("tags", "list"):
            end = count - 2
            resource = .tags
        case ("referrers", _):
            end = count - 2
            resource = .referrers(digest: last)
        default: return nil
        }
        let segments = parts[..<end]
        guard !segments.isEmpty, segments.allSatisfy(Self.isSegment), last.utf8.allSatisfy(Self.isPlain) else { return nil }
        repository = segments.joined(separator: "/")
    }

    static func isRepository(_ name: String) -> Bool {
        name.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { isSegment(String($0)) }
    }

    private static func isSegment(_ text: String) -> Bool {
        func isWord(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) }
        guard let first = text.utf8.first, let last = text.utf8.last, isWord(first), isWord(last) else { return false }
        return text.utf8.allSatisfy { isWord($0) || [0x2D, 0x2E, 0x5F].contains($0) }
    }

    /// Letters, digits and `-._:+=`.
    private static func isPlain(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte) || (0x30...0x3A).contains(byte) || [0x2B, 0x2D, 0x2E, 0x3D, 0x5F].contains(byte)
    }
}

/// What builds of one Environment may do in the registry.
struct BuildRights {
    /// The Environment's own repository; its image and its layer cache are there.
    var repository: String
    /// Beginnings of the names of further repositories that may be read, for base images: `base/` or `base/python`.
    var readable: [String]

    private var own: [String] { [repository, "\(repository)/cache"] }

    enum Verdict: Equatable {
        /// The token has to allow this, in the words of the registry's own `scope`.
        case allowed(scope: String)
        /// The code is one of the distribution specification's.
        case refused(code: String, message: String)
    }

    func verdict(on method: String, _ request: BuildRequest) -> Verdict {
        let isRead = method == "GET" || method == "HEAD"
        let isWrite =
            switch request.resource {
            case .manifest: method == "PUT"
            case .uploads: method == "POST"
            // Asking how far an upload has come is part of writing.
            case .upload: ["GET", "PATCH", "PUT", "DELETE"].contains(method)
            case .blob, .tags, .referrers: false
            }
        if isWrite {
            guard own.contains(request.repository) else {
                return .refused(
                    code: "DENIED", message: "a build may write to its own repository \(repository) only, and \(request.repository) is another")
            }
            return .allowed(scope: "repository:\(request.repository):pull,push")
        }
        guard isRead, request.resource != .uploads else {
            return .refused(code: "UNSUPPORTED", message: "a build may not send \(method) to this")
        }
        guard mayRead(request.repository) else {
            return .refused(
                code: "DENIED",
                message: "the repository \(request.repository) is not among those that builds may read; "
                    + "whoever runs Seaway allows it with --registry-readable")
        }
        return .allowed(scope: "repository:\(request.repository):pull")
    }

    func mayRead(_ name: String) -> Bool {
        guard BuildRequest.isRepository(name) else { return false }
        return own.contains(name)
            || readable.contains { prefix in name == prefix || name.hasPrefix(prefix.hasSuffix("/") ? prefix : "\(prefix)/") }
    }
}
