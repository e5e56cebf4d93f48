import KubernetesModel

/// Asks probes.
struct ProbeRunner: Sendable {
    var podman: Podman
    /// Seconds that a listener gets to hang up on a connection that nobody is behind.
    private static let hangUp = 0.1

    /// - Parameter hostPort: where on this machine's loopback address a container's port is.
    func ask(_ probe: Probe, container: String, hostPort: (Int) -> Int?) async throws -> ProbeAnswer {
        switch probe.action {
        case .tcp(let port):
            guard let published = hostPort(port) else { return .failed("port \(port) is not published") }
            return try await tcp(port, published)
        case .http(let port, let path, let headers, let isSecure):
            guard let published = hostPort(port) else { return .failed("port \(port) is not published") }
            // TLS is not spoken here: that somebody listens has to do.
            if isSecure { return try await tcp(port, published) }
            return try await http(port, published, path: path, headers: headers, timeout: probe.timeout)
        case .exec(let command):
            return try await exec(command, container: container, timeout: probe.timeout)
        }
    }

    private func tcp(_ port: Int, _ published: Int) async throws -> ProbeAnswer {
        switch try await Loopback.exchange(port: published, send: [], enough: 1, timeout: Self.hangUp) {
        case .connected: .passed
        case .hungUp: .failed("nobody listens on port \(port)")
        case .refused(let why): .failed("port \(port): \(why)")
        }
    }

    private func http(_ port: Int, _ published: Int, path: String, headers: [String: String], timeout: Double) async throws -> ProbeAnswer {
        let what = "GET :\(port)\(path)"
        var lines = ["GET \(path.hasPrefix("/") ? path : "/" + path) HTTP/1.1"]
        if !headers.keys.contains(where: { $0.lowercased() == "host" }) { lines.append("Host: 127.0.0.1:\(published)") }
        lines += headers.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" } + ["User-Agent: kube-probe/seaway", "Connection: close", "", ""]
        guard !lines.dropLast(2).contains(where: { $0.contains { $0.isNewline } }) else { return .failed("\(what): a line break in the probe") }
        switch try await Loopback.exchange(port: published, send: Array(lines.joined(separator: "\r\n").utf8), enough: 12, timeout: timeout) {
        case .refused(let why): return .failed("\(what): \(why)")
        case .hungUp: return .failed("\(what): no answer")
        case .connected(let bytes):
            guard !bytes.isEmpty else { return .failed("\(what): no answer within \(Int(timeout)) s") }
            let words = String(decoding: bytes.prefix(64), as: UTF8.self).split(separator: " ")
            guard words.first?.hasPrefix("HTTP/") == true, words.count > 1, let code = Int(words[1].prefix(3)) else {
                return .failed("\(what): the answer is not HTTP")
            }
            return (200..<400).contains(code) ? .passed : .failed("\(what) answered \(code)")
        }
    }

    private func exec(_ command: [String], container: String, timeout: Double) async throws -> ProbeAnswer {
        // Podman itself needs some time to get there.
        guard let result = try await podman.run(["exec", container] + command, within: .seconds(timeout + 1)) else {
            return .failed("\(command.first ?? "exec") did not end within \(Int(timeout)) s")
        }
        guard !result.isSuccess else { return .passed }
        let said = (result.output + result.complaint).split(whereSeparator: \.isNewline).last.map { ": \($0.prefix(200))" } ?? ""
        return .failed("\(command.first ?? "exec") ended with exit code \(result.exitCode)\(said)")
    }
}
