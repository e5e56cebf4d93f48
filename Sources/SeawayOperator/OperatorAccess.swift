import AsyncHTTPClient
import Foundation
import NIOCore
import NIOSSL

/// How the containers of build pods reach the operator.
enum OperatorAccess {
    /// Trusts the authority in the variable `SEAWAY_CA`, where it is set.
    static func configuration() throws -> HTTPClient.Configuration {
        var tls = TLSConfiguration.makeClientConfiguration()
        if let authority = ProcessInfo.processInfo.environment["SEAWAY_CA"] {
            tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(authority.utf8)))
        }
        var configuration = HTTPClient.Configuration(tlsConfiguration: tls)
        configuration.redirectConfiguration = .disallow
        configuration.timeout.connect = .seconds(10)
        configuration.timeout.read = .seconds(60)
        return configuration
    }

    /// Reads the token each time: the kubelet replaces the file before the token in it expires.
    static func token(in file: String) -> @Sendable () throws -> String {
        { try String(contentsOfFile: file, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines) }
    }
}
