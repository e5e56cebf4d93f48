import Foundation

#if canImport(FoundationXML)
    import FoundationXML
#endif

/// Reads the few elements of S3's XML answers that matter.
struct S3XML {
    /// The text of each element, with the names of the elements around it: `ListBucketResult/Contents/Key`.
    private(set) var values: [(path: String, text: String)] = []

    /// - Returns: `nil` when the bytes are no XML, or no UTF-8.
    init?(_ bytes: [UInt8]) {
        // Foundation's parser on Linux traps on attributes that are no text; a store's answer must not end the process.
        guard String(validating: bytes, as: UTF8.self) != nil else { return nil }
        let collector = Collector()
        let parser = XMLParser(data: Data(bytes))
        parser.shouldResolveExternalEntities = false
        parser.delegate = collector
        guard parser.parse() else { return nil }
        values = collector.values
    }

    static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;").replacing("\"", with: "&quot;")
    }

    func first(_ path: String) -> String? { values.first { $0.path == path }?.text }
    func all(_ path: String) -> [String] { values.filter { $0.path == path }.map(\.text) }

    private final class Collector: NSObject, XMLParserDelegate {
        var values: [(path: String, text: String)] = []
        private var path: [String] = []
        private var text = ""
        /// No answer of S3 has more levels than five.
        private static let deepest = 16

        func parser(
            _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?, attributes: [String: String]
        ) {
            path.append(name)
            text = ""
            if path.count > Self.deepest { parser.abortParsing() }
        }

        func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }

        func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?) {
            values.append((path.joined(separator: "/"), text))
            path.removeLast()
            text = ""
        }
    }
}

/// A page of a listing.
struct S3Listing: Equatable {
    var keys: [String]
    /// Asks for the next page; `nil` on the last.
    var continuation: String?

    /// - Throws: `ObjectStoreError` with code `invalidResponse`.
    init(_ bytes: [UInt8]) throws(ObjectStoreError) {
        guard let xml = S3XML(bytes), let truncated = xml.first("ListBucketResult/IsTruncated") else {
            throw ObjectStoreError(.invalidResponse, "The S3 store answered a listing with something that is none.")
        }
        keys = xml.all("ListBucketResult/Contents/Key")
        continuation = truncated == "true" ? xml.first("ListBucketResult/NextContinuationToken") : nil
        guard truncated != "true" || continuation?.isEmpty == false else {
            throw ObjectStoreError(.invalidResponse, "The S3 store cut a listing short without saying how to go on.")
        }
    }
}

/// What to do after an answer that is no success.
struct RetryPolicy: Sendable, Equatable {
    var attempts = 5
    var first = Duration.milliseconds(100)
    var longest = Duration.seconds(3)

    static func isTransient(status: Int) -> Bool { [408, 429, 500, 502, 503, 504].contains(status) }

    /// How long to wait before the next attempt; `nil` when there is none.
    /// - Parameters:
    ///   - attempt: The attempt that failed, from 1 on.
    ///   - jitter: 0…1: where between half and all of the time.
    func delay(after attempt: Int, jitter: Double) -> Duration? {
        guard attempt < attempts else { return nil }
        let full = min(longest, first * (1 << min(attempt - 1, 20)))
        return full / 2 + full / 2 * jitter
    }
}
