import Foundation
import Source
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Writes a tree into an empty directory.
///
/// Directories come first, then files, links last: while bytes are written there is no link that could lead them
/// elsewhere, and every step of every path is opened without following one anyway.
final class TreeWriter: Sendable {
    /// Where each chunk belongs.
    let chunks: [Digest: [Place]]

    struct Place: Sendable {
        var path: String
        var offset: Int
        var length: Int
    }

    private let tree: SourceTree
    private let root: Int32
    private let missing: Mutex<Set<Digest>>

    /// Makes all directories and, empty, all files.
    /// - Throws: `TransferError` with code `invalidTarget`; `SourceError`.
    init(tree: SourceTree, directory: String) throws {
        var chunks: [Digest: [Place]] = [:]
        for entry in tree.entries {
            for chunk in entry.transferChunks {
                chunks[chunk.digest, default: []].append(Place(path: entry.path, offset: chunk.offset, length: chunk.length))
            }
        }
        self.chunks = chunks
        self.tree = tree
        missing = Mutex(Set(chunks.keys))
        root = try TreeWriter.openEmpty(directory).release()
        try makeEntries()
    }

    deinit { close(root) }

    /// Writes a chunk wherever it belongs; one that belongs nowhere is left out.
    /// - Throws: `SourceError`.
    func write(_ digest: Digest, _ bytes: [UInt8]) throws {
        for place in chunks[digest] ?? [] {
            guard bytes.count == place.length else {
                throw SourceError(.invalidPack, "A chunk of \(SourceError.quote(place.path)) has another length than the tree says.")
            }
            try withParent(of: place.path) { parent, name in
                let file = try Descriptor(at: parent, name, O_WRONLY | O_NOFOLLOW, shown: place.path)
                try bytes.withUnsafeBytes { try file.write($0, at: place.offset, shown: place.path) }
            }
        }
        _ = missing.withLock { $0.remove(digest) }
    }

    /// Checks that everything has arrived, and makes the links.
    /// - Throws: `TransferError` with code `invalidResponse`; `SourceError`.
    func finish() throws {
        let count = missing.withLock(\.count)
        guard count == 0 else {
            throw TransferError(.invalidResponse, "The packs of the revision lack \(count) of the pieces of its files.")
        }
        for entry in tree.entries {
            switch entry.kind {
            case .file(_, let size, let digest, let chunks) where !chunks.isEmpty: try check(entry.path, size, digest)
            case .symlink(let target):
                try withParent(of: entry.path) { parent, name in
                    guard symlinkat(target, parent, name) == 0 else { throw SourceError.system("cannot make the link", entry.path) }
                }
            default: continue
            }
        }
    }

    private func makeEntries() throws {
        for entry in tree.entries {
            switch entry.kind {
            case .symlink: continue
            case .directory:
                try withParent(of: entry.path) { parent, name in
                    guard mkdirat(parent, name, 0o755) == 0 else { throw SourceError.system("cannot make the directory", entry.path) }
                    let made = try Descriptor(at: parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, shown: entry.path)
                    guard fchmod(made.raw, 0o755) == 0 else { throw SourceError.system("cannot make the directory", entry.path) }
                }
            case .file(let executable, _, _, _):
                try withParent(of: entry.path) { parent, name in
                    let mode: mode_t = executable ? 0o755 : 0o644
                    let file = try Descriptor(at: parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: mode, shown: entry.path)
                    // The process's umask must not decide what is in the image.
                    guard fchmod(file.raw, mode) == 0 else { throw SourceError.system("cannot write", entry.path) }
                }
            }
        }
    }

    /// A file of several chunks has a digest of its own, which no chunk's digest vouches for.
    private func check(_ path: String, _ size: Int, _ digest: Digest) throws {
        var hasher = DigestHasher()
        try withParent(of: path) { parent, name in
            let file = try Descriptor(at: parent, name, O_RDONLY | O_NOFOLLOW, shown: path)
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
            defer { buffer.deallocate() }
            var offset = 0
            while true {
                let count = try file.read(into: buffer, at: offset, shown: path)
                if count == 0 { break }
                hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                offset += count
            }
        }
        guard hasher.finalize() == digest else {
            throw SourceError(.invalidTree, "The file \(SourceError.quote(path)) has another content than its digest says.")
        }
    }

    private func withParent(of path: String, _ body: (_ parent: Int32, _ name: String) throws -> Void) throws {
        var segments = path.split(separator: "/").map(String.init)
        let name = segments.removeLast()
        var current = try Descriptor(at: root, ".", O_RDONLY | O_DIRECTORY, shown: path)
        for segment in segments {
            let next = try Descriptor(at: current.raw, segment, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, shown: path)
            current = next
        }
        try body(current.raw, name)
    }

    private static func openEmpty(_ directory: String) throws -> Descriptor {
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            let present = try FileManager.default.contentsOfDirectory(atPath: directory).filter { $0 != "lost+found" }
            guard present.isEmpty else {
                throw TransferError(.invalidTarget, "The directory \(directory) is not empty; give an empty one.")
            }
        } catch let error as TransferError {
            throw error
        } catch {
            throw TransferError(.invalidTarget, "The directory \(directory) cannot be used: \(error.localizedDescription)")
        }
        return try Descriptor(directory, O_RDONLY | O_DIRECTORY, shown: directory)
    }
}
