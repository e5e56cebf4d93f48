import Foundation
import KubernetesModel
import SeawayAPI

/// What the cluster warned of, as tables.
enum EventsText {
    private static let most = 8

    /// The last warnings about an Environment and the objects that were made for it; `nil` when there are none.
    static func table(_ events: [Event], of key: ObjectKey, now: Date) -> String? {
        let own = events.filter { $0.type == "Warning" && $0.isAbout(key) }.sorted { $0.time < $1.time }.suffix(most)
        guard !own.isEmpty else { return nil }
        let rows = own.map { event in
            let object = event.involvedObject.map { "\($0.kind ?? "?")/\($0.name ?? "?")" } ?? "-"
            let times = (event.count ?? 1) > 1 ? " (\(event.count ?? 1) times)" : ""
            return [
                Format.age(now.timeIntervalSince(event.time.date)), object, event.reason ?? "-",
                TextCleaning.plain(event.message?.firstLine ?? "") + times,
            ]
        }
        return Table.render([["LAST SEEN", "OBJECT", "WARNING", "MESSAGE"]] + rows)
    }

    /// Conditions and warnings, for a failure that has no better words.
    static func everything(_ environment: Environment, _ events: [Event], now: Date) -> String {
        let conditions = (environment.status?.conditions ?? []).map { condition in
            "\(condition.type.rawValue)=\(condition.status.rawValue) (\(condition.reason)): \(condition.message.firstLine ?? "")"
        }
        return (["Environment \(environment.displayName):"] + conditions).joined(separator: "\n")
            + (table(events, of: environment.key, now: now).map { "\n" + $0 } ?? "")
    }
}

extension Event {
    /// When it happened last.
    var time: Timestamp { lastTimestamp ?? firstTimestamp ?? metadata.creationTimestamp ?? Timestamp(.distantPast) }

    /// Whether it is about the Environment, or about what carries its name: Deployment, ReplicaSets, pods, the build's Job.
    fileprivate func isAbout(_ key: ObjectKey) -> Bool {
        guard let name = involvedObject?.name else { return false }
        return name == key.name || name.hasPrefix(key.name + "-")
    }
}
