import Crypto
import Foundation

/// AWS's Signature Version 4 in the request's headers, with S3's rule that paths are encoded once.
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html>.
struct SignatureV4: Sendable {
    var accessKey: String
    var secretKey: String
    var region: String
    var service: String

    /// The value of the `Authorization` header.
    /// - Parameters:
    ///   - path: The path as it is sent: percent-encoded.
    ///   - query: Names and values, not encoded.
    ///   - headers: All headers to sign. `host` and `x-amz-date` with the same date must be among them.
    ///   - payloadHash: The SHA-256 of the body in hex.
    func authorization(
        method: String, path: String, query: [(String, String)], headers: [(String, String)], payloadHash: String, date: Date
    ) -> String {
        let names = SignatureV4.signedNames(headers)
        let canonical = [
            method, path, SignatureV4.queryString(query), SignatureV4.canonicalHeaders(headers), names, payloadHash,
        ].joined(separator: "\n")
        let time = SignatureV4.timestamp(date)
        let scope = "\(time.prefix(8))/\(region)/\(service)/aws4_request"
        let toSign = ["AWS4-HMAC-SHA256", time, scope, SignatureV4.sha256(Array(canonical.utf8))].joined(separator: "\n")

        var key = SymmetricKey(data: Array("AWS4\(secretKey)".utf8))
        for part in [String(time.prefix(8)), region, service, "aws4_request"] {
            key = SymmetricKey(data: HMAC<SHA256>.authenticationCode(for: Array(part.utf8), using: key))
        }
        let signature = SignatureV4.hex(HMAC<SHA256>.authenticationCode(for: Array(toSign.utf8), using: key))
        return "AWS4-HMAC-SHA256 Credential=\(accessKey)/\(scope), SignedHeaders=\(names), Signature=\(signature)"
    }

    /// `20150830T123600Z`
    static func timestamp(_ date: Date) -> String {
        date.formatted(Date.ISO8601FormatStyle(dateSeparator: .omitted, timeSeparator: .omitted))
    }

    static func sha256(_ bytes: [UInt8]) -> String { hex(SHA256.hash(data: bytes)) }

    /// The query sorted and encoded, as it is signed and sent.
    static func queryString(_ query: [(String, String)]) -> String {
        query.map { (encode($0.0), encode($0.1)) }
            .sorted { ($0.0, $0.1) < ($1.0, $1.1) }
            .map { "\($0.0)=\($0.1)" }
            .joined(separator: "&")
    }

    /// Percent-encodes all but the unreserved characters.
    static func encode(_ text: String, keeping kept: String = "") -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: result.unicodeScalars.append(Unicode.Scalar(byte))
            case _ where kept.utf8.contains(byte): result.unicodeScalars.append(Unicode.Scalar(byte))
            default: result += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return result
    }

    private static func canonicalHeaders(_ headers: [(String, String)]) -> String {
        var values: [String: [String]] = [:]
        for (name, value) in headers {
            // Runs of spaces count as one.
            let words = value.split(separator: " ").joined(separator: " ")
            values[name.lowercased(), default: []].append(words)
        }
        return values.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value.joined(separator: ","))\n" }.joined()
    }

    private static func signedNames(_ headers: [(String, String)]) -> String {
        Set(headers.map { $0.0.lowercased() }).sorted().joined(separator: ";")
    }

    private static func hex(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
