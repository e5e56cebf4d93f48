import AsyncHTTPClient
import Logging
import NIOCore

/// The way of a request: each has time-outs and connections of its own, so that watches never take the place of a GET.
enum Lane: Sendable, CaseIterable {
    case request
    /// Silent for as long as nothing happens.
    case watch
    /// Silent for as long as a container is.
    case log
    /// Carries megabytes to a service and waits for its work.
    case proxy

    /// Until the head of the answer.
    var headTimeout: TimeAmount? {
        switch self {
        case .request, .watch: .seconds(30)
        // The server sends the head with the first line.
        case .log: nil
        case .proxy: .minutes(10)
        }
    }

    /// HTTP/2 only where a request has no body: async-http-client crashes when a server answers, and resets the stream, before it has read
    /// the body (swift-server/async-http-client#922), as an API server does that refuses a request by its head.
    var httpVersion: HTTPClient.Configuration.HTTPVersion {
        switch self {
        case .watch, .log: .automatic
        case .request, .proxy: .http1Only
        }
    }

    /// Between two pieces of the answer; the client's own `execute` deadline does not cover the body.
    var readTimeout: TimeAmount? {
        switch self {
        case .request: .seconds(30)
        // Slightly above the longest watch that is asked for, so only a dead connection meets it.
        case .watch: .seconds(Int64(KubernetesClient.longestWatch) + 10)
        case .log: nil
        case .proxy: .seconds(120)
        }
    }
}

/// Sends one HTTP request: the one seam between the client and the network.
struct HTTPTransport: Sendable {
    var execute: @Sendable (_ request: HTTPClientRequest, _ lane: Lane) async throws -> HTTPClientResponse
    var shutdown: @Sendable () async throws -> Void
}

extension HTTPTransport {
    /// - Throws: `KubernetesError` when the certificates of the configuration cannot be used.
    static func live(_ configuration: ClusterConfiguration) throws -> HTTPTransport {
        let base = try TransportSettings.httpClientConfiguration(configuration)
        let clients = Dictionary(
            uniqueKeysWithValues: Lane.allCases.map { lane in
                var settings = base
                settings.httpVersion = lane.httpVersion
                settings.timeout = HTTPClient.Configuration.Timeout(connect: .seconds(10), read: lane.readTimeout, write: .seconds(60))
                return (lane, HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings))
            })
        return HTTPTransport(
            execute: { request, lane in
                guard let client = clients[lane] else { throw KubernetesError(.invalidRequest, "there is no connection for this request") }
                let deadline = lane.headTimeout.map { NIODeadline.now() + $0 } ?? .distantFuture
                return try await client.execute(request, deadline: deadline)
            },
            shutdown: {
                for client in clients.values { try await client.shutdown() }
            })
    }
}
