import Foundation
import NIOCore
import NIOPosix
import Synchronization

/// Passes bytes to a server on loopback; breaks each connection when so many bytes have come back, or speaks HTTP CONNECT first.
final class TCPProxy: Sendable {
    private let listener: any Channel
    private let state: State

    final class State: Sendable {
        let connections = Mutex(0)
        let cuts = Mutex(0)
        let received = Mutex(0)
    }

    var port: Int { listener.localAddress?.port ?? 0 }
    var connections: Int { state.connections.withLock { $0 } }
    var cuts: Int { state.cuts.withLock { $0 } }
    /// Bytes that the server has sent. No more are taken than the clients take.
    var received: Int { state.received.withLock { $0 } }

    /// - Parameters:
    ///   - isConnect: the client says first whom it wants to speak with; it gets `target` anyway.
    ///   - bytesPerConnection: a number is drawn from it for each connection.
    static func start(to target: Int, isConnect: Bool = false, bytesPerConnection: ClosedRange<Int>? = nil) async throws -> TCPProxy {
        let state = State()
        let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: true)
            .childChannelInitializer { near in
                state.connections.withLock { $0 += 1 }
                return near.eventLoop.makeCompletedFuture {
                    try near.pipeline.syncOperations.addHandler(
                        Near(target: target, isConnect: isConnect, limit: bytesPerConnection.map { Int.random(in: $0) }, state: state))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return TCPProxy(listener: listener, state: state)
    }

    private init(listener: any Channel, state: State) {
        self.listener = listener
        self.state = state
    }

    func stop() async throws { try await listener.close() }

    /// The client's side.
    private final class Near: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let target: Int
        private let isConnect: Bool
        private let limit: Int?
        private let state: State
        private var far: (any Channel)?
        private var waiting = ByteBuffer()
        private var isGreeted = false

        init(target: Int, isConnect: Bool, limit: Int?, state: State) {
            self.target = target
            self.isConnect = isConnect
            self.limit = limit
            self.state = state
        }

        func channelActive(context: ChannelHandlerContext) {
            let near = context.channel
            let (limit, state) = (limit, state)
            let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
            // On the same event loop, so that the two handlers need no locks.
            ClientBootstrap(group: context.eventLoop)
                .channelInitializer { far in
                    far.eventLoop.makeCompletedFuture { try far.pipeline.syncOperations.addHandler(Far(near: near, left: limit, state: state)) }
                }
                .connect(host: "127.0.0.1", port: target)
                .whenComplete { result in
                    switch result {
                    case .success(let far): bound.value.connected(far)
                    case .failure: near.close(promise: nil)
                    }
                }
        }

        private func connected(_ channel: any Channel) {
            far = channel
            flush()
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var bytes = unwrapInboundIn(data)
            waiting.writeBuffer(&bytes)
            if isConnect, !isGreeted {
                guard waiting.readableBytesView.suffix(4).elementsEqual("\r\n\r\n".utf8) else { return }
                isGreeted = true
                waiting.clear()
                context.writeAndFlush(NIOAny(ByteBuffer(string: "HTTP/1.1 200 OK\r\n\r\n")), promise: nil)
            }
            flush()
        }

        private func flush() {
            guard let far, waiting.readableBytes > 0 else { return }
            far.writeAndFlush(waiting, promise: nil)
            waiting.clear()
        }

        /// Only as fast as the client reads.
        func channelWritabilityChanged(context: ChannelHandlerContext) {
            _ = far?.setOption(.autoRead, value: context.channel.isWritable)
        }

        func channelInactive(context: ChannelHandlerContext) { far?.close(promise: nil) }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }

    /// The server's side.
    private final class Far: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let near: any Channel
        private var left: Int?
        private let state: State

        init(near: any Channel, left: Int?, state: State) {
            self.near = near
            self.left = left
            self.state = state
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var bytes = unwrapInboundIn(data)
            state.received.withLock { $0 += bytes.readableBytes }
            if let room = left {
                if room < bytes.readableBytes {
                    // In the middle of whatever it is.
                    if let part = bytes.readSlice(length: room) { near.writeAndFlush(part, promise: nil) }
                    state.cuts.withLock { $0 += 1 }
                    near.close(promise: nil)
                    context.close(promise: nil)
                    return
                }
                left = room - bytes.readableBytes
            }
            near.writeAndFlush(bytes, promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) { near.close(promise: nil) }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
