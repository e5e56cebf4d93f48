import CZstd

/// Zstandard, bounded on both sides.
package enum Zstd {
    /// The largest window a decoder accepts, as a power of two: it bounds the memory that a frame can ask for.
    private static let largestWindow: Int32 = 27

    /// Compresses `bytes` to one frame.
    /// - Parameters:
    ///   - level: 1 (fast) to 19.
    ///   - prefix: Bytes that the receiver has already; what repeats them costs next to nothing. The same prefix must
    ///     be given to decompress.
    /// - Throws: `SourceError` when there is no memory.
    package static func compress(_ bytes: [UInt8], level: Int32 = 3, prefix: [UInt8] = []) throws -> [UInt8] {
        guard let context = ZSTD_createCCtx() else { throw SourceError(.invalidCompression, "There is no memory to compress.") }
        defer { ZSTD_freeCCtx(context) }
        try check(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level))
        let capacity = ZSTD_compressBound(bytes.count)
        return try prefix.withUnsafeBytes { prefix in
            if !prefix.isEmpty {
                // The window must reach back over all of the prefix.
                let reach = prefix.count + bytes.count
                let log = min(largestWindow, max(10, Int32(Int.bitWidth - (reach - 1).leadingZeroBitCount)))
                try check(ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, log))
                try check(ZSTD_CCtx_setParameter(context, ZSTD_c_enableLongDistanceMatching, 1))
                try check(ZSTD_CCtx_refPrefix(context, prefix.baseAddress, prefix.count))
            }
            return try [UInt8](unsafeUninitializedCapacity: capacity) { target, count in
                count = try bytes.withUnsafeBytes { source in
                    try check(ZSTD_compress2(context, target.baseAddress, capacity, source.baseAddress, source.count))
                }
            }
        }
    }

    /// Decompresses exactly one frame.
    /// - Parameter limit: The most bytes that may come out; a frame with more is refused before they are made.
    /// - Throws: `SourceError` with code `invalidCompression` or `tooLarge`.
    package static func decompress(_ bytes: [UInt8], limit: Int, prefix: [UInt8] = []) throws -> [UInt8] {
        let decoder = try ZstdDecoder(bytes, prefix: prefix)
        var result: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: min(limit + 1, 256 << 10))
        while true {
            let count = try piece.withUnsafeMutableBytes { try decoder.read(into: $0) }
            guard result.count + count <= limit else {
                throw SourceError(.tooLarge, "The compressed bytes hold more than the \(limit) bytes that are accepted.")
            }
            result += piece[..<count]
            if count < piece.count { break }
        }
        try decoder.finish()
        return result
    }

    @discardableResult
    fileprivate static func check(_ code: Int) throws -> Int {
        guard ZSTD_isError(code) == 0 else {
            throw SourceError(.invalidCompression, "Compressed bytes are damaged: \(String(cString: ZSTD_getErrorName(code))).")
        }
        return code
    }

    fileprivate static func limitWindow(_ context: OpaquePointer) throws {
        try check(ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, largestWindow))
    }
}

/// Decompresses one frame piece by piece.
final class ZstdDecoder {
    private let context: OpaquePointer
    private let input: [UInt8]
    private let prefixCopy: UnsafeMutableRawBufferPointer
    private var position = 0
    private var ended = false

    init(_ input: [UInt8], prefix: [UInt8] = []) throws {
        guard let context = ZSTD_createDCtx() else { throw SourceError(.invalidCompression, "There is no memory to decompress.") }
        self.context = context
        self.input = input
        // The decoder refers to the prefix until the frame ends, so it needs an address that stays.
        prefixCopy = UnsafeMutableRawBufferPointer.allocate(byteCount: prefix.count, alignment: 1)
        prefixCopy.copyBytes(from: prefix)
        try Zstd.limitWindow(context)
        if !prefix.isEmpty { try Zstd.check(ZSTD_DCtx_refPrefix(context, prefixCopy.baseAddress, prefixCopy.count)) }
    }

    deinit {
        ZSTD_freeDCtx(context)
        prefixCopy.deallocate()
    }

    /// Fills `buffer`.
    /// - Returns: The number of bytes; less than the buffer only where the frame ends.
    /// - Throws: `SourceError` when the bytes are damaged or end early.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        var output = ZSTD_outBuffer(dst: buffer.baseAddress, size: buffer.count, pos: 0)
        while output.pos < output.size, !ended {
            try input.withUnsafeBytes { source in
                var input = ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: position)
                let before = (input.pos, output.pos)
                let left = try Zstd.check(ZSTD_decompressStream(context, &output, &input))
                position = input.pos
                ended = left == 0
                guard ended || (input.pos, output.pos) != before else {
                    throw SourceError(.invalidCompression, "Compressed bytes end too early.")
                }
            }
        }
        return output.pos
    }

    /// Checks that the frame has ended and that nothing follows.
    func finish() throws {
        var probe: UInt8 = 0
        let more = try withUnsafeMutableBytes(of: &probe) { try read(into: $0) }
        guard more == 0, ended, position == input.count else {
            throw SourceError(.invalidCompression, "There are bytes after the end of the compressed ones.")
        }
    }
}
