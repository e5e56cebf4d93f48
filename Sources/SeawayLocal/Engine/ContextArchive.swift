import Source

/// The build context as a tar stream (POSIX.1-2001 pax), made while it is read: nothing is copied on its way to the builder.
struct ContextArchive: Sendable {
    /// Name of the Dockerfile in the archive.
    let dockerfile: String
    private let entries: [(path: String, entry: SourceTree.Entry)]
    private let scan: SourceScan

    /// - Parameters:
    ///   - context: directory of the tree that is the context; `nil` is the whole tree.
    ///   - dockerfile: path in the tree.
    init(_ scan: SourceScan, context: String?, dockerfile: String) {
        self.scan = scan
        let parts = (context ?? "").split(separator: "/").filter { $0 != "." }
        let prefix = parts.isEmpty ? "" : parts.joined(separator: "/") + "/"
        let path = dockerfile.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
        var entries = scan.tree.entries.filter { $0.path.hasPrefix(prefix) }.map { (path: String($0.path.dropFirst(prefix.count)), entry: $0) }
        if path.hasPrefix(prefix) {
            self.dockerfile = String(path.dropFirst(prefix.count))
        } else {
            // A name that no source has: one that starts with our own is not a file that somebody would copy into an image.
            self.dockerfile = ".seaway.Dockerfile"
            if let entry = scan.tree.entries.first(where: { $0.path == path }) { entries.append((".seaway.Dockerfile", entry)) }
        }
        self.entries = entries
    }

    /// Hands over the archive piece by piece, each at most 4 MiB.
    /// - Throws: `SourceError` when a file is no longer what was scanned; whatever `write` throws.
    func write(_ write: ([UInt8]) async throws -> Void) async throws {
        let reader = try scan.reader()
        var buffer: [UInt8] = []
        for (path, entry) in entries {
            buffer += TarHeader.bytes(path: path, kind: entry.kind)
            if case .file(_, let size, _, _) = entry.kind {
                for chunk in entry.transferChunks {
                    buffer += try reader.bytes(of: chunk.digest)
                    if buffer.count >= 256 << 10 {
                        try await write(buffer)
                        buffer.removeAll(keepingCapacity: true)
                    }
                }
                buffer += [UInt8](repeating: 0, count: (512 - size % 512) % 512)
            }
        }
        try await write(buffer + [UInt8](repeating: 0, count: 1024))
    }
}

/// Headers of ustar, preceded by a pax header where a name or number does not fit.
enum TarHeader {
    static func bytes(path: String, kind: SourceTree.Kind) -> [UInt8] {
        let (type, mode, size, target): (UInt8, Int, Int, String) =
            switch kind {
            case .directory: (UInt8(ascii: "5"), 0o755, 0, "")
            case .file(let executable, let size, _, _): (UInt8(ascii: "0"), executable ? 0o755 : 0o644, size, "")
            case .symlink(let target): (UInt8(ascii: "2"), 0o777, 0, target)
            }
        let name = type == UInt8(ascii: "5") ? path + "/" : path
        var records: [UInt8] = []
        if name.utf8.count > 100 { records += record("path", name) }
        if target.utf8.count > 100 { records += record("linkpath", target) }
        if size >= 1 << 33 { records += record("size", String(size)) }
        let own = header(name, mode: mode, size: size, type: type, target: target)
        guard !records.isEmpty else { return own }
        let padding = [UInt8](repeating: 0, count: (512 - records.count % 512) % 512)
        return header("pax", mode: 0o644, size: records.count, type: UInt8(ascii: "x"), target: "") + records + padding + own
    }

    /// `LENGTH KEY=VALUE\n`, where the length counts itself.
    static func record(_ key: String, _ value: String) -> [UInt8] {
        let rest = " \(key)=\(value)\n"
        var length = rest.utf8.count + 1
        while String(length).utf8.count + rest.utf8.count != length { length = String(length).utf8.count + rest.utf8.count }
        return Array("\(length)\(rest)".utf8)
    }

    private static func header(_ name: String, mode: Int, size: Int, type: UInt8, target: String) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: 512)
        func put(_ bytes: some Collection<UInt8>, _ offset: Int, _ width: Int) {
            for (index, byte) in bytes.prefix(width).enumerated() { block[offset + index] = byte }
        }
        func octal(_ number: Int, _ width: Int) -> [UInt8] {
            let digits = Array(String(number, radix: 8).utf8)
            return [UInt8](repeating: UInt8(ascii: "0"), count: max(0, width - digits.count)) + digits
        }
        put(name.utf8, 0, 100)
        put(octal(mode, 7), 100, 7)
        put(octal(0, 7), 108, 7)
        put(octal(0, 7), 116, 7)
        put(octal(size < 1 << 33 ? size : 0, 11), 124, 11)
        put(octal(0, 11), 136, 11)
        put([UInt8](repeating: UInt8(ascii: " "), count: 8), 148, 8)
        block[156] = type
        put(target.utf8, 157, 100)
        put(Array("ustar\0".utf8) + Array("00".utf8), 257, 8)
        let sum = block.reduce(0) { $0 + Int($1) }
        put(octal(sum, 6) + [0, UInt8(ascii: " ")], 148, 8)
        return block
    }
}
