import AsyncHTTPClient
import Foundation
import KubernetesModel
import NIOHTTP1
import Synchronization
import Testing

@testable import KubernetesClient

/// What the client makes of answers; no server.
@Suite struct ClientTests {
    private static func status(_ code: Int, _ reason: String, _ message: String = "no") -> String {
        #"{"kind":"Status","status":"Failure","code":\#(code),"reason":"\#(reason)","message":"\#(message)"}"#
    }

    private func error(_ server: ScriptedTransport, _ body: (KubernetesClient) async throws -> Void) async throws -> KubernetesError {
        let error = await #expect(throws: KubernetesError.self) { try await body(server.client()) }
        server.expectEverythingWasAsked()
        return try #require(error)
    }

    @Test func refusalsAreTypedAndSayWhatToDo() async throws {
        let path = "/api/v1/namespaces/n/pods/a"
        let forbidden = try await error(ScriptedTransport(["GET \(path)": .status(403, Self.status(403, "Forbidden"))])) {
            _ = try await $0.get(Pod.self, "a", namespace: "n")
        }
        #expect(forbidden.isForbidden && !forbidden.isNotFound)
        #expect(
            forbidden.message == "GET \(path): no. Ask whoever runs the cluster at https://api.test (from the program) for this right")
        let page = try await error(ScriptedTransport(["GET \(path)": .status(502, "<html>bad gateway</html>")])) {
            _ = try await $0.get(Pod.self, "a", namespace: "n")
        }
        #expect(page.status?.code == 502)
        #expect(page.message.contains("bad gateway"))
        let odd = try await error(ScriptedTransport(["GET \(path)": .status(200, "<html>")])) {
            _ = try await $0.get(Pod.self, "a", namespace: "n")
        }
        #expect(odd.code == .invalidResponse)
    }

    @Test func missingIsNotAnErrorWhereItIsAsked() async throws {
        let notFound = ScriptedTransport.Answer.status(404, Self.status(404, "NotFound"))
        let server = ScriptedTransport([
            "GET /api/v1/namespaces/n/pods/a": notFound,
            "DELETE /api/v1/namespaces/n/pods/a": notFound,
            "DELETE /api/v1/namespaces/n/pods/b": .status(409, Self.status(409, "Conflict")),
        ])
        let client = server.client()
        #expect(try await client.getIfPresent(Pod.self, "a", namespace: "n") == nil)
        try await client.delete(.pods, name: "a", namespace: "n")
        try await client.delete(.pods, name: "b", namespace: "n", uid: "u")
        server.expectEverythingWasAsked()
    }

    @Test func listsGatherPages() async throws {
        let server = ScriptedTransport([
            "GET /api/v1/pods?limit=500": .status(200, #"{"metadata":{"resourceVersion":"5","continue":"t"},"items":[{"metadata":{"name":"a"}}]}"#),
            "GET /api/v1/pods?limit=500&continue=t": .status(200, #"{"metadata":{"resourceVersion":"5"},"items":[{"metadata":{"name":"b"}}]}"#),
        ])
        let list = try await server.client().list(Pod.self)
        #expect(list.items.map(\.name) == ["a", "b"])
        #expect(list.resourceVersion == "5")
        server.expectEverythingWasAsked()
    }

    @Test func aPageTooOldIsListedInOnePiece() async throws {
        let server = ScriptedTransport([
            "GET /api/v1/pods?limit=500": .status(200, #"{"metadata":{"continue":"t"},"items":[{"metadata":{"name":"a"}}]}"#),
            "GET /api/v1/pods?limit=500&continue=t": .status(410, Self.status(410, "Expired")),
            "GET /api/v1/pods": .status(200, #"{"metadata":{},"items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b"}}]}"#),
        ])
        #expect(try await server.client().list(Pod.self).items.map(\.name) == ["a", "b"])
        server.expectEverythingWasAsked()
    }

    @Test func overloadAndLostConnectionsAreTriedAgain() async throws {
        let server = ScriptedTransport([
            "GET /version": .status(429, "", headers: ["Retry-After": "1"]),
            "GET /version": .failure(HTTPClientError.remoteConnectionClosed),
            "GET /version": .status(200, #"{"gitVersion":"v1.31.0"}"#),
        ])
        // A lost connection is tried again at the first attempt only.
        await #expect(throws: KubernetesError.self) { try await server.client().serverVersion() }
        #expect(try await server.client().serverVersion() == "v1.31.0")

        let writing = try await error(ScriptedTransport(["POST /api/v1/namespaces/n/pods": .failure(HTTPClientError.remoteConnectionClosed)])) {
            _ = try await $0.create(["apiVersion": "v1", "kind": "Pod", "metadata": ["namespace": "n"]])
        }
        #expect(writing.code == .unreachable && writing.isTransient)
    }

    @Test func timeOutsSaySo() async throws {
        let late = try await error(ScriptedTransport(["GET /version": .failure(HTTPClientError.readTimeout)])) { _ = try await $0.serverVersion() }
        #expect(late.code == .timedOut)
    }

    @Test func aStaleTokenIsReadAgainOnce() async throws {
        try await withTemporaryDirectory { directory in
            try write("old\n", to: "\(directory)/token")
            let configuration = ClusterConfiguration(server: "https://api.test", credentials: Credentials(bearer: .tokenFile("\(directory)/token")))
            let refused = ScriptedTransport.Answer.status(401, Self.status(401, "Unauthorized"))
            let server = ScriptedTransport([
                "GET /version": .after({ try write("new", to: "\(directory)/token") }, refused),
                "GET /version": .status(200, #"{"gitVersion":"v1"}"#),
                "GET /version": refused,
            ])
            let client = server.client(configuration)
            #expect(try await client.serverVersion() == "v1")
            #expect(server.requests.map { $0.headers.first(name: "Authorization") } == ["Bearer old", "Bearer new"])
            // Nothing new to try.
            let error = await #expect(throws: KubernetesError.self) { try await client.serverVersion() }
            #expect(error?.isUnauthorized == true)
            server.expectEverythingWasAsked()
        }
    }

    @Test func fixedCredentialsAreNotTriedAgain() async throws {
        let configuration = ClusterConfiguration(server: "https://api.test", credentials: Credentials(bearer: .token(Sensitive("s3cret"))))
        let server = ScriptedTransport(["GET /version": .status(401, Self.status(401, "Unauthorized"))])
        let error = await #expect(throws: KubernetesError.self) { try await server.client(configuration).serverVersion() }
        #expect(error?.isUnauthorized == true)
        #expect(error?.message.contains("log in again") == true)
        #expect(server.requests.first?.headers.first(name: "Authorization") == "Bearer s3cret")
    }

    @Test func unknownKindsAreDiscoveredOnce() async throws {
        let server = ScriptedTransport([
            "GET /apis/g.io/v1": .status(404, "404 page not found"),
            "GET /apis/g.io/v1": .status(200, #"{"groupVersion":"g.io/v1","resources":[{"name":"things","kind":"Thing","namespaced":true}]}"#),
            "PATCH /apis/g.io/v1/namespaces/default/things/a?fieldManager=me": .status(200, #"{"kind":"Thing"}"#),
            "PATCH /apis/g.io/v1/namespaces/default/things/b?fieldManager=me": .status(200, #"{"kind":"Thing"}"#),
        ])
        let client = server.client()
        let error = await #expect(throws: KubernetesError.self) { try await client.resourceType(apiVersion: "g.io/v1", kind: "Thing") }
        #expect(error?.isNotFound == true)
        for name in ["a", "b"] {
            _ = try await client.apply(["apiVersion": "g.io/v1", "kind": "Thing", "metadata": ["name": .string(name)]], fieldManager: "me")
        }
        server.expectEverythingWasAsked()
    }

    @Test func aWatchIsASequenceOfEvents() async throws {
        let server = ScriptedTransport([
            "GET /api/v1/namespaces/n/pods?watch=true&fieldSelector=metadata.name%3Da&allowWatchBookmarks=true&resourceVersion=4&timeoutSeconds=290":
                .stream([
                    #"{"type":"ADDED","object":{"metadata":{"name":"a","#, #""resourceVersion":"5"}}}"#,
                    "\n" + #"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"6"}}}"# + "\n" + #"{"type":"ADDED","obj"#,
                ])
        ])
        let versions = try await server.client().withWatch(
            Pod.self, namespace: "n", name: "a", resourceVersion: "4", timeoutSeconds: 9999
        ) { events in
            try await events.reduce(into: []) { $0.append($1.resourceVersion) }
        }
        #expect(versions == ["5", "6"])
    }

    @Test func aBrokenWatchThrows() async throws {
        let server = ScriptedTransport([
            "GET /api/v1/pods?watch=true&allowWatchBookmarks=true&timeoutSeconds=290": .stream(["\n"], HTTPClientError.remoteConnectionClosed)
        ])
        let broken = try await error(server) { client in
            try await client.withWatch(Pod.self) { events in for try await _ in events {} }
        }
        #expect(broken.code == .unreachable)
    }

    @Test func logsAreLines() async throws {
        let long = String(repeating: "x", count: 70_000)
        let server = ScriptedTransport([
            "GET /api/v1/namespaces/n/pods/a/log?container=app&follow=true": .stream(["one\nt", "wo\n\(long)\nend"]),
            "GET /api/v1/namespaces/n/pods/a/log?previous=true&tailLines=2&limitBytes=1048576": .status(200, "b\nc\n"),
        ])
        let client = server.client()
        let lines = try await client.withLogs(pod: "a", namespace: "n", container: "app", follow: true) { lines in
            try await lines.reduce(into: [String]()) { $0.append($1) }
        }
        #expect(lines.map(\.count) == [3, 3, 65_536, 3])
        #expect(try await client.logTail(pod: "a", namespace: "n", container: nil, previous: true, lines: 2) == ["b", "c"])
        server.expectEverythingWasAsked()
    }

    private static let log = "GET /api/v1/namespaces/n/pods/a/log?container=app&follow=true"

    private func follow(_ server: ScriptedTransport, tailLines: Int? = nil) async throws -> [String] {
        let seen = Mutex<[String]>([])
        try await server.client().followLog(pod: "a", namespace: "n", container: "app", tailLines: tailLines) { line in
            seen.withLock { $0.append(line) }
        }
        server.expectEverythingWasAsked()
        return seen.withLock { $0 }
    }

    @Test func aBrokenLogIsTakenUpWhereItEnded() async throws {
        func at(_ second: String, _ text: String) -> String { "2026-01-02T03:04:\(second)Z \(text)\n" }
        let script: KeyValuePairs<String, ScriptedTransport.Answer> = [
            "\(Self.log)&tailLines=3&timestamps=true": .stream(
                [at("05.100000000", "one"), at("05.200000000", "two"), at("05.200000000", "two again"), "2026-01-02T03:04:05.3"],
                HTTPClientError.remoteConnectionClosed),
            "\(Self.log)&timestamps=true&sinceTime=2026-01-02T03%3A04%3A05.200000000Z": .failure(HTTPClientError.connectTimeout),
            // The server begins with the whole second.
            "\(Self.log)&timestamps=true&sinceTime=2026-01-02T03%3A04%3A05.200000000Z": .stream(
                [
                    at("05.100000000", "one"), at("05.200000000", "two"), at("05.200000000", "two again"), at("05.200000000", "two, third"),
                    at("05.300000000", "one"),
                ], HTTPClientError.remoteConnectionClosed),
            "\(Self.log)&timestamps=true&sinceTime=2026-01-02T03%3A04%3A05.300000000Z": .stream([at("05.300000000", "one"), at("06.000000000", "")]),
        ]
        let server = ScriptedTransport(script)
        #expect(try await follow(server, tailLines: 3) == ["one", "two", "two again", "two, third", "one", ""])
    }

    @Test func aLogEndsWithItsPodAndNotForEver() async throws {
        let gone = ScriptedTransport([
            "\(Self.log)&timestamps=true": .stream(["2026-01-02T03:04:05.100000000Z one\n"], HTTPClientError.remoteConnectionClosed),
            "\(Self.log)&timestamps=true&sinceTime=2026-01-02T03%3A04%3A05.100000000Z": .status(
                404, #"{"kind":"Status","code":404,"reason":"NotFound"}"#),
        ])
        #expect(try await follow(gone) == ["one"])
        // Nothing was read yet: it is not there.
        let missing = ScriptedTransport(["\(Self.log)&timestamps=true": .status(404, #"{"kind":"Status","code":404,"reason":"NotFound"}"#)])
        await #expect(throws: KubernetesError.self) { _ = try await follow(missing) }
        let lost = ScriptedTransport(
            (0...20).map { _ in .init(request: "\(Self.log)&timestamps=true", answer: .failure(HTTPClientError.connectTimeout)) })
        let error = await #expect(throws: KubernetesError.self) { _ = try await follow(lost) }
        #expect(error?.isUnreachable == true)
        lost.expectEverythingWasAsked()
    }
}
