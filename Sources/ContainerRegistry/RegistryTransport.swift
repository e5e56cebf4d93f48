import AsyncHTTPClient
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// Sends requests to one registry, signs in as the registry wants it, and follows it elsewhere without credentials.
final class RegistryTransport: Sendable {
    struct Response: Sendable {
        var status: UInt
        var headers: HTTPHeaders
        var body: Data

        /// The registry's own word for what is wrong.
        var code: String? {
            struct Errors: Decodable {
                struct Entry: Decodable { var code: String? }
                var errors: [Entry]?
            }
            return (try? JSONDecoder().decode(Errors.self, from: body))?.errors?.first?.code
        }
    }

    private static let largestAnswer = 4 << 20
    private static let redirections = 5

    let address: String
    private let baseURL: String
    private let http: HTTPClient
    private let login: RegistryCredentials.Login?
    /// What signs a request, by the scope it is for; passwords are for every scope.
    private let signatures = Mutex<[String: String]>([:])

    var signsIn: Bool { login != nil }

    init(address: String, insecure: Bool, login: RegistryCredentials.Login?, http: HTTPClient) {
        self.address = address
        self.baseURL = "\(insecure ? "http" : "https")://\(address)"
        self.login = login
        self.http = http
    }

    /// - Parameter scope: what a token has to allow: `repository:NAME:pull`.
    /// - Throws: `RegistryError` when nothing answers.
    func send(_ method: HTTPMethod, _ path: String, accept: [String] = [], scope: String) async throws -> Response {
        let url = "\(baseURL)/v2/\(path)"
        let known = signatures.withLock { $0[scope] ?? $0[""] }
        let response = try await follow(method, url, accept, authorization: known)
        guard response.status == 401, let challenge = AuthenticationChallenge.best(of: response.headers["WWW-Authenticate"]) else { return response }
        // A token that was known has ended, or allows less than this.
        guard let (signature, scope) = try await answer(challenge, scope), signature != known else { return response }
        let second = try await follow(method, url, accept, authorization: signature)
        if second.status != 401 { signatures.withLock { $0[scope] = signature } }
        return second
    }

    // MARK: Signing in

    private func answer(_ challenge: AuthenticationChallenge, _ wanted: String) async throws -> (signature: String, scope: String)? {
        switch challenge {
        case .basic: return login.map { (Self.basic($0), "") }
        case .bearer(let realm, let service, let scope):
            guard let token = try await token(realm, service, scope ?? wanted) else { return nil }
            return ("Bearer \(token)", wanted)
        }
    }

    private func token(_ realm: String, _ service: String?, _ scope: String) async throws -> String? {
        guard var url = URLComponents(string: realm), let host = url.host, ["http", "https"].contains(url.scheme) else {
            throw RegistryError(message: "the registry at \(address) names no place to get a token from")
        }
        guard url.scheme == "https" || baseURL.hasPrefix("http:") else {
            throw RegistryError(message: "the registry at \(address) sends for a token to \(host) over plain HTTP, where credentials are not sent")
        }
        let fields = [service.map { ("service", $0) }, ("scope", scope)].compactMap { $0 }
        let response: Response
        if let login, let refresh = login.identityToken {
            // OAuth 2, RFC 6749 section 6.
            let form = fields + [("grant_type", "refresh_token"), ("client_id", "seaway"), ("refresh_token", refresh)]
            response = try await sendOnce(
                .POST, realm, ["Content-Type": "application/x-www-form-urlencoded"], body: Array(Self.query(form).utf8))
        } else {
            url.percentEncodedQuery = [url.percentEncodedQuery, Self.query(fields)].compactMap { $0 }.joined(separator: "&")
            var headers = HTTPHeaders()
            if let login { headers.add(name: "Authorization", value: Self.basic(login)) }
            response = try await sendOnce(.GET, url.string ?? realm, headers)
        }
        struct Token: Decodable {
            var token: String?
            var accessToken: String?

            enum CodingKeys: String, CodingKey {
                case token
                case accessToken = "access_token"
            }
        }
        if response.status == 401 || response.status == 403 { return nil }
        guard response.status == 200, let body = try? JSONDecoder().decode(Token.self, from: response.body),
            let token = body.token ?? body.accessToken
        else {
            throw RegistryError(message: "\(host), which gives tokens for the registry at \(address), answered \(response.status) without a token")
        }
        return token
    }

    private static func basic(_ login: RegistryCredentials.Login) -> String {
        "Basic \(Data("\(login.user):\(login.password)".utf8).base64EncodedString())"
    }

    private static func query(_ fields: [(String, String)]) -> String {
        let kept = CharacterSet(charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
        return fields.map { "\($0.0)=\($0.1.addingPercentEncoding(withAllowedCharacters: kept) ?? "")" }.joined(separator: "&")
    }

    // MARK: Sending

    private func follow(_ method: HTTPMethod, _ url: String, _ accept: [String], authorization: String?) async throws -> Response {
        var headers = HTTPHeaders(accept.map { ("Accept", $0) })
        if let authorization { headers.add(name: "Authorization", value: authorization) }
        var response = try await sendOnce(method, url, headers)
        var place = URL(string: url)
        for _ in 0..<Self.redirections {
            guard [301, 302, 303, 307, 308].contains(response.status), method == .GET || method == .HEAD,
                let location = response.headers.first(name: "Location"), let next = URL(string: location, relativeTo: place)?.absoluteURL
            else { return response }
            // Only the very same server may see the credentials.
            if next.scheme != place?.scheme || next.host != place?.host || next.port != place?.port { headers.remove(name: "Authorization") }
            guard next.scheme == "https" || place?.scheme == "http" else { return response }
            response = try await sendOnce(method, next.absoluteString, headers)
            place = next
        }
        return response
    }

    private func sendOnce(_ method: HTTPMethod, _ url: String, _ headers: HTTPHeaders, body: [UInt8] = []) async throws -> Response {
        var request = HTTPClientRequest(url: url)
        request.method = method
        request.headers = headers
        if !body.isEmpty { request.body = .bytes(ByteBuffer(bytes: body)) }
        do {
            let response = try await http.execute(request, timeout: .seconds(10))
            let body = try await response.body.collect(upTo: Self.largestAnswer)
            return Response(status: response.status.code, headers: response.headers, body: Data(buffer: body))
        } catch let error as CancellationError {
            throw error
        } catch {
            let host = URL(string: url)?.host ?? address
            let place = baseURL.contains(host) ? "" : " (at \(host), where it sends to)"
            throw RegistryError(message: "the registry at \(address) cannot be reached\(place): \(Self.words(error))")
        }
    }

    private static func words(_ error: any Error) -> String {
        switch error {
        case let error as NIOSSLError where "\(error)".contains("CERTIFICATE_VERIFY_FAILED"):
            "its certificate is not trusted: the CA that signed it is not among those that are known here"
        case is NIOSSLExtraError: "its certificate is for another name"
        case let error as NIOSSLError where "\(error)".contains("WRONG_VERSION_NUMBER"):
            "it does not speak TLS; if it is meant to be so, say --registry-insecure"
        case let error as NIOConnectionError where error.connectionErrors.isEmpty: "the name \(error.host) is not known"
        case is NIOConnectionError, is IOError: "nothing answers there; check the address and whether it runs"
        case let error as HTTPClientError: error.shortDescription
        default: String(describing: type(of: error))
        }
    }
}
