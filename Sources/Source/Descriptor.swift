#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// An open file descriptor, closed when it goes out of scope.
package struct Descriptor: ~Copyable {
    package let raw: Int32

    /// Takes ownership of `raw`.
    package init(owning raw: Int32) { self.raw = raw }

    /// Opens `path` relative to `directory` (`nil`: the working directory). Close-on-exec is always set.
    /// - Throws: `SourceError` naming `shown`.
    package init(at directory: Int32? = nil, _ path: String, _ flags: Int32, mode: mode_t = 0, shown: String) throws {
        var result: Int32
        repeat {
            result = openat(directory ?? AT_FDCWD, path, flags | O_CLOEXEC, mode)
        } while result < 0 && errno == EINTR
        guard result >= 0 else { throw SourceError.system("cannot open", shown) }
        raw = result
    }

    deinit { close(raw) }

    /// Gives the descriptor away without closing it.
    package consuming func release() -> Int32 {
        let result = raw
        discard self
        return result
    }

    /// Reads until `buffer` is full or the file ends.
    /// - Returns: The number of bytes read; less than the buffer only at the end of the file.
    package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int, shown: String) throws -> Int {
        var filled = 0
        while filled < buffer.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
            let count = pread(raw, rest.baseAddress, rest.count, off_t(offset + filled))
            if count < 0 {
                if errno == EINTR { continue }
                throw SourceError.system("cannot read", shown)
            }
            if count == 0 { break }
            filled += count
        }
        return filled
    }

    /// Writes all of `bytes`.
    package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int, shown: String) throws {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            let count = pwrite(raw, rest.baseAddress, rest.count, off_t(offset + done))
            if count < 0 {
                if errno == EINTR { continue }
                throw SourceError.system("cannot write", shown)
            }
            done += count
        }
    }
}

extension SourceError {
    /// The error of the last system call. Must be called before any other system call.
    package static func system(_ what: String, _ path: String) -> SourceError {
        SourceError(.inaccessible, "\(what) \(quote(path)): \(String(cString: strerror(errno)))")
    }
}
