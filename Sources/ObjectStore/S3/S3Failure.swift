import AsyncHTTPClient
import NIOCore
import NIOPosix
import NIOSSL

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Words for what goes wrong with an S3: what happened, where, and what to do. Never with credentials.
enum S3Failure {
    static func refused(_ what: String, _ configuration: S3Configuration, _ answer: S3Answer) -> ObjectStoreError {
        let known = (answer.code ?? "").filter { $0.isASCII && ($0.isLetter || $0.isNumber) }.prefix(60)
        let reason = "status \(answer.status)" + (known.isEmpty ? "" : ", \(known)")
        let place = "the bucket '\(configuration.bucket)' at \(configuration.endpoint)"
        if answer.isTransient {
            return ObjectStoreError(.unavailable, "Cannot \(what): \(place) is not available (\(reason)).")
        }
        return ObjectStoreError(.refused, "Cannot \(what): \(place) refused (\(reason)).\(advice(known, answer.status, configuration))")
    }

    private static func advice(_ code: Substring, _ status: Int, _ configuration: S3Configuration) -> String {
        switch code {
        case "InvalidAccessKeyId": " The store does not know this access key: check SEAWAY_S3_ACCESS_KEY."
        case "SignatureDoesNotMatch": " The secret key does not belong to the access key: check SEAWAY_S3_SECRET_KEY."
        case "ExpiredToken", "InvalidToken", "TokenRefreshRequired":
            " The temporary credentials have ended: renew the keys and SEAWAY_S3_SESSION_TOKEN."
        case "RequestTimeTooSkewed": " The clocks of this machine and of the store differ too much: set them."
        case "NoSuchBucket": " The bucket does not exist, and was removed again after it was created: check who removes it."
        case "BucketAlreadyExists": " The bucket's name is someone else's: choose another."
        case "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException":
            " The bucket is not in the region \(configuration.region): set region=NAME in the URL of the store."
        case _ where [401, 403].contains(status): " Check the access key, the secret key and the permissions of the bucket."
        case _ where (300...399).contains(status): " Check the endpoint, the region and the style in the URL of the store."
        default: ""
        }
    }

    static func unreachable(_ what: String, _ endpoint: String, _ error: any Error) -> ObjectStoreError {
        ObjectStoreError(.unavailable, "Cannot \(what): the S3 store at \(endpoint) cannot be reached: \(words(error)).")
    }

    /// A certificate that is not trusted now is not trusted in a second either.
    static func mayPass(_ error: any Error) -> Bool { !isUntrusted(error) }

    /// Whether there is a connection, and no answer.
    static func isSilence(_ error: any Error) -> Bool {
        (error as? HTTPClientError).map { [.deadlineExceeded, .readTimeout].contains($0) } ?? false
    }

    private static func isUntrusted(_ error: any Error) -> Bool {
        if error is NIOSSLExtraError { return true }
        if let error = error as? NIOSSLError, case .handshakeFailed = error { return "\(error)".contains("CERTIFICATE_VERIFY_FAILED") }
        return false
    }

    private static func words(_ error: any Error) -> String {
        switch error {
        case _ where isUntrusted(error):
            return "its certificate is not trusted or not for this name; give the CA's certificate as SEAWAY_S3_CA, and check the name"
        case let error as NIOConnectionError where error.connectionErrors.isEmpty:
            return "the name \(error.host) is not known; check the endpoint and the name servers"
        case let error as NIOConnectionError where error.connectionErrors.contains { isRefused($0.error) }: return nobody
        case _ where isRefused(error): return nobody
        case let error as HTTPClientError where [.connectTimeout, .getConnectionFromPoolTimeout].contains(error):
            return "no connection within 5 seconds; check the endpoint, firewalls and network policies"
        case _ where isSilence(error): return "it takes requests and does not answer; check whether the store hangs"
        case let error as HTTPClientError: return error.shortDescription
        default: return String(describing: type(of: error))
        }
    }

    private static let nobody = "nobody listens there; check the endpoint and whether the store runs"

    private static func isRefused(_ error: any Error) -> Bool { (error as? IOError)?.errnoCode == ECONNREFUSED }
}
