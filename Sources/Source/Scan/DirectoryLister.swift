#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What was found in some directories.
///
/// All of it lies in a few arrays, because there may be a hundred thousand directories.
struct DirectoryListings: Sendable {
    struct Listing: Sendable {
        /// The number of the directory.
        var number: Int
        /// Its part of `entries`, sorted as in a tree.
        var entries: Range<Int>
        /// Its part of `below`.
        var below: Range<Int>
    }

    /// A directory in a listing that was opened itself.
    struct Below: Sendable {
        /// Its own entry.
        var entry: Int
        /// The first entry of the listing that sorts after its contents.
        var next: Int
        /// The number of its listing.
        var number: Int
        /// Whether it is selected itself.
        var taken: Bool
    }

    /// Where the stamp of a file is.
    enum Origin: Sendable {
        /// The entry is no file.
        case none
        /// A record of the cache, from which the content is, too.
        case cache(Int32)
        /// The file's place in `unknown`: its entry has the content of an empty file.
        case unknown(Int32)
    }

    var listings: [Listing] = []
    var entries: [SourceTree.Entry] = []
    /// Of each entry.
    var origins: [Origin] = []
    /// Stamps of files of which the content is not known.
    var unknown: [FileStamp] = []
    /// By their places in the listings.
    var below: [Below] = []

    init() {
        // Memory that is not needed costs nothing; growing does.
        entries.reserveCapacity(2048)
        origins.reserveCapacity(2048)
    }

    mutating func append(_ path: String, _ kind: SourceTree.Kind, _ origin: Origin = .none) {
        entries.append(SourceTree.Entry(path: path, kind: kind))
        origins.append(origin)
    }
}

/// Lists directories one after the other. Several of them share the work of a `DirectoryWalk`.
///
/// Each name of the disk comes by here: it costs no allocation before it is known to become an entry.
struct DirectoryLister: Sendable {
    private var found = DirectoryListings()
    private var matcher: SelectionMatcher
    private let cache: StatCache
    /// The record that comes after the one that was found last: most often the next one that is asked for.
    private var nextRecord = 0
    private var names = DirectoryNames()
    private var below: [WalkAgenda.Directory] = []
    /// The entry of each directory in the listing.
    private var own: [Int] = []
    /// The path of the directory and `/`, then the name that is looked at.
    private var path: [UInt8] = []

    init(_ selection: Selection, _ cache: StatCache) {
        matcher = SelectionMatcher(selection)
        self.cache = cache
    }

    /// Lists directories until there are none or it were `limit`.
    /// - Throws: `SourceError` that names the path; `CancellationError`.
    mutating func run(_ agenda: WalkAgenda, atMost limit: Int) throws -> DirectoryListings {
        for _ in 0..<limit {
            guard let directory = agenda.next() else { break }
            try Task.checkCancellation()
            let (entries, others) = (found.entries.count, found.below.count)
            below.removeAll(keepingCapacity: true)
            try list(directory)
            if !below.isEmpty {
                // Until here, they were numbered within the listing.
                let first = agenda.add(below)
                for index in others..<found.below.count { found.below[index].number += first }
            }
            found.listings.append(
                .init(number: directory.number, entries: entries..<found.entries.count, below: others..<found.below.count))
        }
        let result = found
        found = DirectoryListings()
        return result
    }

    private mutating func list(_ directory: WalkAgenda.Directory) throws {
        let shown = directory.path.isEmpty ? directory.name : directory.path
        guard let open = try OpenDirectory(at: directory.parent, directory.name, shown: shown) else { return }
        matcher.begin(in: directory.path)
        path.removeAll(keepingCapacity: true)
        path += directory.path.utf8
        if !path.isEmpty { path.append(UInt8(ascii: "/")) }
        names.removeAll()
        try open.forEachName(shown: shown) { try select($0, type: $1, in: open, depth: directory.depth) }
        names.sort()

        own.removeAll(keepingCapacity: true)
        own += repeatElement(0, count: names.directoryCount)
        let prefix = path.count
        for name in names.names {
            switch name.role {
            case .leaf:
                try names.withBytes(of: name) { bytes in
                    path.replaceSubrange(prefix..., with: bytes)
                    try look(at: String(decoding: path, as: UTF8.self), name: bytes, in: open)
                }
            case .directory:
                names.withBytes(of: name) { path.replaceSubrange(prefix..., with: $0) }
                own[name.directory] = found.entries.count
                found.append(String(decoding: path, as: UTF8.self), .directory)
            case .contents:
                let entry = own[name.directory]
                found.below.append(.init(entry: entry, next: found.entries.count, number: below.count, taken: name.taken))
                let last = names.withBytes(of: name) { String(decoding: $0.dropLast(), as: UTF8.self) }
                below.append(.init(number: 0, path: found.entries[entry].path, name: last, depth: directory.depth + 1, parent: open))
            }
        }
    }

