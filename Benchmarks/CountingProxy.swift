import Foundation

/// socat before the API server, which writes down all that a client sends, TLS and all.
struct CountingProxy {
    let kubeconfig: String
    private let file: String
    private let process: Process

    init(_ bench: Workbench) throws {
        let original = try String(contentsOfFile: try bench.variable("KUBECONFIG"), encoding: .utf8)
        guard let found = original.firstMatch(of: /server: https:\/\/([0-9.]+):([0-9]+)/) else {
            throw BenchmarkError("the kubeconfig's server is no https:// address with a port")
        }
        let port = Int.random(in: 20_000..<30_000)
        file = "\(bench.directory)/wire.bytes"
        try Data().write(to: URL(fileURLWithPath: file))
        kubeconfig = try bench.write(original.replacing(found.output.0, with: "server: https://127.0.0.1:\(port)"), to: "wire.kubeconfig")
        let log = "\(bench.directory)/socat.log"
        process = try Program([
            "socat", "-d", "-d", "-r", file, "TCP-LISTEN:\(port),bind=127.0.0.1,reuseaddr,fork", "TCP:\(found.output.1):\(found.output.2)",
        ]).start(log: log)
        try wait(for: "socat on port \(port)", upTo: .seconds(5)) {
            (try? String(contentsOfFile: log, encoding: .utf8))?.contains("listening on") == true ? () : nil
        }
    }

    func bytes() throws -> Int {
        guard let size = try FileManager.default.attributesOfItem(atPath: file)[.size] as? Int else { throw BenchmarkError("\(file) is gone") }
        return size
    }

    func stop() {
        process.terminate()
        process.waitUntilExit()
    }
}
