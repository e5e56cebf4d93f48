import Foundation
import KubernetesClient
import KubernetesModel
import SeawayAPI
import Source
import SourceTransfer
import Synchronization

extension SourceAccess {
    /// Sends sources through the API server's service proxy: what reaches the API server reaches the operator.
    static func live(_ client: KubernetesClient) -> SourceAccess {
        SourceAccess(
            upload: { scan, key, terms in
                let transport = OperatorTransport(client: client, namespace: key.namespace ?? "default")
                let patience = TransferPatience(first: min(TransferPatience().first, terms.patience), later: terms.patience)
                let uploader = SourceUploader(namespace: transport.namespace, environment: key.name, patience: patience) {
                    try await transport.send($0)
                } notice: {
                    terms.note($0.text)
                }
                do {
                    let summary = try await uploader.upload(scan) { state in
                        terms.progress(
                            UploadState(
                                filesSent: state.filesSent, filesTotal: state.filesTotal, bytesSent: state.bytesSent, bytesTotal: state.bytesTotal))
                    }
                    return SentSources(files: summary.chunksSent, bytes: summary.bytesSent)
                } catch let error as TransferError {
                    throw transport.refusal ?? CommandFailure(sending: error)
                }
            },
            check: { part, namespace in
                let transport = OperatorTransport(client: client, namespace: namespace)
                do {
                    try await transport.check(part)
                } catch let error as TransferError {
                    throw transport.refusal ?? CommandFailure(sending: error)
                }
            })
    }
}

/// The way to the operator: a token of the namespace on each request, which goes through the API server.
private final class OperatorTransport: Sendable {
    /// `https`, the Service's name, its port's name.
    private static let service = "https:seaway:api"

    let client: KubernetesClient
    let namespace: String
    private let token: SourceToken
    private let failure = Mutex<CommandFailure?>(nil)

    init(client: KubernetesClient, namespace: String) {
        self.client = client
        self.namespace = namespace
        token = SourceToken(client: client, namespace: namespace)
    }

    /// Why the API server refused for good.
    var refusal: CommandFailure? { failure.withLock(\.self) }

    func send(_ request: TransferRequest) async throws -> TransferResponse {
        do {
            var used = try await token.current()
            var answer = try await pass(request, token: used)
            if answer.status == 401 {
                // Expired while it was under way, or the operator's view of the keys is older than ours.
                used = try await token.current(replacing: used)
                answer = try await pass(request, token: used)
            }
            if let skew = CommandFailure(operator: answer.header(SourceAPI.versionHeader), status: answer.status) { throw skew }
            return TransferResponse(status: answer.status, body: answer.body)
        } catch let skew as CommandFailure {
            failure.withLock { $0 = skew }
            throw TransferError(.refused, skew.headline)
        } catch let error as KubernetesError where error.isTransient {
            // Of what leads to the operator, the API server says by itself when it is the operator that is away.
            guard error.status?.isServiceUnavailable != true else { throw error }
            throw TransferError(.interrupted, error.description)
        } catch let error as KubernetesError {
            let refusal = error.isNotFound && error.status?.details?.kind == "services" ? .notInstalled : CommandFailure(cluster: error)
            failure.withLock { $0 = refusal }
            // The uploader takes this as final; what the user sees is the refusal.
            throw TransferError(.refused, refusal.headline)
        }
    }

    /// How long the operator and its parts may take to answer.
    private static let patience = Duration.seconds(3)

    /// One request, without repetition.
    func check(_ part: OperatorPart) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [self] in try await ask(about: part) }
            group.addTask { [self] in
                try await Task.sleep(for: Self.patience)
                let words = "no answer within \(Format.seconds(Self.patience))"
                throw CommandFailure(part: await lives() ? part : nil, words)
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func ask(about part: OperatorPart) async throws {
        let request =
            switch part {
            // What nobody has: an answer of the store all the same, and nothing travels.
            case .store: SourceAPI(namespace: namespace, environment: "doctor").getTree(.ofNothing)
            case .registry: SourceAPI.registry(namespace: namespace)
            }
        let answer: TransferResponse
        do {
            answer = try await send(request)
        } catch let error as KubernetesError {
            throw CommandFailure(part: nil, error.description)
        }
        switch (part, answer.status) {
        case (_, 200..<300), (.store, 404): return
        case (.registry, 404): throw CommandFailure(skew: "the operator cannot tell: it is older than this seactl", CommandFailure.updateOperator)
        default:
            let told = try? JSONDecoder().decode(StatusAnswer.self, from: answer.body)
            let isOfPart = [SourceAPI.storeUnavailable, SourceAPI.registryUnavailable].contains(told?.reason)
            throw CommandFailure(part: isOfPart ? part : nil, told?.message ?? "it answers with status \(answer.status)")
        }
    }

    /// Whether the operator answers what it needs no store for.
    private func lives() async -> Bool {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask { [self] in
                let request = APIRequest.serviceProxy(
                    method: "GET", namespace: Names.systemNamespace, service: Self.service, path: "/healthz", headers: [], body: nil)
                return (try? await client.proxy(request).status) == 200
            }
            group.addTask {
                try? await Task.sleep(for: Self.patience)
                return false
            }
            defer { group.cancelAll() }
            return await group.next() ?? false
        }
    }

    private func pass(_ request: TransferRequest, token: String) async throws -> ProxyResponse {
        var headers = request.headers.map { QueryItem($0.key, $0.value) }
        headers.append(QueryItem(SourceAPI.tokenHeader, token))
        return try await client.proxy(
            .serviceProxy(
                method: request.method, namespace: Names.systemNamespace, service: Self.service, path: request.path, headers: headers,
                body: request.body))
    }
}

