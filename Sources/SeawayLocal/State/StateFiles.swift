import Foundation

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#endif

/// Files of the engine's state: readable by their owner alone, replaced at once.
enum StateFiles {
    /// - Throws: `LocalError` with code `state` that names the file.
    static func write(_ bytes: [UInt8], to path: String, ifDifferent: Bool = false, mode: Int = 0o600) throws {
        if ifDifferent, FileManager.default.contents(atPath: path) == Data(bytes) { return }
        try directory((path as NSString).deletingLastPathComponent)
        let temporary = "\(path).\(getpid()).\(UInt32.random(in: .min ... .max))"
        let made = FileManager.default.createFile(atPath: temporary, contents: Data(bytes), attributes: [.posixPermissions: mode])
        guard made, rename(temporary, path) == 0 else {
            unlink(temporary)
            throw unusable(path)
        }
    }

    static func directory(_ path: String) throws {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw unusable(path)
        }
    }

    static func setMode(_ mode: mode_t, _ path: String) throws {
        guard chmod(path, mode) == 0 else { throw unusable(path) }
    }

    /// Removes a file, or a folder with all that is in it; one that is not there is fine.
    static func remove(_ path: String) throws {
        guard FileManager.default.fileExists(atPath: path) else { return }
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            throw LocalError(.state, "\(path) cannot be removed: \(error.localizedDescription)", next: ["remove it by hand"])
        }
    }

    static func unusable(_ path: String) -> LocalError {
        LocalError(
            .state, "\(path) cannot be written: \(String(cString: strerror(errno)))", next: ["make the folder writable, or set XDG_STATE_HOME"])
    }
}

/// An exclusive lock between processes, held until it goes out of scope.
struct FileLock: ~Copyable {
    private let descriptor: Int32

    /// - Returns: `nil` when another process holds it.
    init?(_ path: String) throws {
        try StateFiles.directory((path as NSString).deletingLastPathComponent)
        let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw StateFiles.unusable(path) }
        // Whoever held it before may have removed the file with what it guarded, so that others lock a new one.
        var (locked, present) = (stat(), stat())
        guard flock(file, LOCK_EX | LOCK_NB) == 0, fstat(file, &locked) == 0, lstat(path, &present) == 0, locked.st_ino == present.st_ino else {
            close(file)
            return nil
        }
        descriptor = file
    }

    /// Waits for it.
    /// - Throws: `LocalError`, `CancellationError`.
    static func wait(_ path: String, every pause: Duration = .milliseconds(20), while busy: (@Sendable () throws -> Void)? = nil) async throws
        -> FileLock
    {
        while true {
            if let lock = try FileLock(path) { return lock }
            try busy?()
            try await Task.sleep(for: pause)
        }
    }

    deinit { close(descriptor) }
}