    /// Notes a name if it is selected, or something below it may be.
    private mutating func select(_ name: UnsafeBufferPointer<UInt8>, type: Int32, in open: OpenDirectory, depth: Int) throws {
        guard name.allSatisfy({ $0 < 0x80 }) || String(validating: name, as: UTF8.self) != nil else {
            let place = path.isEmpty ? "the root" : SourceError.quote(String(decoding: path.dropLast(), as: UTF8.self))
            throw SourceError(.invalidName, "The file name \(SourceError.quote(bytes: name)) in \(place) is not UTF-8; rename the file.")
        }
        guard path.count + name.count <= SourcePath.longest else {
            throw SourceError(.invalidName, "The path \(shown(name)) is longer than \(SourcePath.longest) bytes; leave it out.")
        }
        let taken = matcher.takes(name)
        // The type that comes with the name saves a system call for directories and for whatever is ignored.
        guard type == Int32(DT_DIR) || (type == Int32(DT_UNKNOWN) && open.isDirectory(name)) else {
            if taken { names.append(leaf: name) }
            return
        }
        let entered = matcher.enters(name)
        guard !entered || depth + 1 < SourcePath.deepest else {
            throw SourceError(.tooLarge, "\(shown(name)) is nested more than \(SourcePath.deepest) levels deep; leave it out.")
        }
        if taken || entered { names.append(directory: name, taken: taken, entered: entered) }
    }

    private func shown(_ name: UnsafeBufferPointer<UInt8>) -> String { SourceError.quote(String(decoding: path + name, as: UTF8.self)) }

    /// Adds a file or link.
    /// - Parameter name: with NUL after it.
    private mutating func look(at path: String, name: UnsafeBufferPointer<UInt8>, in directory: OpenDirectory) throws {
        guard let status = directory.status(of: name) else {
            // Gone since it was listed: as if it had never been there.
            if errno == ENOENT { return }
            throw SourceError.system("cannot read", path)
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG:
            guard status.st_size <= SourceTree.largestFile else {
                throw SourceError(.tooLarge, "The file \(SourceError.quote(path)) is larger than \(SourceTree.largestFile >> 30) GiB.")
            }
            let stamp = FileStamp(status)
            let origin: DirectoryListings.Origin
            var content = FileContent.none
            if let record = cache.record(of: stamp, near: nextRecord) {
                nextRecord = record + 1
                content = cache.content(record)
                origin = .cache(Int32(record))
            } else {
                origin = .unknown(Int32(found.unknown.count))
                found.unknown.append(stamp)
            }
            found.append(path, SourceTree.Kind(stamp, executable: status.st_mode & 0o111 != 0, content), origin)
        case S_IFLNK: found.append(path, .symlink(target: try target(path, name: name, in: directory)))
        case S_IFDIR: throw FileReader.changed(path)
        default:
            throw SourceError(
                .unsupportedFile,
                "\(SourceError.quote(path)) is a \(DirectoryLister.kind(status.st_mode)), which cannot be part of an image's sources; "
                    + "remove it, or leave it out with .dockerignore or exclude.")
        }
    }

    private func target(_ path: String, name: UnsafeBufferPointer<UInt8>, in directory: OpenDirectory) throws -> String {
        guard let text = String(validating: try directory.target(of: name, shown: path), as: UTF8.self) else {
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

    private static func kind(_ mode: mode_t) -> String {
        switch mode & S_IFMT {
        case S_IFIFO: "FIFO"
        case S_IFSOCK: "socket"
        case S_IFCHR, S_IFBLK: "device"
        default: "special file"
        }
    }
}
