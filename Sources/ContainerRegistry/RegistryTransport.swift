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
    let baseURL: String
    private let http: HTTPClient
    private let credentials: @Sendable () throws -> RegistryCredentials
    /// What signs a request, by what it is for; passwords are for everything.
    private let signatures = Mutex<[[String]: Signature]>([:])
    /// More are not in use at once; builds choose some of the names.
    private static let mostSignatures = 1000

    private struct Signature: Equatable {
        var value: String
        /// Until when it is surely good; `nil` for a password.
        var end: ContinuousClock.Instant?
    }

    /// Asked for at each sign-in, so that credentials may change.
    private func login() throws -> RegistryCredentials.Login? { try credentials().login(for: address) }

    var signsIn: Bool { (try? login()) != nil }

    init(address: String, insecure: Bool, credentials: @escaping @Sendable () throws -> RegistryCredentials, http: HTTPClient) {
        self.address = address
        self.baseURL = "\(insecure ? "http" : "https")://\(address)"
        self.credentials = credentials
        self.http = http
    }

    /// - Parameter scope: what a token has to allow: `repository:NAME:pull`; `nil`: nothing.
    /// - Throws: `RegistryError` when nothing answers.
    func send(_ method: HTTPMethod, _ path: String, accept: [String] = [], scope: String?) async throws -> Response {
        let request = HTTPClientRequest(method, "\(baseURL)/v2/\(path)", HTTPHeaders(accept.map { ("Accept", $0) }))
        return try await collect(try await open(request, scopes: scope.map { [$0] } ?? []))
    }

    /// Sends a request and hands back the answer while its body still arrives.
    /// - Parameters:
    ///   - request: to the registry, or to where it sent; only the registry itself sees credentials. A body is sent once: a 401 to it
    ///     is handed back, after another sign-in for the next request.
    ///   - limit: how long it may take until the answer begins.
    /// - Throws: `RegistryError` when nothing answers.
    func open(_ request: HTTPClientRequest, scopes: [String], limit: TimeAmount = .seconds(10)) async throws -> HTTPClientResponse {
        guard isOwn(request.url) else { return try await follow(request, authorization: nil, limit) }
        var known = signatures.withLock { $0[scopes] ?? $0[[]] }
        if request.body != nil, known.map({ $0.end.map { $0 < .now } ?? false }) ?? true {
            let challenge = try await follow(HTTPClientRequest(.GET, "\(baseURL)/v2/"), authorization: nil, .seconds(10))
            // One that lets anybody look challenges nobody here.
            known = try await signIn(challenge, scopes) ?? known
        }
        let response = try await follow(request, authorization: known?.value, limit)
        guard response.status == .unauthorized else { return response }
        // A token that was known has ended, or allows less than this.
        guard let signature = try await signIn(response, scopes), signature.value != known?.value, request.body == nil else { return response }
        return try await follow(request, authorization: signature.value, limit)
    }

    /// Whether a URL is of the registry itself, however it spells that: without the usual port, or in capitals.
    private func isOwn(_ url: String) -> Bool { Self.origin(url) == Self.origin(baseURL) }

    private static func origin(_ url: String) -> [String?] {
        guard let parts = URLComponents(string: url), let scheme = parts.scheme?.lowercased() else { return [url] }
        return [scheme, parts.host?.lowercased(), "\(parts.port ?? (scheme == "https" ? 443 : 80))"]
    }

    // MARK: Signing in

    /// What the registry wants to see, from its challenge, and kept for later; `nil` when there is no login, or none that it takes.
    private func signIn(_ response: HTTPClientResponse, _ scopes: [String]) async throws -> Signature? {
        guard response.status == .unauthorized, let challenge = AuthenticationChallenge.best(of: response.headers["WWW-Authenticate"])
        else { return nil }
        switch challenge {
        case .basic:
            let signature = try login().map { Signature(value: Self.basic($0)) }
            signatures.withLock { $0[[]] = signature }
            return signature
        case .bearer(let realm, let service):
            let signature = try await token(realm, service, scopes)
            // A token for nothing in particular allows nothing else.
            if !scopes.isEmpty { signatures.withLock { Self.keep(signature, for: scopes, in: &$0) } }
            return signature
        }
    }

    private static func keep(_ signature: Signature?, for scopes: [String], in known: inout [[String]: Signature]) {
        if known.count >= mostSignatures { known = known.filter { $0.value.end.map { $0 > .now } ?? true } }
        if known.count >= mostSignatures { known = known.filter { $0.value.end == nil } }
        known[scopes] = signature
    }

    private func token(_ realm: String, _ service: String?, _ scopes: [String]) async throws -> Signature? {
        guard var url = URLComponents(string: realm), let host = url.host, ["http", "https"].contains(url.scheme) else {
            throw RegistryError(message: "the registry at \(address) names no place to get a token from")
        }
        guard url.scheme == "https" || baseURL.hasPrefix("http:") else {
            throw RegistryError(message: "the registry at \(address) sends for a token to \(host) over plain HTTP, where credentials are not sent")
        }
        let fields = (service.map { [("service", $0)] } ?? []) + scopes.map { ("scope", $0) }
        let login = try login()
        let asked = ContinuousClock.now
        let response: Response
        if let login, let refresh = login.identityToken {
            // OAuth 2, RFC 6749 section 6.
            let form = fields + [("grant_type", "refresh_token"), ("client_id", "seaway"), ("refresh_token", refresh)]
            var request = HTTPClientRequest(.POST, realm, ["Content-Type": "application/x-www-form-urlencoded"])
            request.body = .bytes(ByteBuffer(string: Self.query(form)))
            response = try await collect(sendOnce(request))
        } else {
            url.percentEncodedQuery = [url.percentEncodedQuery, Self.query(fields)].compactMap { $0 }.joined(separator: "&")
            var headers = HTTPHeaders()
            if let login { headers.add(name: "Authorization", value: Self.basic(login)) }
            response = try await collect(sendOnce(HTTPClientRequest(.GET, url.string ?? realm, headers)))
        }
        struct Token: Decodable {
            var token: String?
            var accessToken: String?
            /// Seconds.
            var expiresIn: Int?

            enum CodingKeys: String, CodingKey {
                case token
                case accessToken = "access_token"
                case expiresIn = "expires_in"
            }
        }
        if response.status == 401 || response.status == 403 { return nil }
        guard response.status == 200, let body = try? JSONDecoder().decode(Token.self, from: response.body),
            let token = body.token ?? body.accessToken
        else {
            throw RegistryError(message: "\(host), which gives tokens for the registry at \(address), answered \(response.status) without a token")
        }
        // What goes out now still has to be on its way to the registry then; 60 is what the specification says of a token that says nothing.
        let life = max(min(body.expiresIn ?? 60, 3600) - 10, 1)
        return Signature(value: "Bearer \(token)", end: asked + .seconds(life))
    }

    private static func basic(_ login: RegistryCredentials.Login) -> String {
        "Basic \(Data("\(login.user):\(login.password)".utf8).base64EncodedString())"
    }

    private static func query(_ fields: [(String, String)]) -> String {
        let kept = CharacterSet(charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
        return fields.map { "\($0.0)=\($0.1.addingPercentEncoding(withAllowedCharacters: kept) ?? "")" }.joined(separator: "&")
    }

    // MARK: Sending

    private func follow(_ request: HTTPClientRequest, authorization: String?, _ limit: TimeAmount) async throws -> HTTPClientResponse {
        var request = request
        if let authorization { request.headers.replaceOrAdd(name: "Authorization", value: authorization) }
        var response = try await sendOnce(request, limit)
        var place = URL(string: request.url)
        for _ in 0..<Self.redirections {
            guard [301, 302, 303, 307, 308].contains(response.status.code), request.method == .GET || request.method == .HEAD,
                let location = response.headers.first(name: "Location"), let next = URL(string: location, relativeTo: place)?.absoluteURL
            else { return response }
            // Only the very same server may see the credentials.
            if next.scheme != place?.scheme || next.host != place?.host || next.port != place?.port { request.headers.remove(name: "Authorization") }
            guard next.scheme == "https" || place?.scheme == "http" else { return response }
            request.url = next.absoluteString
            response = try await sendOnce(request, limit)
            place = next
        }
        return response
    }

    private func sendOnce(_ request: HTTPClientRequest, _ limit: TimeAmount = .seconds(10)) async throws -> HTTPClientResponse {
        do {
            return try await http.execute(request, timeout: limit)
        } catch let error as CancellationError {
            throw error
        } catch {
            let host = URL(string: request.url)?.host ?? address
            let place = baseURL.contains(host) ? "" : " (at \(host), where it sends to)"
            throw RegistryError(message: "the registry at \(address) cannot be reached\(place): \(Self.words(error))")
        }
    }

    private func collect(_ response: HTTPClientResponse) async throws -> Response {
        do {
            let body = try await response.body.collect(upTo: Self.largestAnswer)
            return Response(status: response.status.code, headers: response.headers, body: Data(buffer: body))
        } catch let error as CancellationError {
            throw error
        } catch {
            throw RegistryError(message: "the answer of the registry at \(address) broke off: \(Self.words(error))")
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

extension HTTPClientRequest {
    init(_ method: HTTPMethod, _ url: String, _ headers: HTTPHeaders = [:]) {
        self.init(url: url)
        self.method = method
        self.headers = headers
    }
}
