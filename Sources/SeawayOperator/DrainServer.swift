import Hummingbird
import Logging
import SeawayPlan
import ServiceLifecycle
import SourceService

/// Answers `GET /drain/SECONDS` after that time. Nodes ask it before they stop a container (`preStop`), so that the application serves
/// on until proxies have heard that it leaves; see `OperatorSettings.Drain`.
///
/// Plain HTTP, since kubelets before 1.25 know nothing else in hooks. It tells nothing, changes nothing and takes no body.
struct DrainServer: Service {
    static let longest = 60
    let port: Int
    let logger: Logger

    func run() async throws {
        let router = Router()
        router.get("drain/:seconds") { _, context in
            let seconds = try context.parameters.require("seconds", as: Int.self)
            try await Task.sleep(for: .seconds(min(max(seconds, 0), Self.longest)))
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
