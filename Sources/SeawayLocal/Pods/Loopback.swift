import Foundation

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#endif

/// Ports of this machine's loopback address.
enum Loopback {
    private static func address(_ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(truncatingIfNeeded: port)).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        return address
    }

    private static func withAddress<Result>(_ port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        var address = address(port)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
    }

    private static var streamType: Int32 {
        #if canImport(Glibc)
            Int32(SOCK_STREAM.rawValue)
        #else
            SOCK_STREAM
        #endif
    }

    private static var datagramType: Int32 {
        #if canImport(Glibc)
            Int32(SOCK_DGRAM.rawValue)
        #else
            SOCK_DGRAM
        #endif
    }

    /// The first of these ports that nobody listens on, where 0 stands for any; `nil` when there is none.
    static func freePort(_ wanted: [Int], isUDP: Bool) -> Int? {
        for port in wanted {
            let descriptor = socket(AF_INET, isUDP ? datagramType : streamType, 0)
            guard descriptor >= 0 else { return nil }
            defer { close(descriptor) }
            // As servers do: connections that have ended do not keep a port.
            var on: Int32 = 1
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
            guard withAddress(port, { bind(descriptor, $0, $1) }) == 0 else { continue }
            if port != 0 { return port }
            var bound = sockaddr_in()
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let result = withUnsafeMutablePointer(to: &bound) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
            }
            if result == 0 { return Int(in_port_t(bigEndian: bound.sin_port)) }
        }
        return nil
    }

    enum Reply: Equatable {
        /// The first bytes that came, perhaps none within the time.
        case connected([UInt8])
        /// Somebody accepted and hung up at once: a forwarder that has nobody behind it.
        case hungUp
        case refused(String)
    }

    /// Connects, sends, and reads what comes until the other side ends, `enough` bytes are there or the time is over.
    ///
    /// Never blocks a thread: looks again some milliseconds later.
    static func exchange(port: Int, send bytes: [UInt8], enough: Int, timeout: Double) async throws -> Reply {
        let descriptor = socket(AF_INET, streamType, 0)
        guard descriptor >= 0 else { return .refused(String(cString: strerror(errno))) }
        defer { close(descriptor) }
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        let end = ContinuousClock.now + .seconds(timeout)
        if withAddress(port, { connect(descriptor, $0, $1) }) != 0, errno != EINPROGRESS { return .refused(String(cString: strerror(errno))) }
        guard try await ready(descriptor, Int16(POLLOUT), until: end) else { return .refused("no connection within \(Int(timeout)) s") }
        var problem: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &problem, &length)
        guard problem == 0 else { return .refused(String(cString: strerror(problem))) }
        if !bytes.isEmpty, transmit(descriptor, bytes) < bytes.count { return .hungUp }
        var received: [UInt8] = []
        while received.count < enough, try await ready(descriptor, Int16(POLLIN), until: end) {
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count < 0, errno == EAGAIN || errno == EINTR { continue }
            if count <= 0 { return received.isEmpty ? .hungUp : .connected(received) }
            received += buffer[..<count]
        }
        return .connected(received)
    }

    private static func transmit(_ descriptor: Int32, _ bytes: [UInt8]) -> Int { send(descriptor, bytes, bytes.count, 0) }

    private static func ready(_ descriptor: Int32, _ events: Int16, until end: ContinuousClock.Instant) async throws -> Bool {
        while true {
            var state = pollfd(fd: descriptor, events: events, revents: 0)
            if poll(&state, 1, 0) > 0 { return true }
            guard ContinuousClock.now < end else { return false }
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}
