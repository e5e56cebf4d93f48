#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Lists directories one after the other. Several of them share the work of a `DirectoryWalk`.
struct DirectoryLister: Sendable {
    struct Item: Sendable {
        /// The path; for the contents of a directory its path and `/`, which is where they sort to.
        var key: String
        var kind: Kind
    }

    enum Kind: Sendable {
        case file(DirectoryWalk.File, FileContent?)
        case link(target: String)
        /// - `listing`: the number under which its contents are; `nil` when it was not opened.
        /// - `taken`: whether it is selected itself.
        case directory(listing: Int?, taken: Bool)
        case contents(listing: Int)

        var isEntry: Bool {
            switch self {
            case .file, .link: true
            case .directory, .contents: false
            }
        }
    }

    private(set) var listings: [(number: Int, items: [Item])] = []

    private var matcher: SelectionMatcher
    private let cache: StatCache
    private var items: [Item] = []
    private var below: [WalkAgenda.Directory] = []
    /// The path of the entry that is looked at.
    private var bytes: [UInt8] = []

    init(_ selection: Selection, _ cache: StatCache) {
        matcher = SelectionMatcher(selection)
        self.cache = cache
    }

    /// Lists directories until there are none or it were `limit`.
    /// - Throws: `SourceError` that names the path; `CancellationError`.
    mutating func run(_ agenda: WalkAgenda, atMost limit: Int) throws {
        for _ in 0..<limit {
            guard let directory = agenda.next() else { return }
            try Task.checkCancellation()
            try list(directory)
            guard !below.isEmpty else {
                sort()
                listings.append((directory.number, items))
                continue
            }
            let first = agenda.add(below)
            for (index, child) in below.enumerated() {
                items.append(Item(key: child.path + "/", kind: .contents(listing: first + index)))
            }
            for index in items.indices {
                if case .directory(let number?, let taken) = items[index].kind {
                    items[index].kind = .directory(listing: first + number, taken: taken)
                }
            }
            sort()
            listings.append((directory.number, items))
        }
    }

    private mutating func sort() {
        items.sort { SourcePath.precedes($0.key, $1.key) }
    }

    private mutating func list(_ directory: WalkAgenda.Directory) throws {
        items = []
        below = []
        let shown = directory.path.isEmpty ? directory.name : directory.path
        guard let open = try OpenDirectory(at: directory.parent, directory.name, shown: shown) else { return }
        matcher.begin(in: directory.path)
        bytes = Array(directory.path.utf8)
        if !bytes.isEmpty { bytes.append(UInt8(ascii: "/")) }
        let prefix = bytes.count
        try open.forEachName(shown: shown) { name, type in
            bytes.replaceSubrange(prefix..., with: name)
            guard let path = String(validating: bytes, as: UTF8.self) else { throw DirectoryLister.notUTF8(name, in: directory.path) }
            guard bytes.count <= SourcePath.longest else {
                throw SourceError(.invalidName, "The path \(SourceError.quote(path)) is longer than \(SourcePath.longest) bytes; leave it out.")
            }
            try visit(path, name: String(decoding: name, as: UTF8.self), type: type, in: open, depth: directory.depth)
        }
    }

    private mutating func visit(_ path: String, name: String, type: Int32, in directory: OpenDirectory, depth: Int) throws {
        let taken = matcher.takes(path, name: name)
        // The type that comes with the name saves a system call for directories and for whatever is ignored.
        if type == Int32(DT_DIR) { return try visitDirectory(path, name: name, taken: taken, in: directory, depth: depth) }
        if !taken && type != Int32(DT_UNKNOWN) { return }
        var status = stat()
        guard fstatat(directory.descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            // Gone since it was listed: as if it had never been there.
            if errno == ENOENT { return }
            throw SourceError.system("cannot read", path)
        }
        switch status.st_mode & S_IFMT {
        case S_IFDIR: try visitDirectory(path, name: name, taken: taken, in: directory, depth: depth)
        case _ where !taken: return
        case S_IFREG:
            guard status.st_size <= SourceTree.largestFile else {
                throw SourceError(.tooLarge, "The file \(SourceError.quote(path)) is larger than \(SourceTree.largestFile >> 30) GiB.")
            }
            let stamp = FileStamp(status)
            let file = DirectoryWalk.File(path: path, executable: status.st_mode & 0o111 != 0, stamp: stamp)
            items.append(Item(key: path, kind: .file(file, cache[stamp])))
        case S_IFLNK: items.append(Item(key: path, kind: .link(target: try target(path, name: name, in: directory))))
        default:
            throw SourceError(
                .unsupportedFile,
                "\(SourceError.quote(path)) is a \(DirectoryLister.kind(status.st_mode)), which cannot be part of an image's sources; "
                    + "remove it, or leave it out with .dockerignore or exclude.")
        }
    }

    private mutating func visitDirectory(_ path: String, name: String, taken: Bool, in directory: OpenDirectory, depth: Int) throws {
        guard matcher.enters(path, name: name) else {
            if taken { items.append(Item(key: path, kind: .directory(listing: nil, taken: true))) }
            return
        }
        guard depth + 1 < SourcePath.deepest else {
            throw SourceError(.tooLarge, "\(SourceError.quote(path)) is nested more than \(SourcePath.deepest) levels deep; leave it out.")
        }
        // The number is one among the directories of this listing until the agenda gives one.
        items.append(Item(key: path, kind: .directory(listing: below.count, taken: taken)))
        below.append(WalkAgenda.Directory(number: 0, path: path, name: name, depth: depth + 1, parent: directory))
    }

    private func target(_ path: String, name: String, in directory: OpenDirectory) throws -> String {
        let target = try [UInt8](unsafeUninitializedCapacity: SourcePath.longest + 1) { buffer, count in
            let length = buffer.withMemoryRebound(to: CChar.self) { text in
                text.baseAddress.map { readlinkat(directory.descriptor, name, $0, text.count) } ?? -1
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
        return text
    }

    private static func notUTF8(_ name: UnsafeBufferPointer<UInt8>, in directory: String) -> SourceError {
        let place = directory.isEmpty ? "the root" : SourceError.quote(directory)
        return SourceError(.invalidName, "The file name \(SourceError.quote(bytes: name)) in \(place) is not UTF-8; rename the file.")
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
