import Foundation
import NIOCore

/// The proxy that the environment names for a server, as kubectl reads it: `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, in capitals or not.
///
/// The rules are those of Go's `net/http.ProxyFromEnvironment`: <https://pkg.go.dev/golang.org/x/net/http/httpproxy#Config>
public struct EnvironmentProxy: Sendable, Equatable {
    /// The variable that names it, for messages.
    public var variable: String
    public var url: String

    /// - Returns: `nil` when there is none, or none for this server. This machine itself is never reached by a proxy.
    init?(server: String, environment: [String: String]) {
        guard let target = URL(string: server), let host = target.host(percentEncoded: false)?.lowercased() else { return nil }
        let scheme = target.scheme?.uppercased() ?? ""
        let names = ["\(scheme)_PROXY", "\(scheme)_PROXY".lowercased()]
        guard let name = names.first(where: { environment[$0]?.isEmpty == false }), let value = environment[name] else { return nil }
        let exceptions = ["NO_PROXY", "no_proxy"].compactMap { environment[$0] }.first { !$0.isEmpty } ?? ""
        let port = target.port ?? (scheme == "HTTPS" ? 443 : 80)
        guard Self.isProxied(host: host, port: port, exceptions: exceptions) else { return nil }
        variable = name
        // A proxy is often written without its scheme.
        url = value.contains("://") ? value : "http://\(value)"
    }

    private static func isProxied(host: String, port: Int, exceptions: String) -> Bool {
        let address = try? SocketAddress(ipAddress: host, port: port)
        if host == "localhost" || address.map(isLoopback) == true { return false }
        return !exceptions.split(separator: ",").contains { text in
            let text = text.trimmingCharacters(in: .whitespaces).lowercased()
            if text == "*" { return true }
            if let (network, bits) = network(text) { return address.flatMap(bytes).map { begins($0, with: network, bits: bits) } == true }
            let (name, wantedPort) = split(text)
            guard !name.isEmpty, wantedPort == nil || wantedPort == port else { return false }
            if let other = (try? SocketAddress(ipAddress: name, port: 0)).flatMap(bytes) { return address.flatMap(bytes) == other }
            // `example.com` is itself and all below it, `.example.com` and `*.example.com` are all below it.
            let domain = name.hasPrefix("*.") ? String(name.dropFirst()) : name
            return domain.hasPrefix(".") ? host.hasSuffix(domain) : host == domain || host.hasSuffix(".\(domain)")
        }
    }

    /// `10.0.0.0/8`.
    private static func network(_ text: String) -> (bytes: [UInt8], bits: Int)? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let bits = Int(parts[1]), let bytes = (try? SocketAddress(ipAddress: String(parts[0]), port: 0)).flatMap(bytes),
            (0...bytes.count * 8).contains(bits)
        else { return nil }
        return (bytes, bits)
    }

    /// A host and the port behind it, if there is one; the brackets of an IPv6 address are taken off.
    private static func split(_ text: String) -> (host: String, port: Int?) {
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
            let rest = text[text.index(after: end)...]
            return (String(text[text.index(after: text.startIndex)..<end]), rest.hasPrefix(":") ? Int(rest.dropFirst()) : nil)
        }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let port = Int(parts[1]) else { return (text, nil) }
        return (String(parts[0]), port)
    }

    private static func bytes(_ address: SocketAddress) -> [UInt8]? {
        switch address {
        case .v4(let address): withUnsafeBytes(of: address.address.sin_addr) { Array($0) }
        case .v6(let address): withUnsafeBytes(of: address.address.sin6_addr) { Array($0) }
        case .unixDomainSocket: nil
        }
    }

    private static func isLoopback(_ address: SocketAddress) -> Bool {
        guard let bytes = bytes(address) else { return false }
        return bytes.count == 4 ? bytes[0] == 127 : bytes == Array(repeating: 0, count: 15) + [1]
    }

    private static func begins(_ bytes: [UInt8], with network: [UInt8], bits: Int) -> Bool {
        guard bytes.count == network.count else { return false }
        return (0..<bits).allSatisfy { bit in
            let mask = UInt8(0x80) >> (bit % 8)
            return bytes[bit / 8] & mask == network[bit / 8] & mask
        }
    }
}
