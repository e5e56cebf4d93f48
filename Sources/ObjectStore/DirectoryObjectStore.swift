import Foundation
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Objects as files below a directory.
///
/// Writes go to a file beside the objects first and are renamed, so they are atomic; file operations run on NIO's
/// thread pool, so a slow volume blocks nobody else.
public struct DirectoryObjectStore: ObjectStore {
    private let root: String

    /// Keys never begin with a dot, so this directory is no object's.
    private static let incoming = ".incoming"

    /// - Parameter root: An absolute path; created when missing.
    public init(root: String) {
        self.root = root.count > 1 && root.hasSuffix("/") ? String(root.dropLast()) : root
    }

    public func prepare() async throws {
        try await onThread {
            try makeDirectories("\(root)/\(Self.incoming)")
            guard access(root, R_OK | W_OK | X_OK) == 0 else { throw failure("use the directory", root) }
        }
    }

    public func put(_ key: String, _ bytes: [UInt8]) async throws {
        try ObjectKey.check(key)
        try await onThread {
            let temporary = "\(root)/\(Self.incoming)/\(UUID().uuidString)"
            do {
                try write(bytes, to: temporary)
                try place(temporary, at: "\(root)/\(key)")
            } catch {
                unlink(temporary)
                throw error
            }
        }
    }

    public func get(_ key: String) async throws -> [UInt8]? {
        try ObjectKey.check(key)
        return try await onThread { try read("\(root)/\(key)") }
    }

    public func head(_ key: String) async throws -> Int? {
        try ObjectKey.check(key)
        return try await onThread {
            var status = stat()
            guard lstat("\(root)/\(key)", &status) == 0 else {
                if isMissing(errno) { return nil }
                throw failure("read", key)
            }
            return status.st_mode & S_IFMT == S_IFREG ? Int(status.st_size) : nil
        }
    }

    public func list(_ prefix: String) async throws -> [String] {
        try ObjectKey.check(prefix: prefix, mayBeEmpty: true)
        return try await onThread {
            var keys: [String] = []
            try collect(String(prefix.dropLast()), into: &keys)
            return keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        }
    }

    public func delete(_ key: String) async throws {
        try ObjectKey.check(key)
        try await onThread {
            guard unlink("\(root)/\(key)") == 0 || isMissing(errno) else { throw failure("delete", key) }
            removeEmptyParents(of: key)
        }
    }

    public func deleteAll(_ prefix: String) async throws {
        try ObjectKey.check(prefix: prefix, mayBeEmpty: false)
        try await onThread {
            let key = String(prefix.dropLast())
            do {
                try FileManager.default.removeItem(atPath: "\(root)/\(key)")
            } catch CocoaError.fileNoSuchFile {
                return
            } catch {
                guard access("\(root)/\(key)", F_OK) != 0 else {
                    throw ObjectStoreError(.unavailable, "Cannot delete everything below \(prefix) in the store.")
                }
            }
            removeEmptyParents(of: key)
        }
    }

    // MARK: On the thread pool

    private func onThread<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await NIOThreadPool.singleton.runIfActive(work)
    }

    private func write(_ bytes: [UInt8], to path: String) throws {
        var file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        if file < 0, errno == ENOENT {
            try makeDirectories("\(root)/\(Self.incoming)")
            file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        }
        guard file >= 0 else { throw failure("write", path) }
        defer { close(file) }
        try bytes.withUnsafeBytes { buffer in
            var done = 0
            while done < buffer.count {
                let count = pwrite(file, buffer.baseAddress.map { $0 + done }, buffer.count - done, off_t(done))
                guard count >= 0 || errno == EINTR else { throw failure("write", path) }
                done += max(0, count)
            }
        }
        // Without it, a crash can leave the name with nothing behind it.
        guard fsync(file) == 0 else { throw failure("write", path) }
    }

    /// Renames; another task may remove the empty directory in between, so making it is tried again.
    private func place(_ temporary: String, at path: String) throws {
        for attempt in 1... {
            try makeDirectories((path as NSString).deletingLastPathComponent)
            if rename(temporary, path) == 0 { return }
            guard errno == ENOENT, attempt < 20 else { throw failure("write", path) }
        }
    }

    private func read(_ path: String) throws -> [UInt8]? {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard file >= 0 else {
            if isMissing(errno) { return nil }
            throw failure("read", path)
        }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw failure("read", path) }
        guard status.st_mode & S_IFMT == S_IFREG else { return nil }
        let size = Int(status.st_size)
        guard size <= ObjectKey.largestObject else { throw ObjectStoreError(.tooLarge, "The object at \(path) is too large.") }
        return try [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
            while filled < size {
                let count = pread(file, buffer.baseAddress.map { $0 + filled }, size - filled, off_t(filled))
                guard count >= 0 || errno == EINTR else { throw failure("read", path) }
                if count == 0 { break }
                filled += max(0, count)
            }
        }
    }

    private func collect(_ key: String, into keys: inout [String]) throws {
        guard let stream = opendir(key.isEmpty ? root : "\(root)/\(key)") else {
            if isMissing(errno) { return }
            throw failure("list", key)
        }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            guard let offset = MemoryLayout<dirent>.offset(of: \.d_name) else { continue }
            let name = String(cString: (UnsafeRawPointer(entry) + offset).assumingMemoryBound(to: CChar.self))
            if name.hasPrefix(".") { continue }
            let child = key.isEmpty ? name : "\(key)/\(name)"
            var status = stat()
            guard lstat("\(root)/\(child)", &status) == 0 else { continue }
            switch status.st_mode & S_IFMT {
            case S_IFDIR: try collect(child, into: &keys)
            case S_IFREG: keys.append(child)
            default: continue
            }
        }
    }

    private func makeDirectories(_ path: String) throws {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw ObjectStoreError(.unavailable, "Cannot make the directory \(path) of the store: \(error.localizedDescription)")
        }
    }

    private func removeEmptyParents(of key: String) {
        var segments = key.split(separator: "/").dropLast()
        while !segments.isEmpty, rmdir("\(root)/\(segments.joined(separator: "/"))") == 0 { segments.removeLast() }
    }

    private func isMissing(_ code: Int32) -> Bool { code == ENOENT || code == ENOTDIR }

    private func failure(_ what: String, _ path: String) -> ObjectStoreError {
        ObjectStoreError(.unavailable, "Cannot \(what) \(path) in the store: \(String(cString: strerror(errno)))")
    }
}