/// The ServiceAccount token that tells the operator for which namespace sources are.
private actor SourceToken {
    private let client: KubernetesClient
    private let namespace: String
    private var value: String?

    init(client: KubernetesClient, namespace: String) {
        self.client = client
        self.namespace = namespace
    }

    /// - Parameter old: a token that was refused; another one is minted unless that has happened already.
    func current(replacing old: String? = nil) async throws -> String {
        if let value, value != old { return value }
        let minted = try await mint()
        value = minted
        return minted
    }

    /// In a namespace that was just made, the ServiceAccount appears a moment later.
    private func mint() async throws -> String {
        var pause: Duration = .milliseconds(50)
        for _ in 0..<12 {
            do {
                return try await request()
            } catch let error as KubernetesError where error.isNotFound && error.status?.details?.kind == "serviceaccounts" {
                try await Task.sleep(for: pause)
                pause = min(pause * 2, .seconds(2))
            }
        }
        return try await request()
    }

    private func request() async throws -> String {
        try await client.token(serviceAccount: "default", namespace: namespace, audience: Names.audience, expiration: .seconds(3600)).token
    }
}

extension TransferNotice {
    /// For people, one line.
    fileprivate var text: String {
        switch self {
        case .trouble(let error, let patience):
            let who =
                switch error.code {
                case .storeUnavailable: "the object store does not answer"
                case .interrupted: "the API server does not answer"
                default: "the operator does not answer"
                }
            return "\(who); trying again for up to \(Format.seconds(patience)): \(error.message.firstLine ?? "")"
        case .silence(let what, let time): return "no answer for \(Format.seconds(time)) to the request to \(what); waiting on"
        case .recovered: return "the operator answers again; the sources go on"
        }
    }
}

extension CommandFailure {
    /// - Parameter part: what the operator does not reach; `nil` when the operator itself does not answer.
    fileprivate init(part: OperatorPart?, _ words: String) {
        switch part {
        case .store:
            self.init(
                .clusterFailed, "the operator does not reach the object store: \(words)", reason: Reason.sourceStoreUnavailable.rawValue,
                next: ["see to the object store, or name another one with `seactl install --store`"])
        case .registry:
            self.init(
                .clusterFailed, "the operator does not reach the registry: \(words)", reason: Reason.registryUnavailable.rawValue,
                next: ["see to the registry, or name another one with `seactl install --registry`"])
        case nil:
            self.init(
                .clusterFailed, "the operator does not answer: \(words)", reason: Reason.operatorUnavailable.rawValue,
                next: ["`kubectl -n \(Names.systemNamespace) get pods` tells whether it runs; `seactl install` installs it"])
        }
    }

    init(sending error: TransferError) {
        let reason: Reason?
        let next: [String]
        switch error.code {
        case .unavailable:
            reason = .operatorUnavailable
            next = ["check that the operator runs: `kubectl -n \(Names.systemNamespace) get pods`; `seactl install` installs it"]
        case .interrupted:
            reason = nil
            next = ["check the connection to the cluster, then run `seactl env sync` again; what was sent is kept"]
        case .storeUnavailable, .storeRefused:
            reason = .sourceStoreUnavailable
            next = ["the cluster's administrator sees to the object store of `seactl install --store`; then run `seactl env sync` again"]
        case .invalidResponse:
            reason = .versionSkew
            next = ["compare `seactl version` with the operator's image: `seactl install` brings them together"]
        default:
            reason = nil
            next = ["run `seactl env sync` again; what was sent is kept"]
        }
        self.init(.clusterFailed, "the sources cannot be sent", reason: reason?.rawValue, detail: error.description, next: next)
    }

    /// What an answer's version says against going on; `nil` when operator and `seactl` understand each other.
    /// - Parameters:
    ///   - version: `v1`; `nil` when the answer has none.
    ///   - status: of the answer.
    init?(operator version: String?, status: Int) {
        let own = SourceAPI.version
        // Proxies on the way answer without a version, but never so that it looks like an operator's success or "no such path".
        guard let version else {
            guard (200..<300).contains(status) || status == 404 else { return nil }
            self.init(skew: "the operator does not tell which version it speaks: it is older than this seactl", Self.updateOperator)
            return
        }
        guard version != "v\(own)" else { return nil }
        let number = version.dropFirst().prefix { $0.isNumber }
        if let theirs = Int(number), theirs > own {
            self.init(skew: "the operator speaks \(version) of its interface, this seactl v\(own): seactl is too old", Self.updateSeactl)
        } else {
            self.init(skew: "the operator speaks \(version) of its interface, this seactl v\(own): the operator is too old", Self.updateOperator)
        }
    }

    fileprivate init(skew headline: String, _ next: String) {
        self.init(.clusterFailed, headline, reason: Reason.versionSkew.rawValue, next: [next])
    }

    private static let updateSeactl = "install the seactl of the operator's release; this one is \(Version.current)"
    fileprivate static let updateOperator = "ask the cluster's administrator to run `seactl install` of release \(Version.current)"
}
