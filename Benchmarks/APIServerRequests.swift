import Foundation

/// Requests to the API server with curl, as the kubeconfig's client certificate.
struct APIServerRequests {
    let server: String
    /// Options that every request needs.
    let options: [String]

    init(_ bench: Workbench, kubeconfig: String? = nil) throws {
        func value(_ path: String) throws -> String {
            try bench.kubectl(["config", "view", "--raw", "--minify", "--output", "jsonpath={\(path)}"], kubeconfig: kubeconfig).run().output
        }
        func file(_ path: String, _ name: String) throws -> String {
            guard let data = Data(base64Encoded: try value(path)), !data.isEmpty else {
                throw BenchmarkError("the kubeconfig has no \(path); the benchmark needs client certificates as scripts/cluster makes them")
            }
            let file = "\(bench.directory)/\(kubeconfig == nil ? "" : "load-")\(name)"
            guard FileManager.default.createFile(atPath: file, contents: data, attributes: [.posixPermissions: 0o600]) else {
                throw BenchmarkError("\(file) cannot be written")
            }
            return file
        }
        server = try value(".clusters[0].cluster.server")
        options = [
            "--noproxy", "*", "--silent", "--show-error", "--fail", "--cacert", try file(".clusters[0].cluster.certificate-authority-data", "ca.crt"),
            "--cert", try file(".users[0].user.client-certificate-data", "client.crt"),
            "--key", try file(".users[0].user.client-key-data", "client.key"),
        ]
    }

    /// How long one request takes, connection and TLS included but not the start of curl, in seconds.
    func roundTrip() throws -> Double {
        let told = try Program(["curl"] + options + ["--output", "/dev/null", "--write-out", "%{time_total}", server + "/healthz"]).run().output
        guard let seconds = Double(told) else { throw BenchmarkError("curl tells no time: \(told)") }
        return seconds
    }

    func send(_ method: String, _ path: String, type: String = "application/json", file: String) -> Program {
        Program(
            ["curl"] + options + ["--request", method, "--header", "Content-Type: \(type)", "--data-binary", "@\(file)", server + path])
    }
}
