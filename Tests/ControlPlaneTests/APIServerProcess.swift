import Foundation
import KubernetesClient
import KubernetesModel
import NIOCore
import NIOPosix
import Subprocess
import Testing

/// A second API server beside the one of these tests, on the same etcd: one that may be killed. It is started as the first one was,
/// which only a process of this machine tells.
struct APIServerProcess {
    private var program: String
    var arguments: [String]
    var port: Int

    static func beside(_ configuration: ClusterConfiguration) async throws -> APIServerProcess {
        let own = try #require(URL(string: configuration.server)?.port.flatMap(words), "the API server is no process of this machine")
        let port = try await freePort()
        // It writes no second audit log over the first one's.
        let kept = own.dropFirst().filter { !$0.hasPrefix("--audit") && !$0.hasPrefix("--secure-port=") && !$0.hasPrefix("--bind-address=") }
        return APIServerProcess(program: own[0], arguments: kept + ["--secure-port=\(port)", "--bind-address=127.0.0.1"], port: port)
    }

    /// A port on which nobody listens just now.
    static func freePort() async throws -> Int {
        let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup).bind(host: "127.0.0.1", port: 0).get()
        let port = listener.localAddress?.port ?? 0
        try await listener.close()
        return port
    }

    /// Whether there can be one.
    static var isPossible: Bool { (try? ControlPlane.configuration()).flatMap { URL(string: $0.server)?.port }.flatMap(words) != nil }

    private static func words(servingAt port: Int) -> [String]? {
        words { $0[0].hasSuffix("kube-apiserver") && $0.contains("--secure-port=\(port)") }
    }

    /// The command line of a process of this machine.
    static func words(where isWanted: ([String]) -> Bool) -> [String]? {
        let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        for id in processes where Int(id) != nil {
            guard let line = FileManager.default.contents(atPath: "/proc/\(id)/cmdline") else { continue }
            let words = line.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            if !words.isEmpty, isWanted(words) { return words }
        }
        return nil
    }

    /// Starts it, waits until it is ready, does `body` and kills it as it stands.
    func run(_ client: KubernetesClient, _ body: () async throws -> Void) async throws {
        let ended = try await Subprocess.run(
            .name("env"), arguments: Arguments([program] + arguments), input: .none, output: .discarded, error: .discarded
        ) { execution in
            let result: Result<Void, any Error>
            do {
                try await isReady(client)
                result = .success(try await body())
            } catch {
                result = .failure(error)
            }
            try execution.send(signal: .kill)
            return result
        }
        try ended.closureResult.get()
    }

    private func isReady(_ client: KubernetesClient) async throws {
        let deadline = ContinuousClock.now + .seconds(90)
        while true {
            do {
                _ = try await client.send(APIRequest(method: "GET", path: "/readyz"))
                return
            } catch let error as KubernetesError where ContinuousClock.now < deadline {
                guard error.isTransient || error.isForbidden else { throw error }
                try await Task.sleep(for: .milliseconds(200))
            }
        }
    }
}
