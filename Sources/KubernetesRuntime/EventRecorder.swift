import Foundation
import KubernetesClient
import KubernetesModel
import Logging
import Synchronization

/// Writes Kubernetes events about objects.
///
/// The same thing happening again raises the count of the event that is there. Nothing depends on events: failures are logged
/// and never thrown.
public struct EventRecorder: Sendable {
    public enum EventType: String, Sendable {
        case normal = "Normal"
        case warning = "Warning"
    }

    private let client: KubernetesClient
    private let component: String
    private let logger: Logger
    private let now: @Sendable () -> Date
    private let seen = SeenEvents()

    public init(
        client: KubernetesClient, component: String, logger: Logger = Logger(label: "seaway.events"),
        now: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.client = client
        self.component = component
        self.logger = logger
        self.now = now
    }

    public func record(_ type: EventType, reason: String, message: String, about object: ObjectReference) async {
        let draft = EventDraft(component: component, type: type, reason: reason, message: message, object: object)
        let time = Timestamp(now())
        let count = seen.count(draft.name)
        do {
            if count > 1, try await raise(draft, to: count, at: time) { return }
            _ = try await client.create(draft.object(count: count, at: time))
        } catch let error as KubernetesError where error.isAlreadyExists {
            // Written before this process started.
            _ = try? await raise(draft, to: nil, at: time)
        } catch {
            logger.debug("an event is not written", metadata: ["reason": "\(reason)", "error": "\(error)"])
        }
    }

    /// - Returns: `false` when the event is gone: the server deletes events after an hour.
    private func raise(_ draft: EventDraft, to count: Int?, at time: Timestamp) async throws -> Bool {
        var count = count
        if count == nil {
            let present = try await client.getIfPresent(Event.self, draft.name, namespace: draft.namespace)
            count = (present?.count ?? 1) + 1
            seen.set(draft.name, count ?? 1)
        }
        let patch: JSONValue = ["count": .int(count ?? 1), "lastTimestamp": .string(time.description)]
        do {
            _ = try await client.mergePatch(.events, patch, name: draft.name, namespace: draft.namespace)
            return true
        } catch let error as KubernetesError where error.isNotFound {
            return false
        }
    }
}

/// One kind of happening. Pure; equal happenings have equal names.
struct EventDraft: Sendable {
    var component: String
    var type: EventRecorder.EventType
    var reason: String
    var message: String
    var object: ObjectReference

    /// Events about cluster-scoped objects stand in `default`.
    var namespace: String { object.namespace ?? "default" }

    /// `web.5f0c…`, as others name theirs.
    var name: String {
        let parts = [component, type.rawValue, reason, message, object.kind ?? "", object.uid ?? ""]
        // FNV-1a: names must be equal in every process, which `Hasher` does not promise.
        let hash = parts.joined(separator: "\u{0}").utf8.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        let hex = String(hash, radix: 16)
        return "\((object.name ?? "object").prefix(200)).\(String(repeating: "0", count: 16 - hex.count))\(hex)"
    }

    func object(count: Int, at time: Timestamp) -> JSONValue {
        let involved: JSONValue = [
            "apiVersion": object.apiVersion.map(JSONValue.string) ?? .null, "kind": object.kind.map(JSONValue.string) ?? .null,
            "namespace": object.namespace.map(JSONValue.string) ?? .null, "name": object.name.map(JSONValue.string) ?? .null,
            "uid": object.uid.map(JSONValue.string) ?? .null,
            "resourceVersion": object.resourceVersion.map(JSONValue.string) ?? .null,
        ]
        return [
            "apiVersion": "v1", "kind": "Event",
            "metadata": ["name": .string(name), "namespace": .string(namespace)],
            "involvedObject": involved.droppingNulls,
            "type": .string(type.rawValue), "reason": .string(reason), "message": .string(Self.cut(message)),
            "count": .int(count), "firstTimestamp": .string(time.description), "lastTimestamp": .string(time.description),
            "source": ["component": .string(component)], "reportingComponent": .string(component), "reportingInstance": .string(component),
        ]
    }

    /// The API server takes at most 1,024 bytes of message.
    static func cut(_ message: String) -> String {
        guard message.utf8.count > 1024 else { return message }
        var text = message.prefix(1020)
        while text.utf8.count > 1020 { text.removeLast() }
        return text + "…"
    }
}

/// How often each event was recorded by this process; the oldest are forgotten first.
final class SeenEvents: Sendable {
    private struct State {
        var counts: [String: Int] = [:]
        var order: [String] = []
    }

    private let state = Mutex(State())
    private static let limit = 4096

    /// Counts one more.
    func count(_ name: String) -> Int {
        state.withLock { state in
            let count = (state.counts[name] ?? 0) + 1
            if count == 1 { state.order.append(name) }
            state.counts[name] = count
            if state.order.count > Self.limit {
                for old in state.order.prefix(Self.limit / 2) { state.counts[old] = nil }
                state.order.removeFirst(Self.limit / 2)
            }
            return count
        }
    }

    func set(_ name: String, _ count: Int) {
        state.withLock { state in
            if state.counts[name] != nil { state.counts[name] = count }
        }
    }
}
