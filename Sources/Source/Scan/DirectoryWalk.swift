import Foundation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Lists the selected files of a directory. Follows no symbolic link and never opens a directory in which nothing
/// can be selected.
struct DirectoryWalk: Sendable {
    struct File: Sendable {
        var path: String
        var executable: Bool
        var stamp: FileStamp
    }

    private(set) var files: [File] = []
    /// Selected directories and those above anything that is selected; in no order.
    private(set) var directories: [String] = []
    private(set) var links: [SourceTree.Entry] = []

    private var matcher: SelectionMatcher
    /// Directories that are still to be listed, down to `deferred` levels.
    private var pending: [String] = []
    private var deferred = 0

    private init(_ selection: Selection) { matcher = SelectionMatcher(selection) }

    /// Lists the upper levels, then what is below in several tasks.
    /// - Throws: `SourceError` that names the path; `CancellationError`.
    static func run(root: String, selection: Selection) async throws -> DirectoryWalk {
        var upper = DirectoryWalk(selection)
        upper.deferred = 2
        try upper.list(try Descriptor(root, O_RDONLY | O_DIRECTORY, shown: root), path: "", depth: 0)
        let tops = upper.pending
        upper.pending = []
        for path in tops { try upper.list(below: root, path) }
        let lower = upper.pending

        let count = min(ProcessInfo.processInfo.activeProcessorCount, lower.count)
        try await withThrowingTaskGroup(of: DirectoryWalk.self) { tasks in
            for number in 0..<count {
                tasks.addTask {
                    var walk = DirectoryWalk(selection)
                    for index in stride(from: number, to: lower.count, by: count) { try walk.list(below: root, lower[index]) }
                    return walk
                }
            }
            for try await walk in tasks {
                upper.files += walk.files
                upper.directories += walk.directories
                upper.links += walk.links
            }
        }
        upper.addParents()
        return upper
    }

    /// Opens a directory step by step, so that none of the steps is a link.
    private mutating func list(below root: String, _ path: String) throws {
        var directory = try Descriptor(root, O_RDONLY | O_DIRECTORY, shown: root)
        let segments = path.split(separator: "/")
        for segment in segments {
            let next = try Descriptor(at: directory.raw, String(segment), O_RDONLY | O_DIRECTORY | O_NOFOLLOW, shown: path)
            directory = next
        }
        try list(directory, path: path, depth: segments.count)
    }

    private mutating func list(_ directory: consuming Descriptor, path: String, depth: Int) throws {
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
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                guard errno == 0 else { throw SourceError.system("cannot list", path) }
                return
            }
            guard let name = try DirectoryWalk.name(of: entry, in: path) else { continue }
            let child = path.isEmpty ? name : "\(path)/\(name)"
            try visit(child, name: name, type: Int32(entry.pointee.d_type), in: dirfd(stream), depth: depth)
        }
    }

    private mutating func visit(_ path: String, name: String, type: Int32, in directory: Int32, depth: Int) throws {
        let taken = matcher.takes(path, name: name)
        // The type that readdir gives saves a system call for whatever is ignored.
        if !taken && type != Int32(DT_DIR) && type != Int32(DT_UNKNOWN) { return }
        var status = stat()
        guard fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            // Gone since it was listed: as if it had never been there.
            if errno == ENOENT { return }
            throw SourceError.system("cannot read", path)
        }
        switch status.st_mode & S_IFMT {
        case S_IFDIR: try visitDirectory(path, name: name, taken: taken, in: directory, depth: depth)
        case _ where !taken: return
        case S_IFREG: files.append(File(path: path, executable: status.st_mode & 0o111 != 0, stamp: FileStamp(status)))
        case S_IFLNK: links.append(try link(path, name: name, in: directory))
        default:
            throw SourceError(
                .unsupportedFile,
                "\(SourceError.quote(path)) is a \(DirectoryWalk.kind(status.st_mode)), which cannot be part of an image's sources; "
                    + "remove it, or leave it out with .dockerignore or exclude.")
        }
    }

    private mutating func visitDirectory(_ path: String, name: String, taken: Bool, in directory: Int32, depth: Int) throws {
        if taken { directories.append(path) }
        guard matcher.enters(path, name: name) else { return }
        guard depth >= deferred else {
            pending.append(path)
            return
        }
        try list(try Descriptor(at: directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, shown: path), path: path, depth: depth + 1)
    }

    /// Adds the directories above everything that was taken.
    private mutating func addParents() {
        var known = Set(directories.map(BytePath.init))
        var last = ""
        for path in files.map(\.path) + links.map(\.path) + directories where !SourcePath.isParent(last, of: path) {
            var current = path
            while let parent = SourcePath.parent(of: current), known.insert(BytePath(parent)).inserted {
                directories.append(parent)
                current = parent
            }
            last = SourcePath.parent(of: path) ?? ""
        }
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
