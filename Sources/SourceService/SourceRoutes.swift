import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOFoundationCompat
import ObjectStore
import Source
import SourceTransfer

/// Asks the registry for something.
/// - Throws: What is wrong when it is not available, fit for users.
public typealias RegistryCheck = @Sendable () async throws -> Void

/// The routes of the source API.
///
/// Every answer has the header `X-Seaway-Api: v1`, which tells answers of the operator from those of a proxy before it.
/// - Parameters:
///   - store: Where sources are kept.
///   - authorizer: Tells what a request may touch.
///   - patience: How slowly bodies may arrive.
///   - registry: Asks the registry for something; throws what it answers when it is not available.
///   - observer: Is told of what is done, to count it.
public func sourceRoutes(
    store: SourceStore, authorizer: RequestAuthorizer, patience: BodyPatience = BodyPatience(), registry: RegistryCheck? = nil,
    observer: SourceObserver = SourceObserver()
) -> Router<BasicRequestContext> {
    let router = Router(context: BasicRequestContext.self)
    router.add(middleware: StatusErrors(observer: observer))
    SourceController(store: store, authorizer: authorizer, patience: patience, registry: registry, observer: observer).addRoutes(to: router)
    return router
}

/// Answers the requests of the source API.
struct SourceController: Sendable {
    typealias Context = BasicRequestContext

    /// How many bodies are in memory at once; further requests wait.
    private static let bodiesAtOnce = 8
    private static let piece = 256 << 10

    let store: SourceStore
    let authorizer: RequestAuthorizer
    let patience: BodyPatience
    let registry: RegistryCheck?
    let observer: SourceObserver
    private let permits = Permits(bodiesAtOnce)
    private let uploads = UploadClock()

    init(
        store: SourceStore, authorizer: RequestAuthorizer, patience: BodyPatience, registry: RegistryCheck? = nil, observer: SourceObserver
    ) {
        self.store = store
        self.registry = registry
        self.patience = patience
        self.observer = observer
        self.authorizer = authorizer
    }

    func addRoutes(to router: Router<Context>) {
        let base = "v1/namespaces/{namespace}/environments/{environment}"
        router.post("\(base)/trees", use: postTree)
        router.get("\(base)/trees/{revision}", use: getTree)
        router.head("\(base)/trees/{revision}", use: headTree)
        router.get("\(base)/trees/{revision}/packs", use: getPacks)
        router.put("\(base)/packs/{id}", use: putPack)
        router.get("\(base)/packs/{id}", use: getPack)
        if registry != nil { router.get("v1/namespaces/{namespace}/registry", use: getRegistry) }
    }

    @Sendable private func postTree(_ request: Request, _ context: Context) async throws -> Response {
        let began = ContinuousClock.now
        let environment = try await authorize(request, context)
        var base: Digest?
        if let text = request.headers[HTTPField.Name.seawayBase] {
            guard let digest = Digest(hex: text) else { throw SourceStoreError(.invalidName, "\(SourceAPI.baseHeader) is no revision.") }
            base = digest
        }
        let answer = try await permits.withPermit {
            let body = try await collect(request, upTo: SourceAPI.largestTree)
            return try await store.postTree(body, base: base, environment: environment)
        }
        if let took = uploads.note(environment, answer.revision, isComplete: answer.missing.isEmpty, began) { observer.stored(took / .seconds(1)) }
        context.logger.info(
            answer.missing.isEmpty ? "sources stored" : "sources announced",
            metadata: ["environment": "\(environment)", "revision": "\(answer.revision.hex.prefix(12))", "missing": "\(answer.missing.count)"])
        return try Response.json(answer)
    }

