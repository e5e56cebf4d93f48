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
        let bytes = path.utf8
        if bytes.isEmpty { return "is empty" }
        if bytes.count > longest { return "is longer than \(longest) bytes" }
        if bytes.contains(0) { return "contains NUL" }
        if bytes.first == UInt8(ascii: "/") { return "is absolute" }
        let segments = bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        if segments.count > deepest { return "has more than \(deepest) levels" }
        for segment in segments {
            if segment.isEmpty { return "has an empty segment" }
            if segment.elementsEqual(".".utf8) { return "has the segment '.'" }
            if segment.elementsEqual("..".utf8) { return "has the segment '..'" }
            if segment.count > longestSegment { return "has a segment longer than \(longestSegment) bytes" }
        }
        return nil
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

    static func precedes(_ left: String, _ right: String) -> Bool {
        left.utf8.lexicographicallyPrecedes(right.utf8)
    }
}
