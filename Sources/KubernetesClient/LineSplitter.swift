import Foundation
import NIOCore

/// Cuts a stream of bytes into lines.
struct LineSplitter: Sendable {
    enum Overflow: Sendable {
        /// A longer line is an error.
        case fail
        /// The rest of a longer line is dropped.
        case cut
    }

    struct LineTooLong: Error {
        var limit: Int
    }

    let limit: Int
    let overflow: Overflow
    private var partial = Data()
    /// In the part of a line beyond the limit.
    private var isDropping = false

    init(limit: Int, overflow: Overflow) {
        self.limit = limit
        self.overflow = overflow
    }

    /// The lines that these bytes complete, without their line feeds.
    mutating func feed(_ buffer: ByteBuffer) throws -> [Data] {
        var lines: [Data] = []
        var rest = buffer.readableBytesView
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            try append(rest[rest.startIndex..<end])
            lines.append(partial)
            partial = Data()
            isDropping = false
            rest = rest[(end + 1)...]
        }
        try append(rest)
        return lines
    }

    /// The last line, when it did not end with a line feed.
    mutating func finish() -> Data? {
        defer { partial = Data() }
        return partial.isEmpty ? nil : partial
    }

    private mutating func append(_ bytes: ByteBufferView) throws {
        guard !isDropping else { return }
        let room = limit - partial.count
        if bytes.count <= room {
            partial.append(contentsOf: bytes)
        } else if overflow == .cut {
            partial.append(contentsOf: bytes.prefix(room))
            isDropping = true
        } else {
            throw LineTooLong(limit: limit)
        }
    }
}
