#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A path compared byte by byte. `String` compares by canonical equivalence: to it the two spellings of `é` are one
/// name, to a file system they are two files.
struct BytePath: Hashable, Sendable {
    let text: String

    init(_ text: String) { self.text = text }

    static func == (left: BytePath, right: BytePath) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }

    func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}

/// The rules for paths in a source tree.
enum SourcePath {
    static let longest = 4096
    static let longestSegment = 255
    /// Each level costs an open descriptor while a tree is read.
    static let deepest = 200

    /// Why a path cannot be in a tree; `nil` when it can.
    static func refusal(_ path: String) -> String? {
        var path = path
        return path.withUTF8 { refusal($0) }
    }

    // One pass without allocations: it runs for each entry of each tree.
    private static func refusal(_ bytes: UnsafeBufferPointer<UInt8>) -> String? {
        let (slash, dot) = (UInt8(ascii: "/"), UInt8(ascii: "."))
        if bytes.isEmpty { return "is empty" }
        if bytes.count > longest { return "is longer than \(longest) bytes" }
        if bytes[0] == slash { return "is absolute" }
        var start = 0
        var segments = 0
        for end in 0...bytes.count {
            if end < bytes.count && bytes[end] != slash {
                if bytes[end] == 0 { return "contains NUL" }
                continue
            }
            segments += 1
            if end == start { return "has an empty segment" }
            if end - start == 1 && bytes[start] == dot { return "has the segment '.'" }
            if end - start == 2 && bytes[start] == dot && bytes[start + 1] == dot { return "has the segment '..'" }
            if end - start > longestSegment { return "has a segment longer than \(longestSegment) bytes" }
            start = end + 1
        }
        return segments > deepest ? "has more than \(deepest) levels" : nil
    }

    /// Why a symbolic link cannot be in a tree; `nil` when it can.
    ///
    /// A target goes up first and down then. Since the directories above the link are directories (no links), going up
    /// is exact, and every link met on the way down is itself such a link: following any of them never leaves the tree.
    /// Were `down/../..` allowed, `down` could be a link that makes the two steps up lead elsewhere.
    static func refusal(ofLinkAt path: String, to target: String) -> String? {
        let bytes = target.utf8
        if bytes.isEmpty { return "has no target" }
        if bytes.count > longest { return "has a target longer than \(longest) bytes" }
        if bytes.contains(0) { return "has NUL in its target" }
        if bytes.first == UInt8(ascii: "/") { return "leads out of the tree: its target \(SourceError.quote(target)) is absolute" }
        var level = path.utf8.count { $0 == UInt8(ascii: "/") }
        var wentDown = false
        for segment in bytes.split(separator: UInt8(ascii: "/")) where !segment.elementsEqual(".".utf8) {
            guard segment.elementsEqual("..".utf8) else {
                wentDown = true
                continue
            }
            if wentDown { return "has the target \(SourceError.quote(target)), which goes down and up again" }
            level -= 1
            if level < 0 { return "leads out of the tree: its target is \(SourceError.quote(target))" }
        }
        return nil
    }

    /// The parent directory; `nil` at the root.
    static func parent(of path: String) -> String? {
        path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[..<$0]) }
    }

    /// Whether a path sorts before another, by their bytes.
    static func precedes(_ left: String, _ right: String) -> Bool {
        var (left, right) = (left, right)
        return left.withUTF8 { left in
            right.withUTF8 { right in
                let common = min(left.count, right.count)
                guard common > 0, let first = left.baseAddress, let second = right.baseAddress else { return left.count < right.count }
                let order = memcmp(first, second, common)
                return order == 0 ? left.count < right.count : order < 0
            }
        }
    }

    /// Whether `directory` is the parent of `path`.
    static func isParent(_ directory: String, of path: String) -> Bool {
        var (directory, path) = (directory, path)
        return directory.withUTF8 { directory in
            path.withUTF8 { path in
                let length = directory.count
                guard length > 0, path.count > length, path[length] == UInt8(ascii: "/"), let first = directory.baseAddress,
                    let second = path.baseAddress
                else { return false }
                return memcmp(first, second, length) == 0 && !path[(length + 1)...].contains(UInt8(ascii: "/"))
            }
        }
    }
}
