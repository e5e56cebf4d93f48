import Foundation
import KubernetesModel

/// What a service answered through the API server's proxy.
public struct ProxyResponse: Sendable, Equatable {
    public var status: Int
    public var headers: [QueryItem]
    public var body: Data

    public init(status: Int, headers: [QueryItem] = [], body: Data = Data()) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The value of the first header of that name, compared without regard to case.
    public func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }

    /// The API server's own refusal to pass a request on, told from an answer of the service, which may be a `Status` as well.
    ///
    /// Nothing marks it in the answer but its text: Kubernetes has no header for it.
    var refusalOfAPIServer: Status? {
        guard status >= 400 else { return nil }
        let decoded = try? JSONDecoder().decode(Status.self, from: body)
        let text = decoded?.message ?? String(decoding: body.prefix(4096), as: UTF8.self)
        let isTransportFailure = text.contains("error trying to reach service") || text.contains("no endpoints available for service")
        let isAboutService = decoded?.details?.kind == "services" || decoded?.details?.kind == "endpoints"
        let isAuthentication = status == 401 && decoded?.message == "Unauthorized" && decoded?.details == nil
        guard isTransportFailure || isAboutService || isAuthentication else { return nil }
        var refusal = decoded ?? Status(code: status, message: text.trimmingCharacters(in: .whitespacesAndNewlines))
        if refusal.reason == nil, isTransportFailure { refusal.reason = "ServiceUnavailable" }
        return refusal
    }
}
