import Crypto
import Foundation

/// Names for places that the registry gave an upload, so that a builder can come back to them and to nothing else.
///
/// A registry may send uploads anywhere. What it said is kept in the name itself, with a seal: a builder can neither make up a place
/// that the operator would send bytes to, nor use another repository's. A name is good as long as the process that gave it lives;
/// after that the registry's clients begin the upload anew.
struct UploadLocations: Sendable {
    private let key = SymmetricKey(size: .bits256)

    /// - Parameter url: where the registry wants the next bytes.
    func name(for url: String, repository: String) -> String {
        let seal = HMAC<SHA256>.authenticationCode(for: Self.message(url, repository), using: key)
        return (Data(seal) + Data(url.utf8)).base64EncodedString()
            .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    /// - Returns: `nil` for a name that was not given for this repository.
    func url(named name: String, repository: String) -> String? {
        var text = name.replacing("-", with: "+").replacing("_", with: "/")
        text += String(repeating: "=", count: (4 - text.count % 4) % 4)
        guard let data = Data(base64Encoded: text), data.count > SHA256.byteCount else { return nil }
        let url = String(decoding: data.dropFirst(SHA256.byteCount), as: UTF8.self)
        guard HMAC<SHA256>.isValidAuthenticationCode(data.prefix(SHA256.byteCount), authenticating: Self.message(url, repository), using: key)
        else { return nil }
        return url
    }

    private static func message(_ url: String, _ repository: String) -> Data { Data("\(repository)\n\(url)".utf8) }
}
