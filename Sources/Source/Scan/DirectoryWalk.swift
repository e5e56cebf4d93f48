#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Lists the selected files of a directory. Follows no symbolic link and never opens a directory in which nothing
/// can be selected.
struct DirectoryWalk {
    struct File {
        var path: String
        var executable: Bool
        var stamp: FileStamp
    }

    private(set) var files: [File] = []
    private(set) var directories: [String] = []
    private(set) var links: [SourceTree.Entry] = []

    private let root: String
    private var matcher: SelectionMatcher

    init(root: String, selection: Selection) {
        self.root = root
        matcher = SelectionMatcher(selection)
    }

    /// - Throws: `SourceError` that names the path; `CancellationError`.
    mutating func run() throws {
        let directory = try Descriptor(root, O_RDONLY | O_DIRECTORY, shown: root)
        _ = try list(directory, path: "", depth: 0)
    }

    /// - Returns: Whether anything in the directory was taken.
    private mutating func list(_ directory: consuming Descriptor, path: String, depth: Int) throws -> Bool {
        try Task.checkCancellation()
        guard depth < SourcePath.deepest else {
            throw SourceError(.tooLarge, "\(SourceError.quote(path)) is nested more than \(SourcePath.deepest) levels deep; leave it out.")
        }
        let raw = directory.release()
        guard let stream = fdopendir(raw) else {
            let error = SourceError.system("cannot list", path)
            close(raw)
            throw error
        }
        defer { closedir(stream) }
        var took = false
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                guard errno == 0 else { throw SourceError.system("cannot list", path) }
                return took
            }
            guard let name = try DirectoryWalk.name(of: entry, in: path) else { continue }
            let child = path.isEmpty ? name : "\(path)/\(name)"
            if try visit(child, name: name, type: Int32(entry.pointee.d_type), in: dirfd(stream), depth: depth) { took = true }
        }
    }

    private mutating func visit(_ path: String, name: String, type: Int32, in directory: Int32, depth: Int) throws -> Bool {
        let taken = matcher.takes(path, name: name)
        // The type that readdir gives saves a system call for whatever is ignored.
        if !taken && type != Int32(DT_DIR) && type != Int32(DT_UNKNOWN) { return false }
        var status = stat()
        guard fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            // Gone since it was listed: as if it had never been there.
            if errno == ENOENT { return false }
            throw SourceError.system("cannot read", path)
        }
        switch status.st_mode & S_IFMT {
        case S_IFDIR: return try visitDirectory(path, name: name, taken: taken, in: directory, depth: depth)
        case _ where !taken: return false
        case S_IFREG: files.append(File(path: path, executable: status.st_mode & 0o111 != 0, stamp: FileStamp(status)))
        case S_IFLNK: links.append(try link(path, name: name, in: directory))
        default:
            throw SourceError(
                .unsupportedFile,
                "\(SourceError.quote(path)) is a \(DirectoryWalk.kind(status.st_mode)), which cannot be part of an image's sources; "
                    + "remove it, or leave it out with .dockerignore or exclude.")
        }
        return true
    }

    private mutating func visitDirectory(_ path: String, name: String, taken: Bool, in directory: Int32, depth: Int) throws -> Bool {
        var took = taken
        let enters = matcher.enters(path, name: name)
        if enters {
            let child = try Descriptor(at: directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, shown: path)
            if try list(child, path: path, depth: depth + 1) { took = true }
        }
        if took { directories.append(path) }
        return took
    }

    private func link(_ path: String, name: String, in directory: Int32) throws -> SourceTree.Entry {
        let target = try [UInt8](unsafeUninitializedCapacity: SourcePath.longest + 1) { buffer, count in
            let length = buffer.withMemoryRebound(to: CChar.self) { text in
                text.baseAddress.map { readlinkat(directory, name, $0, text.count) } ?? -1
            }
            guard length >= 0 else { throw SourceError.system("cannot read", path) }
            count = length
        }
        guard let text = String(validating: target, as: UTF8.self) else {
            throw SourceError(.invalidName, "The target of the symbolic link \(SourceError.quote(path)) is not UTF-8.")
        }
        if let reason = SourcePath.refusal(ofLinkAt: path, to: text) {
            throw SourceError(
                .outsideTree,
                "The symbolic link \(SourceError.quote(path)) \(reason). Only links inside the tree can be sent; "
                    + "leave it out with .dockerignore or exclude.")
        }
        return SourceTree.Entry(path: path, kind: .symlink(target: text))
    }

    private static func name(of entry: UnsafeMutablePointer<dirent>, in directory: String) throws -> String? {
        guard let offset = MemoryLayout<dirent>.offset(of: \.d_name) else { return nil }
        let start = (UnsafeRawPointer(entry) + offset).assumingMemoryBound(to: UInt8.self)
        let length = strlen(UnsafeRawPointer(start).assumingMemoryBound(to: CChar.self))
        let bytes = UnsafeBufferPointer(start: start, count: length)
        if bytes.elementsEqual(".".utf8) || bytes.elementsEqual("..".utf8) { return nil }
        guard let name = String(validating: bytes, as: UTF8.self) else {
            let shown = SourceError.quote(String(decoding: bytes, as: UTF8.self))
            let place = directory.isEmpty ? "the root" : SourceError.quote(directory)
            throw SourceError(.invalidName, "The file name \(shown) in \(place) is not UTF-8; rename the file.")
        }
        return name
    }

    private static func kind(_ mode: mode_t) -> String {
        switch mode & S_IFMT {
        case S_IFIFO: "FIFO"
        case S_IFSOCK: "socket"
        case S_IFCHR, S_IFBLK: "device"
        default: "special file"
        }
    }
}
