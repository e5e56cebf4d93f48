import Source

/// The keys of an environment's objects.
struct StorageLayout {
    let environment: ObjectName

    /// Everything of the environment.
    var prefix: String { "sources/\(environment.namespace)/\(environment.name)/" }

    /// A tree's canonical form, compressed.
    func tree(_ revision: Digest) -> String { "\(trees)\(revision.hex)" }

    private var trees: String { "\(prefix)trees/" }

    /// The revisions in the order in which they were posted, a line each.
    var history: String { "\(prefix)history" }

    var packs: String { "\(prefix)packs/" }

    func pack(_ id: Digest) -> String { "\(packs)\(id.hex)" }

    /// What is in a pack. Written after the pack, so a pack with an index is complete.
    func index(_ id: Digest) -> String { "\(pack(id)).index" }

    /// The revision whose tree has that key; `nil` for other keys.
    func revision(ofTree key: String) -> Digest? {
        key.hasPrefix(trees) ? Digest(hex: key.dropFirst(trees.count)) : nil
    }

    /// The pack whose bytes have that key; `nil` for other keys.
    func packID(ofBytes key: String) -> Digest? {
        key.hasPrefix(packs) ? Digest(hex: key.dropFirst(packs.count)) : nil
    }

    /// The pack whose index has that key; `nil` for other keys.
    func packID(ofIndex key: String) -> Digest? {
        guard key.hasPrefix(packs), key.hasSuffix(".index") else { return nil }
        return Digest(hex: key.dropFirst(packs.count).dropLast(".index".count))
    }
}

/// The list of chunks in a pack, as it is stored: a header line, then a line `SHA256 LENGTH` for each.
struct PackIndex: Equatable {
    private static let header = "seaway-pack-index 1"

    var chunks: [Pack.Content]

    init(chunks: [Pack.Content]) { self.chunks = chunks }

    /// - Throws: `SourceStoreError` with code `damaged`.
    init(_ bytes: [UInt8]) throws {
        var lines = bytes.split(separator: UInt8(ascii: "\n"))
        guard lines.first?.elementsEqual(PackIndex.header.utf8) == true else {
            throw SourceStoreError(.damaged, "A stored index of a pack is of no known version.")
        }
        lines.removeFirst()
        chunks = try lines.map { line in
            let fields = line.split(separator: UInt8(ascii: " "))
            guard fields.count == 2, let digest = Digest(hex: String(decoding: fields[0], as: UTF8.self)),
                let length = Int(String(decoding: fields[1], as: UTF8.self)), (1...SourceTree.chunkSize).contains(length)
            else { throw SourceStoreError(.damaged, "A stored index of a pack is damaged.") }
            return Pack.Content(digest: digest, length: length)
        }
    }

    var bytes: [UInt8] {
        var text = PackIndex.header + "\n"
        for chunk in chunks { text += "\(chunk.digest.hex) \(chunk.length)\n" }
        return Array(text.utf8)
    }
}
