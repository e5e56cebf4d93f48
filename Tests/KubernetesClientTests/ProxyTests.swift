import AsyncHTTPClient
import Foundation
import KubernetesModel
import NIOHTTP1
import Testing

@testable import KubernetesClient

/// Who answered: the service, or the API server for it.
@Suite struct ProxyTests {
    private let request = APIRequest.serviceProxy(method: "GET", namespace: "s", service: "https:seaway:api", path: "/v1/x")
    private let line = "GET /api/v1/namespaces/s/services/https:seaway:api/proxy/v1/x"

    @Test(arguments: [
        (200, "hello"), (404, #"{"kind":"Status","code":404,"reason":"NotFound","message":"no tree"}"#), (503, "store down"),
        (401, #"{"kind":"Status","code":401,"reason":"Unauthorized","message":"the token is not valid"}"#),
        (403, #"{"kind":"Status","code":403,"reason":"Forbidden","message":"another namespace","details":{"kind":"environments"}}"#),
    ])
    func theServiceIsHeard(status: Int, body: String) async throws {
        let server = ScriptedTransport([line: .status(status, body, headers: ["X-A": "b"])])
        let answer = try await server.client().proxy(request)
        #expect(answer.status == status)
        #expect(answer.body == Data(body.utf8))
        #expect(answer.header("x-a") == "b")
    }

    @Test(arguments: [
        (503, #"{"kind":"Status","code":503,"reason":"ServiceUnavailable","message":"no endpoints available for service \"https:seaway:api\""}"#),
        (503, "error trying to reach service: 'dial tcp 10.0.0.1:8443: connect: connection refused'"),
        (
            404,
            #"{"kind":"Status","code":404,"reason":"NotFound","message":"services \"seaway\" not found","details":{"kind":"services"}}"#
        ),
        (403, #"{"kind":"Status","code":403,"reason":"Forbidden","message":"services is forbidden","details":{"kind":"services"}}"#),
        (401, #"{"kind":"Status","code":401,"reason":"Unauthorized","message":"Unauthorized"}"#),
    ])
    func theAPIServerThrows(status: Int, body: String) async throws {
        let server = ScriptedTransport([line: .status(status, body)])
        let error = await #expect(throws: KubernetesError.self) { try await server.client().proxy(request) }
        #expect(error?.status?.code == status)
    }

    @Test func staleCredentialsAreReadAgain() async throws {
        try await withTemporaryDirectory { directory in
            try write("old", to: "\(directory)/token")
            let configuration = ClusterConfiguration(server: "https://api.test", credentials: Credentials(bearer: .tokenFile("\(directory)/token")))
            let ours = #"{"kind":"Status","code":401,"reason":"Unauthorized","message":"Unauthorized"}"#
            let server = ScriptedTransport([
                line: .after({ try write("new", to: "\(directory)/token") }, .status(401, ours)), line: .status(401, "the service's own"),
            ])
            let answer = try await server.client(configuration).proxy(request)
            #expect(answer.body == Data("the service's own".utf8))
            #expect(server.requests.map { $0.headers.first(name: "Authorization") } == ["Bearer old", "Bearer new"])
        }
    }

    @Test func aBodyTooLargeIsNotSent() async throws {
        var large = request
        large.body = Data(count: (16 << 20) + 1)
        let error = await #expect(throws: KubernetesError.self) { try await ScriptedTransport([]).client().proxy(large) }
        #expect(error?.code == .invalidRequest)
    }
}
