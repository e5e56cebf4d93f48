import Crypto
import Foundation
import KubernetesClient
import KubernetesModel
import ObjectStore
import SeawayAPI
import Source
import SourceTransfer
import Testing

/// Whose word the real operator takes: each token goes through the API server's proxy, and the API server is asked about it.
@Suite(.enabled(if: !TestCluster.isSkipped), .timeLimit(.minutes(40)))
struct SourceTokenTests {
    @Test func onlyATokenOfTheNamespaceForSeawayThatIsValidNowOpensIt() async throws {
        try await TestCluster.with { cluster in
            try await Namespaces.with(cluster) { namespaces in
                let good = try await namespaces.token(namespaces.own, "seaway")
                let parts = good.split(separator: ".").map(String.init)
                let claims = try JSONValue(parsing: try #require(Data(unpadded: parts[1])))
                let signer = try TokenSigner(cluster)
                let now = Int(Date().timeIntervalSince1970)
                /// The good token's claims, signed anew with other times.
                func signed(from begin: Int, to end: Int, by issuer: JSONValue? = nil) throws -> String {
                    var changed = claims
                    for name in ["iat", "nbf"] { changed[name] = .int(begin) }
                    changed["exp"] = .int(end)
                    if let issuer { changed["iss"] = issuer }
                    return try signer.token(changed)
                }
                let stranger = TokenSigner()
                let unsigned = Data(#"{"alg":"none","typ":"JWT"}"#.utf8).unpadded
                let publicKey = Data(signer.publicKeyPEM.utf8)
                let confused = "\(Data(#"{"alg":"HS256","typ":"JWT"}"#.utf8).unpadded).\(parts[1])"
                let code = HMAC<SHA256>.authenticationCode(for: Data(confused.utf8), using: SymmetricKey(data: publicKey))
                var other = claims
                other["kubernetes.io"]?["namespace"] = .string(namespaces.other)
                let moved = parts[0] + "." + other.encoded().unpadded + "." + parts[2]

                let refused: [(what: String, token: String?, status: Int)] = [
                    ("none", nil, 401), ("empty", "", 401), ("nonsense", "nonsense", 401), ("a header that ends the next", "a b\tc", 401),
                    ("another signature", String(good.dropLast(8)) + "AAAAAAAA", 401), ("another namespace beside the signature", moved, 401),
                    ("no signature", "\(unsigned).\(parts[1]).", 401), ("the public key as secret", "\(confused).\(Data(code).unpadded)", 401),
                    ("a stranger's key", try stranger.token(claims), 401),
                    ("expired", try signed(from: now - 7200, to: now - 3600), 401),
                    ("not valid yet", try signed(from: now + 3600, to: now + 7200), 401),
                    ("of another issuer", try signed(from: now - 10, to: now + 3600, by: "https://elsewhere.example"), 401),
                    ("for another audience", try await namespaces.token(namespaces.own, "elsewhere"), 401),
                    ("for the API server", try await namespaces.token(namespaces.own, nil), 401),
                    ("of another namespace", try await namespaces.token(namespaces.other, "seaway"), 403),
                ]
                var writer = PackWriter()
                try writer.append(Digest(hashing: Array("x".utf8)), Array("x".utf8))
                let pack = try writer.finish()
                let kind = SourceTree.Kind.file(executable: false, size: 1, digest: pack.chunks[0].digest, chunks: [])
                let tree = try Zstd.compress(try SourceTree(entries: [.init(path: "a", kind: kind)]).canonical)
                let api = SourceAPI(namespace: namespaces.own, environment: "app")
                for (what, token, status) in refused {
                    for request in [api.putPack(pack), api.postTree(tree), api.getTree(.ofNothing), api.getPack(pack.id)] {
                        let answer = try await namespaces.send(request, token)
                        #expect(answer.status == status, "\(what): \(request.method) \(request.path)")
                    }
                }
                #expect(try await cluster.store.list("sources/\(namespaces.own)/") == [])

                // The same requests with a token that is good, and with one that was signed here as the expired one was.
                let resigned = try signed(from: now - 10, to: now + 3600)
                #expect(try await namespaces.send(api.putPack(pack), resigned).status == 201)
                #expect(try await namespaces.send(api.postTree(tree), good).status == 200)
                #expect(try await cluster.store.list("sources/\(namespaces.own)/") != [])

                // None of them stands in the operator's log.
                let log = try await namespaces.operatorLog()
                let secrets = (refused.compactMap(\.token) + [good, resigned]).compactMap { $0.split(separator: ".").dropFirst().last }
                #expect(secrets.count > 10)
                #expect(!secrets.contains { $0.count > 20 && log.contains($0) })
            }
        }
    }
}

/// Two namespaces, and a way to the operator.
private struct Namespaces: Sendable {
    var own: String
    var other: String
    var cluster: TestCluster

    static func with(_ cluster: TestCluster, _ body: (Namespaces) async throws -> Void) async throws {
        let id = UUID().uuidString.prefix(8).lowercased()
        let namespaces = Namespaces(own: "tokens-\(id)", other: "tokens-\(id)-other", cluster: cluster)
        do {
            for name in [namespaces.own, namespaces.other] {
                _ = try await cluster.client.create(["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(name)]])
                _ = try await cluster.eventually("the account of \(name)") {
                    try await cluster.client.getIfPresent(ServiceAccount.self, "default", namespace: name)
                }
            }
            try await body(namespaces)
        } catch {
            await namespaces.remove()
            throw error
        }
        await namespaces.remove()
    }

    private func remove() async {
        try? await cluster.store.deleteAll("sources/\(own)/")
        for name in [own, other] { try? await cluster.client.delete(.namespaces, name: name, namespace: nil) }
    }

    /// - Parameter audience: `nil` for the API server's own.
    func token(_ namespace: String, _ audience: String?) async throws -> String {
        let request = APIRequest.tokenRequest(
            serviceAccount: "default", namespace: namespace, audiences: audience.map { [$0] } ?? [], expirationSeconds: 600)
        return try #require(try await cluster.client.send(request, as: TokenRequest.self).status).token
    }

    func send(_ request: TransferRequest, _ token: String?) async throws -> ProxyResponse {
        var headers = request.headers.map { QueryItem($0.key, $0.value) }
        if let token { headers.append(QueryItem(SourceAPI.tokenHeader, token)) }
        return try await cluster.client.proxy(
            .serviceProxy(
                method: request.method, namespace: Names.systemNamespace, service: "https:seaway:api", path: request.path, headers: headers,
                body: request.body))
    }

    func operatorLog() async throws -> String {
        var lines: [String] = []
        for pod in try await cluster.operatorPods() {
            lines += try await cluster.client.logTail(
                pod: pod.metadata.name ?? "", namespace: Names.systemNamespace, container: "operator", lines: 2000)
        }
        return lines.joined(separator: "\n")
    }
}

/// Signs tokens as the cluster does: `scripts/cluster` keeps its key beside the kubeconfig.
private struct TokenSigner {
    private var key: P256.Signing.PrivateKey

    init(_ cluster: TestCluster) throws {
        let file = URL(filePath: cluster.kubeconfig).deletingLastPathComponent().appending(path: "pki/service-accounts.key")
        let text = try #require(try? String(contentsOf: file, encoding: .utf8), "the key that this cluster signs tokens with is not at \(file.path)")
        key = try P256.Signing.PrivateKey(pemRepresentation: text)
    }

    /// With a key that nobody trusts.
    init() { key = P256.Signing.PrivateKey() }

    var publicKeyPEM: String { key.publicKey.pemRepresentation }

    func token(_ claims: JSONValue) throws -> String {
        let text = Data(#"{"alg":"ES256","typ":"JWT"}"#.utf8).unpadded + "." + claims.encoded().unpadded
        return text + "." + (try key.signature(for: Data(text.utf8)).rawRepresentation.unpadded)
    }
}

extension Data {
    /// base64url, as tokens are written.
    fileprivate var unpadded: String {
        base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    fileprivate init?(unpadded text: String) {
        let standard = text.replacing("-", with: "+").replacing("_", with: "/")
        self.init(base64Encoded: standard + String(repeating: "=", count: (4 - standard.count % 4) % 4))
    }
}
