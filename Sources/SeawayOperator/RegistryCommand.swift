import ArgumentParser
import AsyncHTTPClient
import Foundation
import Logging
import NIOCore
import NIOPosix
import RegistryGateway
import ServiceLifecycle
import UnixSignals

/// `seaway registry`
struct RegistryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "registry", abstract: "The registry of build pods, where the real one wants a login.",
        subcommands: [RegistryServeCommand.self, RegistryAwaitCommand.self])
}

/// `seaway registry serve`, a container of build pods: takes what the builder pushes and hands it to the operator.
struct RegistryServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Be the registry of one build, on the loopback, until that build is over.")

    @Option(help: "Address of the operator.")
    var endpoint: String
    @Option(help: "Namespace of the Environment.")
    var namespace: String
    @Option(help: "Name of the Environment.")
    var environment: String
    @Option(help: "File with the ServiceAccount token of audience 'seaway'.")
    var tokenFile: String
    @Option(help: "Port on 127.0.0.1.")
    var port: Int

    func run() async throws {
        guard let pod = ProcessInfo.processInfo.environment["SEAWAY_POD"], !pod.isEmpty else {
            throw ValidationError("SEAWAY_POD is not set; it names the pod whose build this serves")
        }
        var logger = Logger(label: "seaway.registry", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = .warning
        var configuration = try OperatorAccess.configuration()
        // A registry may take minutes to finish an upload, and says nothing meanwhile.
        configuration.timeout.read = .minutes(10)
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 32
        // Builders try again by themselves, and say that they do.
        configuration.connectionPool.retryConnectionEstablishment = false
        let http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        let gateway = BuildGateway(
            build: .init(namespace: namespace, environment: environment, pod: pod), endpoint: endpoint, port: port,
            token: OperatorAccess.token(in: tokenFile), http: http, logger: logger)
        let services = ServiceGroup(
            configuration: .init(
                services: [.init(service: gateway, successTerminationBehavior: .gracefullyShutdownGroup)],
                cancellationSignals: [.sigterm, .sigint], logger: logger))
        do {
            try await services.run()
        } catch {
            try? await http.shutdown()
            throw error
        }
        try await http.shutdown()
    }
}

/// `seaway registry await`, which keeps a node from starting the builder too early.
struct RegistryAwaitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "await", abstract: "Wait until the registry of the build pod can be connected to.")

    @Option(help: "Port on 127.0.0.1.")
    var port: Int

    func run() async throws {
        let end = ContinuousClock.now + .seconds(60)
        while true {
            do {
                let connection = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                    .connectTimeout(.seconds(1)).connect(host: "127.0.0.1", port: port).get()
                return try await connection.close()
            } catch {
                guard ContinuousClock.now < end else { throw ValidationError("nothing listens on 127.0.0.1:\(port)") }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }
}
