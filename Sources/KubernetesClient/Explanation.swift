import AsyncHTTPClient
import KubernetesModel
import NIOCore
import NIOPosix
import NIOSSL

/// Words for what went wrong: what, where, and what to do next.
struct Explanation {
    let configuration: ClusterConfiguration

    /// The API server refused.
    func error(_ status: Status, of request: APIRequest) -> KubernetesError {
        KubernetesError(.api(status), "\(request): \(status)\(advice(status))")
    }

    private func advice(_ status: Status) -> String {
        let place = configuration.whereabouts
        if status.isUnauthorized {
            return ". The cluster at \(place) does not accept these credentials: log in again, or take another context"
        }
        if status.isQuotaExceeded { return ". Free some of the quota, or ask for a larger one" }
        if status.isNamespaceTerminating { return ". The namespace is being deleted: wait until it is gone" }
        if status.isForbidden { return ". Ask whoever runs the cluster at \(place) for this right" }
        if !status.fieldConflicts.isEmpty { return ". Force the apply to take the fields over" }
        if status.isTooManyRequests { return ". The server is overloaded: try again later" }
        return ""
    }

    /// No answer, or a broken one.
    func error(_ error: any Error, of request: APIRequest) -> KubernetesError {
        let place = configuration.whereabouts
        switch error {
        case let error as HTTPClientError where Self.timeouts.contains(error):
            return KubernetesError(
                .timedOut, "\(request): the API server at \(place) did not answer in time. Check that the cluster is up and not overloaded")
        case is NIOTooManyBytesError:
            return KubernetesError(.invalidResponse, "\(request): the answer is larger than \(KubernetesClient.answerLimit >> 20) MiB")
        case is LineSplitter.LineTooLong, is DecodingError:
            return KubernetesError(.invalidResponse, "\(request): the answer is not understood: \(describeDecodingError(error))")
        default:
            let reason = Self.reason(error)
            return KubernetesError(
                .unreachable,
                "\(request): cannot reach the API server at \(place): \(reason.what). \(reason.next)")
        }
    }

    private static let timeouts: [HTTPClientError] = [
        .connectTimeout, .readTimeout, .writeTimeout, .deadlineExceeded, .getConnectionFromPoolTimeout, .tlsHandshakeTimeout,
        .httpProxyHandshakeTimeout, .socksHandshakeTimeout,
    ]

    private static func reason(_ error: any Error) -> (what: String, next: String) {
        let check = "Check that the cluster is up and that this machine can reach it, or take another context"
        let text = String(describing: error)
        if text.contains("CERTIFICATE_VERIFY_FAILED") || text.contains("unableToValidateCertificate") {
            return (
                "its certificate is not signed by the certificate authority of the configuration, or has expired",
                "Get a new kubeconfig from whoever runs the cluster"
            )
        }
        if text.contains("failedToValidateHostname") {
            return ("its certificate is for another host name", "Correct the server's address, or set tls-server-name")
        }
        if let error = error as? NIOConnectionError {
            if error.connectionErrors.isEmpty { return ("there is no host '\(error.host)'", check) }
            let first = error.connectionErrors.first.map { String(describing: $0.error) } ?? ""
            return (first.contains("refused") ? "connection refused" : first, check)
        }
        if let error = error as? HTTPClientError { return (error.shortDescription.lowercased(), check) }
        if error is NIOSSLError || error is BoringSSLError { return ("the TLS handshake failed (\(text))", check) }
        return (text.contains("refused") ? "connection refused" : text, check)
    }
}