    @Sendable private func getTree(_ request: Request, _ context: Context) async throws -> Response {
        let environment = try await authorize(request, context)
        let revision = try digest("revision", context)
        guard let bytes = try await permits.withPermit({ try await store.tree(revision, environment: environment) }) else {
            throw notStored("tree", revision)
        }
        return Response(status: .ok, headers: [.contentType: "application/zstd"], body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    @Sendable private func headTree(_ request: Request, _ context: Context) async throws -> Response {
        let environment = try await authorize(request, context)
        let revision = try digest("revision", context)
        guard try await store.contains(environment: environment, revision: revision) else { throw notStored("tree", revision) }
        return Response(status: .ok)
    }

    @Sendable private func getPacks(_ request: Request, _ context: Context) async throws -> Response {
        let environment = try await authorize(request, context)
        let revision = try digest("revision", context)
        guard let packs = try await permits.withPermit({ try await store.packs(of: revision, environment: environment) }) else {
            throw notStored("tree", revision)
        }
        return try Response.json(PacksAnswer(packs: packs))
    }

    @Sendable private func putPack(_ request: Request, _ context: Context) async throws -> Response {
        let environment = try await authorize(request, context)
        let id = try digest("id", context)
        let isNew = try await permits.withPermit {
            let body = try await collect(request, upTo: Pack.largest)
            return try await store.putPack(id, body, environment: environment)
        }
        return Response(status: isNew ? .created : .ok)
    }

    @Sendable private func getPack(_ request: Request, _ context: Context) async throws -> Response {
        let environment = try await authorize(request, context)
        let id = try digest("id", context)
        guard let size = try await store.sizeOfPack(id, environment: environment) else { throw notStored("pack", id) }
        let body = ResponseBody(contentLength: size) { writer in
            // The permit is held until the bytes are on the wire, so slow readers do not fill the memory.
            let bytes = try await permits.withPermit { () -> [UInt8]? in
                guard let bytes = try await store.pack(id, environment: environment), bytes.count == size else { return nil }
                for start in stride(from: 0, to: size, by: Self.piece) {
                    try await writer.write(ByteBuffer(bytes: bytes[start..<min(size, start + Self.piece)]))
                }
                return bytes
            }
            // Ending short of the announced length tells the client that something is wrong.
            guard bytes != nil else { throw SourceStoreError(.damaged, "The pack \(id) changed while it was read.") }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: [.contentType: "application/octet-stream"], body: body)
    }

    @Sendable private func getRegistry(_ request: Request, _ context: Context) async throws -> Response {
        try await authorizer.authorize(request, for: try context.parameters.require("namespace"), context)
        do {
            try await registry?()
        } catch let error as CancellationError {
            throw error
        } catch {
            throw RequestRefusal(.serviceUnavailable, "\(error)", reason: SourceAPI.registryUnavailable)
        }
        return Response(status: .noContent)
    }

    private func authorize(_ request: Request, _ context: Context) async throws -> ObjectName {
        try await authorizer.authorize(request, context)
    }

    private func digest(_ name: String, _ context: Context) throws -> Digest {
        guard let digest = Digest(hex: try context.parameters.require(name)) else {
            throw SourceStoreError(.invalidName, "A \(name) is 64 lower-case hex digits.")
        }
        return digest
    }

    private func collect(_ request: Request, upTo limit: Int) async throws -> [UInt8] {
        let body = try await BodyReader(patience: patience, isContended: { permits.isContended }).collect(request, upTo: limit)
        observer.received(body.count)
        return body
    }

    private func notStored(_ what: String, _ digest: Digest) -> SourceStoreError {
        SourceStoreError(.notFound, "There is no \(what) \(digest) in the environment.")
    }
}

extension HTTPField.Name {
    static let seawayToken = HTTPField.Name.known(SourceAPI.tokenHeader)
    static let seawayBase = HTTPField.Name.known(SourceAPI.baseHeader)
    static let seawayAPI = HTTPField.Name.known(SourceAPI.versionHeader)

    /// `name` is a constant that is a valid field name.
    private static func known(_ name: String) -> HTTPField.Name { HTTPField.Name(name) ?? .from }
}
