import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import Source
import SourceTransfer
import Synchronization
import Testing

@testable import SourceService

/// Clients that mean no good, or have bad lines, over TLS.
@Suite struct HostileClientTests {
    private static let path = "/v1/namespaces/shop/environments/app"

    /// Sends bytes as they are and leaves the connection open until `body` ends.
    private func withRawConnection(
        _ service: TestService, _ bytes: [UInt8], _ body: (any Channel, RawAnswer) async throws -> Void
    ) async throws {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .none
        let context = try NIOSSLContext(configuration: configuration)
        let answer = RawAnswer()
        let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(NIOSSLClientHandler(context: context, serverHostname: "localhost"))
                try channel.pipeline.syncOperations.addHandler(RawReader(answer))
            }
        }.connect(host: "127.0.0.1", port: service.port).get()
        do {
            try await channel.writeAndFlush(ByteBuffer(bytes: bytes))
            try await body(channel, answer)
            try? await channel.close()
        } catch {
            try? await channel.close()
            throw error
        }
    }

    private func head(_ id: Digest, length: Int) -> [UInt8] {
        Array(
            "PUT \(Self.path)/packs/\(id.hex) HTTP/1.1\r\nHost: localhost\r\nX-Seaway-Token: \(TestService.shopToken)\r\nContent-Length: \(length)\r\n\r\n"
                .utf8)
    }

    private func pack(_ text: String) throws -> Pack {
        var writer = PackWriter()
        try writer.append(Digest(hashing: Array(text.utf8)), Array(text.utf8))
        return try writer.finish()
    }

    @Test(.timeLimit(.minutes(10))) func slowSendersKeepNobodyWaiting() async throws {
        var patience = BodyPatience()
        patience.grace = .milliseconds(300)
        patience.tick = .milliseconds(50)
        try await withService(patience: patience) { service in
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                // Three times as many as there are permits; each sends a few bytes and then nothing.
                for number in 0..<24 {
                    tasks.addTask {
                        try await withRawConnection(service, head(Digest(hashing: [UInt8(number)]), length: 1 << 20) + [1, 2, 3]) { _, answer in
                            await answer.waitForEnd()
                        }
                    }
                }
                // While they do, an honest client is served.
                let pack = try pack("honest")
                let status = try await service.send(SourceAPI(namespace: "shop", environment: "app").putPack(pack)).status
                #expect(status == 201)
                tasks.cancelAll()
                while let result = await tasks.nextResult() { _ = result }
            }
            #expect(try await service.storedKeys().count == 2)
        }
    }

    @Test(.timeLimit(.minutes(10))) func silenceEndsABody() async throws {
        var patience = BodyPatience()
        patience.silence = .milliseconds(300)
        patience.tick = .milliseconds(50)
        try await withService(patience: patience) { service in
            try await withRawConnection(service, head(.ofNothing, length: 1 << 20) + [1]) { _, answer in await answer.waitForEnd() }
            #expect(try await service.storedKeys() == [])
        }
    }

    @Test(.timeLimit(.minutes(10))) func bodiesThatAreCutStoreNothing() async throws {
        try await withService { service in
            let pack = try pack(String(repeating: "cut me", count: 1000))
            for length in stride(from: 0, to: pack.bytes.count, by: max(1, pack.bytes.count / 16)) {
                try await withRawConnection(service, head(pack.id, length: pack.bytes.count) + pack.bytes[..<length]) { _, _ in }
            }
            #expect(try await service.storedKeys() == [])
            #expect(try await service.send(SourceAPI(namespace: "shop", environment: "app").putPack(pack)).status == 201)
        }
    }

    @Test(.timeLimit(.minutes(10))) func whatIsNoHTTPHurtsNobody() async throws {
        try await withService { service in
            var random = SeededRandom(seed: 7)
            for _ in 0..<50 {
                let bytes = (0..<200).map { _ in UInt8.random(in: 0...255, using: &random) }
                try await withRawConnection(service, bytes) { _, _ in }
            }
            #expect(try await service.send(TransferRequest(method: "GET", path: "/healthz"), token: nil).status == 200)
            #expect(try await service.storedKeys() == [])
        }
    }

    @Test(.timeLimit(.minutes(10))) func twoHundredClientsAtOnce() async throws {
        try await withService { service in
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for number in 0..<200 {
                    tasks.addTask {
                        let api = SourceAPI(namespace: "shop", environment: "app\(number % 20)")
                        let text = "client \(number)"
                        let pack = try pack(text)
                        let kind = SourceTree.Kind.file(executable: false, size: text.utf8.count, digest: pack.chunks[0].digest, chunks: [])
                        let tree = try Zstd.compress(try SourceTree(entries: [.init(path: "a", kind: kind)]).canonical)
                        // A third of them sends garbage.
                        if number % 3 == 0 { #expect(try await service.send(api.postTree([1, 2, 3])).status == 422) }
                        #expect(try await service.send(api.putPack(pack)).status == 201)
                        let answer = try await service.send(api.postTree(tree))
                        #expect(try JSONDecoder().decode(TreeAnswer.self, from: answer.body).missing.isEmpty)
                    }
                }
                try await tasks.waitForAll()
            }
            let keys = try await service.storedKeys()
            #expect(keys.count { $0.contains("/trees/") } == 200)
            #expect(keys.count { $0.contains("/packs/") } == 400)
        }
    }

    /// An unsigned token with an expiry; only the authenticator decides whether it is good.
    private func token(_ name: String, expires: Double) -> String {
        let claims = Data(#"{"sub":"\#(name)","exp":\#(Int(expires))}"#.utf8).base64EncodedString()
        return "e30.\(claims.replacing("=", with: "").replacing("+", with: "-").replacing("/", with: "_")).c2ln"
    }

    @Test func aSyncIsOneQuestionToTheAPIServer() async throws {
        let asked = Mutex(0)
        let good = token("shop", expires: Date().timeIntervalSince1970 + 3600)
        let counting: SourceAuthenticator = { token in
            asked.withLock { $0 += 1 }
            return token == good ? "shop" : nil
        }
        try await withService(authenticate: counting) { service in
            let request = SourceAPI(namespace: "shop", environment: "app").getTree(.ofNothing)
            for _ in 0..<10 {
                let status = try await service.send(request, token: good).status
                #expect(status == 404)
            }
            #expect(asked.withLock { $0 } == 1)
            // What is remembered of one token says nothing of another, nor of another namespace.
            for _ in 0..<2 {
                let status = try await service.send(request, token: good + "x").status
                #expect(status == 401)
            }
            let other = SourceAPI(namespace: "other", environment: "app").getTree(.ofNothing)
            let status = try await service.send(other, token: good).status
            #expect(status == 403)
            #expect(asked.withLock { $0 } == 3)
        }
    }

    @Test func tokensAreNotBelievedForLong() async throws {
        let time = Mutex(1_000_000.0)
        let asked = Mutex(0)
        let cache = TokenCache(most: 3, now: { time.withLock(\.self) })
        func ask(_ token: String) async throws -> Int {
            _ = try await cache.namespace(of: token) { _ in
                asked.withLock { $0 += 1 }
                return "shop"
            }
            return asked.withLock(\.self)
        }
        let (long, short) = (token("a", expires: 1_003_600), token("b", expires: 1_000_010))
        #expect(try await [ask(long), ask(long), ask(short), ask(short)] == [1, 1, 2, 2])
        time.withLock { $0 = 1_000_011 }
        #expect(try await ask(long) == 2)
        #expect(try await ask(short) == 3, "it has expired, so the API server is asked")
        time.withLock { $0 = 1_000_061 }
        #expect(try await ask(long) == 4, "a minute has passed")
        time.withLock { $0 = 900_000 }
        #expect(try await ask(long) == 5, "the clock was set back")
        // Tokens that say nothing of their expiry are asked about each time, and memory is bounded.
        #expect(try await [ask("opaque"), ask("opaque")] == [6, 7])
        for number in 0..<20 { _ = try await ask(token("\(number)", expires: 2_000_000)) }
        #expect(cache.count <= 3)
    }
}

/// What arrives on a raw connection.
final class RawAnswer: Sendable {
    private let ended: AsyncStream<Void>
    private let end: AsyncStream<Void>.Continuation

    init() { (ended, end) = AsyncStream.makeStream() }

    func finish() { end.finish() }

    /// Until the server has answered or closed the connection.
    func waitForEnd() async { for await _ in ended {} }
}

private final class RawReader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let answer: RawAnswer

    init(_ answer: RawAnswer) { self.answer = answer }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { answer.finish() }

    func channelInactive(context: ChannelHandlerContext) { answer.finish() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

/// The same numbers in each run.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}
