import Foundation
import KubernetesClient
import Logging
import Synchronization

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#endif

extension System {
    /// This process: its streams, its environment, real clusters.
    public static func live() -> System {
        let start = ContinuousClock.now
        let isInteractive = isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1
        let ask: @Sendable (String) -> String? = { prompt in
            Console.descriptor(STDERR_FILENO).write(prompt)
            // A task that waits in `readLine` would not end with Ctrl-C.
            while !Task.isCancelled {
                var input = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
                if poll(&input, 1, 100) > 0 { return readLine() }
            }
            return nil
        }
        let variables = ProcessInfo.processInfo.environment
        return System(
            variables: variables,
            workingDirectory: FileManager.default.currentDirectoryPath,
            standardOutput: .descriptor(STDOUT_FILENO),
            standardError: .descriptor(STDERR_FILENO),
            ask: isInteractive ? ask : nil,
            elapsed: { ContinuousClock.now - start },
            now: { Date() },
            sleep: { try await Task.sleep(for: $0) },
            interruption: { try await Interruption.wait() },
            connect: Connection.live,
            hasCluster: { LocalConnection.hasCluster($0, variables: variables) },
            connectLocal: { try await LocalConnection.open(variables: variables) })
    }
}

/// Ends this process as any program ends whose reader went away (`| head`); the network library ignores the signal.
private func endQuietly() {
    signal(SIGPIPE, SIG_DFL)
    raise(SIGPIPE)
}

// Outside of `Console`, whose own `write` hides the system's.
private func writeBytes(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
    write(descriptor, bytes.baseAddress, bytes.count)
}

private final class FirstProblem: Sendable {
    private let first = Mutex<String?>(nil)
    func note(_ text: String) { first.withLock { $0 = $0 ?? text } }
    var text: String? { first.withLock(\.self) }
}

extension Console {
    /// A stream of this process, written without a buffer so that nothing is lost when it ends.
    static func descriptor(_ descriptor: Int32) -> Console {
        let problem = FirstProblem()
        return Console(
            write: { text in
                var bytes = Array(text.utf8)[...]
                while !bytes.isEmpty {
                    let count = bytes.withUnsafeBytes { writeBytes(descriptor, $0) }
                    let code = count < 0 ? errno : 0
                    switch code {
                    case 0: bytes = bytes.dropFirst(count)
                    case EINTR: break
                    case EPIPE: endQuietly()
                    case EAGAIN:
                        // Somebody made the stream non-blocking, as programs do that share a terminal.
                        var output = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                        poll(&output, 1, 1000)
                    default: return problem.note(String(cString: strerror(code)))
                    }
                }
            },
            problem: { problem.text },
            isTerminal: isatty(descriptor) == 1,
            size: {
                var size = winsize()
                guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
                    return TerminalSize(columns: 80, rows: 24)
                }
                return TerminalSize(columns: Int(size.ws_col), rows: Int(size.ws_row))
            })
    }
}

extension Connection {
    /// A connection to the cluster of a kubeconfig.
    /// - Throws: ``CommandFailure`` that says what is missing in the kubeconfig.
    static func live(_ request: ConnectionRequest) throws -> Connection {
        var logger = Logger(label: "seactl") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = request.verbose ? .debug : .critical
        let configuration: ClusterConfiguration
        do {
            configuration = try ClusterConfiguration.load(kubeconfig: request.kubeconfig, context: request.context)
        } catch {
            throw CommandFailure(
                .badInput, "\(error)", next: ["name a kubeconfig with --kubeconfig or KUBECONFIG, and a context in it with --context"])
        }
        let client = try KubernetesClient(configuration: configuration, logger: logger)
        return Connection(
            context: configuration.contextName ?? "in-cluster",
            namespace: configuration.namespace,
            cluster: Cluster.live(client),
            dependencies: .live(client),
            close: {
                // The process ends after this: what cannot be closed is closed by the kernel.
                try? await client.shutdown()
            })
    }
}
