import ArgumentParser
import AsyncHTTPClient
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import SeawayAPI
import Source
import SourceTransfer

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#endif

/// `seaway source`
struct SourceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "source", abstract: "Sources in build pods.", subcommands: [SourceFetchCommand.self])
}

/// `seaway source fetch`, the first container of build pods: fetches the sources of a revision and checks every byte.
struct SourceFetchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fetch", abstract: "Fetch the sources of a revision into a directory and verify them.")

    @Option(help: "Address of the operator's source API.")
    var endpoint: String
    @Option(help: "Namespace of the Environment.")
    var namespace: String
    @Option(help: "Name of the Environment.")
    var environment: String
    @Option(help: "The revision, 64 hex digits.")
    var revision: String
    @Option(help: "File with the ServiceAccount token of audience 'seaway'.")
    var tokenFile: String
    @Option(help: "An existing directory, filled with the sources.")
    var into: String
    @Option(help: "A directory that gets an empty file 'ready' or 'failed' at the end, for a builder that waits.")
    var tell: String?

    @Option(help: "A file that is written: what a builder that copies everything still leaves out, in place of .dockerignore.")
    var ignoreFile: String?
    @Option(help: "Path of the Dockerfile in the sources, which is sent in any case.")
    var dockerfile: String?

    func run() async throws {
        let http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: try OperatorAccess.configuration())
        do {
            let summary = try await fetch(http)
            try writeIgnoreFile()
            print("fetched revision \(revision.prefix(12)): \(summary.files) files, \(summary.size) bytes (\(summary.bytesReceived) received)")
            try told(Names.sourceReadyFile)
        } catch {
            try? told(Names.sourceFailedFile)
            try? await http.shutdown()
            throw error
        }
        try await http.shutdown()
    }

    private static let largestIgnoreFile = 4 << 20

    private func writeIgnoreFile() throws {
        guard let ignoreFile else { return }
        // The builder is beside already, and may have put something else in a file's place: a link would lead it to this container's token.
        func text(_ name: String) -> String? {
            let descriptor = open("\(into)/\(name)", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
            guard descriptor >= 0 else { return nil }
            let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
            // Of a directory, or of a pipe that nobody writes to, there is nothing to read.
            return (try? file.read(upToCount: Self.largestIgnoreFile)).flatMap { String(data: $0, encoding: .utf8) }
        }
        // A file that only the builder knows stays its own.
        let content =
            try text(".containerignore")
            ?? Selection.builderIgnoreFile(
                dockerignore: text(".dockerignore"), always: dockerfile.map { [$0] } ?? [])
        try Data(content.utf8).write(to: URL(filePath: ignoreFile))
    }

    private func told(_ file: String) throws {
        guard let tell else { return }
        try Data().write(to: URL(filePath: tell).appending(path: file))
    }

    private func fetch(_ http: HTTPClient) async throws -> SourceFetcher.Summary {
        let endpoint = endpoint
        let token = OperatorAccess.token(in: tokenFile)
        // A pod that was started for this revision waits for an operator that restarts as for a store that does.
        let patience = TransferPatience(first: .seconds(120), later: .seconds(120))
        let fetcher = SourceFetcher(namespace: namespace, environment: environment, patience: patience) { request in
            var outgoing = HTTPClientRequest(url: endpoint + request.path)
            outgoing.method = HTTPMethod(rawValue: request.method)
            for (name, value) in request.headers { outgoing.headers.replaceOrAdd(name: name, value: value) }
            outgoing.headers.replaceOrAdd(name: SourceAPI.tokenHeader, value: try token())
            let response = try await http.execute(outgoing, timeout: .seconds(60))
            let body = try await response.body.collect(upTo: 64 << 20)
            return TransferResponse(status: Int(response.status.code), body: Data(buffer: body))
        } notice: {
            Self.tell($0)
        }
        guard let digest = Digest(hex: revision) else { throw ValidationError("--revision: '\(revision)' is no sha256 in hex digits") }
        return try await fetcher.fetch(revision: digest, into: into)
    }

    /// In the container's log, which `seactl env logs --build` shows.
    private static func tell(_ notice: TransferNotice) {
        let text =
            switch notice {
            case .trouble(let error, let patience): "\(error.message) Trying again for up to \(patience.components.seconds) s."
            case .silence(let what, let time): "No answer for \(time.components.seconds) s to the request to \(what); still waiting."
            case .recovered: "The operator answers again."
            }
        FileHandle.standardError.write(Data("\(text)\n".utf8))
    }
}
