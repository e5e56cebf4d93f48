import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Synchronization

/// Sends requests at a steady rate, each on a connection of its own, and counts what became of them.
final class Load: Sendable {
    struct Tally: Sendable {
        var served = 0
        /// What went wrong, and when, in milliseconds from the start.
        var lost: [String] = []
    }

    private let tally = Mutex(Tally())
    var result: Tally { tally.withLock { $0 } }

    /// Runs `body` under load.
    /// - Parameters:
    ///   - url: with a numerical address.
    ///   - host: the Host header.
    func during<R: Sendable>(_ url: String, host: String, perSecond rate: Int, _ body: @escaping @Sendable () async throws -> R) async throws -> R {
        let client = HTTPClient(eventLoopGroupProvider: .singleton)
        let result: Result<R, any Error>
        do {
            result = .success(
                try await withThrowingTaskGroup(of: R?.self) { group in
                    group.addTask { try await body() }
                    group.addTask {
                        await self.send(client, url, host, every: .seconds(1) / rate)
                        return nil
                    }
                    defer { group.cancelAll() }
                    while let ended = try await group.next() { if let ended { return ended } }
                    throw CancellationError()
                })
        } catch {
            result = .failure(error)
        }
        try await client.shutdown()
        return try result.get()
    }

    private func send(_ client: HTTPClient, _ url: String, _ host: String, every interval: Duration) async {
        let start = ContinuousClock.now
        await withDiscardingTaskGroup { group in
            var next = start
            while !Task.isCancelled {
                next += interval
                try? await Task.sleep(until: next)
                guard !Task.isCancelled else { break }
                let sent = (ContinuousClock.now - start) / .milliseconds(1)
                // Not a child that is cancelled: what was sent is to be answered.
                group.addTask { await self.request(client, url, host, at: Int(sent)) }
            }
        }
    }

    private func request(_ client: HTTPClient, _ url: String, _ host: String, at sent: Int) async {
        var request = HTTPClientRequest(url: url)
        request.headers.replaceOrAdd(name: "Host", value: host)
        request.headers.replaceOrAdd(name: "Connection", value: "close")
        do {
            let response = try await client.execute(request, timeout: .seconds(10))
            _ = try await response.body.collect(upTo: 1 << 20)
            tally.withLock { tally in
                if response.status == .ok { tally.served += 1 } else { tally.lost.append("\(sent) ms: \(response.status.code)") }
            }
        } catch {
            // The end of the load takes the requests under way with it.
            guard !Task.isCancelled else { return }
            tally.withLock { $0.lost.append("\(sent) ms: \(error)") }
        }
    }
}
