import AsyncHTTPClient
import ContainerRegistry
import Foundation
import KubernetesClient
import KubernetesModel
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import SeawayAPI
import SeawayPlan
import Source
import SourceService

/// Answers a plan's questions.
struct LookUps: Sendable {
    let cluster: KubernetesClient
    let sources: SourceStore
    let registry: RegistryClient
    let slots: BuildSlots
    let http: HTTPClient
    let ingressAddress: String?
    /// The warnings about the object with this uid.
    let warnings: @Sendable (_ uid: String) -> [Event]

    /// Store and registry get so long to say what they have; then it is told that they do not.
    private static let patience = Duration.seconds(4)

    func answer(_ question: Question, about environment: Environment) async -> Answer {
        switch question {
        case .source, .image:
            await within(Self.patience, orElse: .unavailable("no answer within \(Self.patience.components.seconds) s")) {
                await look(for: question, about: environment)
            }
        default: await look(for: question, about: environment)
        }
    }

    private func within(_ limit: Duration, orElse late: Answer, _ look: @escaping @Sendable () async -> Answer) async -> Answer {
        await withTaskGroup(of: Answer.self) { group in
            group.addTask(operation: look)
            group.addTask {
                // Cancelled when the answer came first.
                try? await Task.sleep(for: limit)
                return late
            }
            defer { group.cancelAll() }
            return await group.next() ?? late
        }
    }

    private func look(for question: Question, about environment: Environment) async -> Answer {
        let namespace = environment.namespace ?? "default"
        do {
            switch question {
            case .source(let revision):
                guard let digest = Digest(hex: revision) else { return .no }
                return try await sources.contains(environment: .init(namespace: namespace, name: environment.name), revision: digest) ? .yes : .no
            case .image(let tag):
                let repository = Names.repository(namespace: namespace, environment: environment.name)
                return try await registry.contains(repository: repository, tag: tag) ? .yes : .no
            case .buildSlot:
                switch slots.take(environment.key) {
                case .granted: return .yes
                case .place(let place): return .queued(place: place)
                }
            case .defaultStorageClass:
                return try await cluster.list(StorageClass.self).items.contains { $0.isDefault } ? .yes : .no
            case .warnings(let uid):
                return .lines(warnings(uid).sorted { $0.time < $1.time }.map { "\($0.reason ?? "Warning"): \($0.message ?? "")" })
            case .sourceFile(let path):
                guard let digest = Digest(hex: environment.spec.revision),
                    let text = try await sources.file(path, of: digest, environment: .init(namespace: namespace, name: environment.name))
                else { return .no }
                return .lines(String(decoding: text, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
            case .log(let pod, let container, let previous):
                let lines = try await cluster.logTail(pod: pod, namespace: namespace, container: container, previous: previous, lines: 40)
                return .lines(lines)
            case .objectsLeft:
                let uid = environment.metadata.uid
                // The watch may not have shown yet that it is gone, and sources of a successor must not be removed.
                guard let live = try await cluster.getIfPresent(Environment.self, environment.name, namespace: namespace),
                    live.metadata.uid == uid, live.metadata.deletionTimestamp != nil
                else { return .unavailable("the Environment is gone already") }
                let job = try await cluster.getIfPresent(Job.self, Names.buildJob(of: environment.name), namespace: namespace)
                let deployment = try await cluster.getIfPresent(Deployment.self, environment.name, namespace: namespace)
                let owners = [job?.metadata, deployment?.metadata].compactMap { $0?.ownerReferences }.joined()
                return owners.contains { $0.uid == uid } ? .yes : .no
            case .url(let url): return await probe(url)
            case .ownPage(let url, let pod): return await hasOwnPage(url, pod: pod)
            }
        } catch {
            return .unavailable(String(describing: error))
        }
    }

    /// Whether the ingress controller hands a request for `url` to the application.
    private func probe(_ url: String) async -> Answer {
        guard let host = URL(string: url)?.host() else { return .yes }
        do {
            let page = try await get(host: host)
            switch page.status {
            case 502, 503, 504: return .unavailable("the ingress controller answers \(page.status)")
            // An application may well answer 404 itself; a route that is missing answers as for a host that nobody has.
            case 404: return try await get(host: Self.hostOfNobody) == page ? .no : .yes
            default: return .yes
            }
        } catch {
            return .unavailable("the ingress controller cannot be reached")
        }
    }

    /// Whether the pod has another page for `url` than the ingress controller has for a host that nobody has.
    private func hasOwnPage(_ url: String, pod: String) async -> Answer {
        guard let host = URL(string: url)?.host() else { return .no }
        do {
            async let own = get(host: host, from: pod)
            async let missing = get(host: Self.hostOfNobody)
            return try await own == missing ? .no : .yes
        } catch {
            return .unavailable("the pod cannot be asked")
        }
    }

    private static let hostOfNobody = "no-such-host.invalid"

    private struct Page: Equatable {
        var status: UInt
        var body: Data
    }

    /// - Parameter address: `host:port`; the ingress controller's when it is not given.
    private func get(host: String, from address: String? = nil) async throws -> Page {
        var request = HTTPClientRequest(url: "http://\(address ?? ingressAddress ?? host)/")
        request.headers.replaceOrAdd(name: "Host", value: host)
        let response = try await http.execute(request, timeout: .seconds(2))
        // The start of a page is enough to tell two apart; the rest is dropped with the connection.
        var start = Data()
        for try await part in response.body {
            start.append(contentsOf: part.readableBytesView)
            if start.count >= 4096 { break }
        }
        return Page(status: response.status.code, body: start.prefix(4096))
    }
}

extension Event {
    /// When it happened last.
    fileprivate var time: Timestamp {
        lastTimestamp ?? firstTimestamp ?? metadata.creationTimestamp ?? Timestamp(.distantPast)
    }
}
