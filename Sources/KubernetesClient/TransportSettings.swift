import AsyncHTTPClient
import Foundation
import NIOCore
import NIOSSL

/// How a cluster's configuration becomes that of an HTTP client.
enum TransportSettings {
    static func httpClientConfiguration(_ configuration: ClusterConfiguration) throws -> HTTPClient.Configuration {
        guard let url = URL(string: configuration.server), let host = url.host(percentEncoded: false), !host.isEmpty,
            url.scheme == "https" || url.scheme == "http"
        else {
            throw KubernetesError(
                .configuration, "\(configuration.origin): the server '\(configuration.server)' is no http or https URL with a host")
        }
        var settings = HTTPClient.Configuration(
            tlsConfiguration: try tls(configuration, certificate: configuration.credentials.clientCertificate))
        settings.redirectConfiguration = .disallow
        // A refused connection is told at once; whoever can wait tries again by itself.
        settings.connectionPool.retryConnectionEstablishment = false
        // Without HTTP/2 every request that is under way holds a connection.
        settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 128
        if let name = configuration.tlsServerName { settings.dnsOverride = [name: host] }
        if let proxy = configuration.proxyURL, !proxy.isEmpty {
            settings.proxy = try httpProxy(proxy, "\(configuration.origin): proxy-url")
        } else if let proxy = configuration.environmentProxy {
            settings.proxy = try httpProxy(proxy.url, "the variable \(proxy.variable)")
        }
        return settings
    }

    /// The server's URL as the HTTP client gets it. With a `tls-server-name` its host is that name, and the DNS override leads to
    /// the real host: the client verifies the name in the URL.
    static func baseURL(_ configuration: ClusterConfiguration) -> String {
        guard let name = configuration.tlsServerName, var parts = URLComponents(string: configuration.server) else {
            return configuration.server
        }
        parts.host = name
        return parts.string ?? configuration.server
    }

    /// What the `Host` header must say where `baseURL` says something else.
    static func host(_ configuration: ClusterConfiguration) -> String? {
        guard configuration.tlsServerName != nil, let parts = URLComponents(string: configuration.server), let host = parts.host else { return nil }
        return parts.port.map { "\(host):\($0)" } ?? host
    }

    /// A key of an impersonated user's extra as part of a header's name: what may not stand there is percent-encoded.
    static func headerName(_ key: String) -> String {
        let allowed = Set("!#$&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)
        return key.utf8.reduce(into: "") { name, byte in
            if allowed.contains(byte) {
                name.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let hex = String(byte, radix: 16, uppercase: true)
                name += "%" + (hex.count == 1 ? "0" : "") + hex
            }
        }
    }

    static func tls(
        _ configuration: ClusterConfiguration, certificate: Credentials.ClientCertificate?
    ) throws -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        if configuration.skipsTLSVerification {
            tls.certificateVerification = .none
        } else if let authority = configuration.certificateAuthority {
            tls.trustRoots = .certificates(try certificates(authority, "certificate authority", configuration))
        }
        if let certificate {
            tls.certificateChain = try certificates(certificate.chain, "client certificate", configuration).map { .certificate($0) }
            do {
                tls.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: [UInt8](certificate.privateKey.exposed), format: .pem))
            } catch {
                throw KubernetesError(
                    .configuration, "\(configuration.origin): the client key is no PEM private key without a passphrase")
            }
        }
        return tls
    }

    private static func certificates(
        _ pem: Data, _ what: String, _ configuration: ClusterConfiguration
    ) throws -> [NIOSSLCertificate] {
        let certificates = try? NIOSSLCertificate.fromPEMBytes([UInt8](pem))
        guard let certificates, !certificates.isEmpty else {
            throw KubernetesError(.configuration, "\(configuration.origin): the \(what) has no PEM certificate")
        }
        return certificates
    }

    /// - Parameter name: where it is written. What is written may hold a password and is not told.
    private static func httpProxy(_ text: String, _ name: String) throws -> HTTPClient.Configuration.Proxy {
        guard let url = URL(string: text), let host = url.host(percentEncoded: false) else {
            throw KubernetesError(.configuration, "\(name) is no URL with a host")
        }
        switch url.scheme {
        case "http":
            let port = url.port ?? 80
            guard let user = url.user(percentEncoded: false) else { return .server(host: host, port: port) }
            return .server(
                host: host, port: port,
                authorization: .basic(username: user, password: url.password(percentEncoded: false) ?? ""))
        case "socks5", "socks5h":
            return .socksServer(host: host, port: url.port ?? 1080)
        case "https":
            throw KubernetesError(
                .configuration, "\(name) begins with https://, which is not supported; use the proxy's http:// or socks5:// address")
        default:
            throw KubernetesError(.configuration, "\(name) must begin with http:// or socks5://")
        }
    }
}
