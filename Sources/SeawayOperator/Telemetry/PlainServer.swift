import Hummingbird
import Logging
import SeawayPlan
import ServiceLifecycle
import SourceService

/// Serves in plain HTTP what machines of the cluster ask without credentials: `/healthz`, `/readyz`, `/metrics`, and `/drain/SECONDS`.
///
/// `/drain/SECONDS` answers after that time. Nodes ask it before they stop a container (`preStop`), so that the application serves
/// on until proxies have heard that it leaves; see `OperatorSettings.Drain`. Kubelets before 1.25 know no TLS in hooks.
/// It tells no names, changes nothing and takes no body.
struct PlainServer: Service {
    static let longestDrain = 60
    let port: Int
    let isReady: @Sendable () -> Bool
    let metrics: @Sendable () -> [MetricFamily]
    let logger: Logger

    func run() async throws {
        let router = Router()
        let (isReady, metrics) = (isReady, metrics)
        router.get("healthz") { _, _ in "ok\n" }
        router.get("readyz") { _, _ -> Response in
            let text = isReady() ? "ok\n" : "this operator does not lead, or has not read the cluster yet\n"
            return Response(status: isReady() ? .ok : .serviceUnavailable, body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
        }
        router.get("metrics") { _, _ in
            Response(
                status: .ok, headers: [.contentType: MetricFamily.contentType],
                body: ResponseBody(byteBuffer: ByteBuffer(string: MetricFamily.text(metrics()))))
        }
        router.get("drain/:seconds") { _, context in
            let seconds = try context.parameters.require("seconds", as: Int.self)
            try await Task.sleep(for: .seconds(min(max(seconds, 0), Self.longestDrain)))
            return HTTPResponse.Status.noContent
        }
        let application = Application(
            router: router, configuration: ApplicationConfiguration(address: .hostname("0.0.0.0", port: port), serverName: nil), logger: logger)
        try await application.runUntilCancelled()
    }

    /// How pods of this cluster drain.
    /// - Parameters:
    ///   - version: the API server's, as `v1.31.2`.
    ///   - address: the ClusterIP of the operator's Service: nodes do not resolve names of Services.
    static func drain(seconds: Int, version: String, address: String?, port: Int) -> OperatorSettings.Drain? {
        guard seconds > 0 else { return nil }
        if KubernetesVersion.isAtLeast(1, 30, version) { return .init(seconds: seconds, method: .sleep) }
        guard let address, !address.isEmpty, address != "None" else { return nil }
        return .init(seconds: seconds, method: .request(host: address, port: port))
    }
}
