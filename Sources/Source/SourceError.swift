/// What can go wrong with sources. `description` is for the user: it says what, where and what to do next.
public struct SourceError: Error, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// A FIFO, socket or device was selected.
        case unsupportedFile
        /// The operating system refused to read or write.
        case inaccessible
        /// A symbolic link leads out of the tree.
        case outsideTree
        /// A file changed while it was read.
        case changedWhileReading
        /// A name that cannot be part of a source tree.
        case invalidName
        /// A pattern of `include`, `exclude` or `.dockerignore` that is not understood.
        case invalidPattern
        /// Bytes that are no canonical tree.
        case invalidTree
        /// Bytes that are no pack, or whose content is not what its digest says.
        case invalidPack
        /// Compressed bytes that cannot be decompressed within their bound.
        case invalidCompression
        /// More than Seaway handles.
        case tooLarge
    }

    public var code: Code
    public var message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}

extension SourceError {
    /// A path as it is shown: quoted, control characters escaped, so a file name cannot fake output.
    package static func quote(_ path: some StringProtocol) -> String {
        var result = "'"
        for scalar in path.unicodeScalars {
            switch scalar {
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case "'": result += "\\'"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F: result += "\\x" + String(scalar.value, radix: 16)
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "'"
    }

    /// A name that is not UTF-8 as it is shown: every byte outside of ASCII as `\xNN`, so that `printf` brings it back.
    package static func quote(bytes: some Sequence<UInt8>) -> String {
        var result = ""
        for byte in bytes {
            if byte < 0x80 {
                result.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                result += "\\x" + String(byte, radix: 16)
            }
        }
        return quote(result)
    }
}
