import AsyncHTTPClient
import Foundation
import KubernetesModel
import Logging
import NIOCore
import NIOHTTP1
import Synchronization
import Testing

@testable import KubernetesClient

/// Tokens, passwords and keys are in no description, no error and no log.
@Suite struct RedactionTests {
    private static let secret = "s3cret"

    private func printed(_ value: Any) -> String {
        var dumped = ""
        dump(value, to: &dumped)
        return "\(value) \(String(reflecting: value)) \(dumped)"
    }

    private var configurations: [ClusterConfiguration] {
        let key = Sensitive(Data(Self.secret.utf8))
        return [
            Credentials(clientCertificate: .init(chain: Data("c".utf8), privateKey: key)),
            Credentials(bearer: .token(Sensitive(Self.secret))),
            Credentials(bearer: .basic(username: "kim", password: Sensitive(Self.secret))),
            Credentials(
                bearer: .exec(
                    ExecPlugin(apiVersion: "client.authentication.k8s.io/v1", command: "/no/login", environment: ["A": Sensitive(Self.secret)]))),
        ].map { ClusterConfiguration(server: "https://api.test", credentials: $0) }
    }

    @Test func configurationsHideTheirCredentials() {
        let number = Data(Self.secret.utf8).map(String.init).joined(separator: "\n")
        for configuration in configurations {
            #expect(!printed(configuration).contains(Self.secret))
            #expect(!printed(configuration).contains(number))
        }
    }

    @Test func clientsHideTheirCredentials() {
        for configuration in configurations { #expect(!printed(ScriptedTransport([]).client(configuration)).contains(Self.secret)) }
    }

    @Test func neitherLogsNorErrorsHaveThem() async throws {
        let log = LogCapture()
        let answers: [ScriptedTransport.Answer] = [
            .status(200, "{}"), .status(401, "{}"), .status(500, "boom"), .failure(HTTPClientError.remoteConnectionClosed),
        ]
        for configuration in configurations {
            for answer in answers {
                let transport = HTTPTransport(
                    execute: { _, _ in
                        switch answer {
                        case .status(let code, let body, _):
                            HTTPClientResponse(status: .init(statusCode: code), body: .bytes(.init(string: body)))
                        case .failure(let error): throw error
                        case .stream, .after: throw CancellationError()
                        }
                    }, shutdown: {})
                let client = KubernetesClient(configuration: configuration, transport: transport, logger: log.logger)
                let request = APIRequest.tokenReview(token: Self.secret, audiences: ["seaway"])
                do {
                    _ = try await client.send(request)
                } catch {
                    #expect(!printed(error).contains(Self.secret))
                }
            }
        }
        #expect(!log.text.isEmpty)
        #expect(!log.text.contains(Self.secret))
    }

    @Test func aBrokenKubeconfigIsNotQuoted() async throws {
        try await withTemporaryDirectory { directory in
            for text in [
                "users: [{name: a, user: {token: s3cret}]", "users:\n - name: a\n   user:\n    token: s3cret\n   token: s3cret\n  x: y",
                "users: [{name: a, user: {token: [s3cret]}}]", "users: [{name: a, user: s3cret}]",
                "users: [{name: a, user: {token: s3cret, token: s3cret}}]", "s3cret",
                """
                current-context: a
                contexts: [{name: a, context: {cluster: a, user: a}}]
                clusters: [{name: a, cluster: {server: https://a}}]
                users: [{name: a, user: {client-certificate-data: "s3cret!", client-key-data: "s3cret!"}}]
                """,
            ] {
                try write(text, to: "\(directory)/config")
                let error = #expect(throws: KubernetesError.self) {
                    try ClusterConfiguration.load(kubeconfig: "\(directory)/config", context: nil, environment: [:], home: directory)
                }
                #expect(!printed(try #require(error)).contains(Self.secret))
            }
        }
    }
}

/// Keeps every line of a logger at its most talkative.
final class LogCapture: Sendable {
    private let lines = Mutex<[String]>([])

    var text: String { lines.withLock { $0.joined(separator: "\n") } }

    var logger: Logger {
        var logger = Logger(label: "test") { _ in Handler(capture: self) }
        logger.logLevel = .trace
        return logger
    }

    private struct Handler: LogHandler {
        let capture: LogCapture
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            capture.lines.withLock { $0.append("\(event.message) \(event.metadata ?? [:])") }
        }
    }
}
