import Foundation
import KubernetesModel
import SeawayAPI

/// What `env status` and `env list` say for people.
enum StatusText {
    /// - Parameters:
    ///   - trouble: what a sync would meet now.
    ///   - events: of its namespace; shown while it is not ready.
    static func status(_ environment: Environment, trouble: CommandFailure? = nil, events: [Event] = [], now: Date) -> String {
        let status = environment.status
        var rows = [
            ["Environment", environment.displayName],
            ["Stage", status?.stage ?? "not seen by the operator yet"],
        ]
        func add(_ label: String, _ value: String?) {
            if let value, !value.isEmpty { rows.append([label, value]) }
        }
        if environment.metadata.deletionTimestamp != nil { add("Deleting", "yes") }
        add("Reason", status?.reason)
        let message = (status?.message ?? "").split(whereSeparator: \.isNewline).map { TextCleaning.plain(String($0)) }
        add("Message", message.first)
        for line in message.dropFirst() { rows.append(["", line]) }
        add("Revision", revisions(environment))
        if let trouble {
            add("Trouble", [trouble.reason, trouble.detail?.firstLine ?? trouble.headline].compactMap(\.self).joined(separator: ": "))
            for step in trouble.next { add("Next", step) }
        }
        if isBehind(environment) { add("Note", "the operator has not looked at the newest settings yet") }
        add("Image", status?.image)
        add("URL", status?.urls?.joined(separator: " "))
        add("Goes away", goesAway(environment, now).map { "\($0), as it is temporary; each sync begins its life anew" })
        add("Owner", environment.metadata.annotations?[Names.ownerAnnotation])
        add("Updated", status?.lastUpdated.map { age($0, now) + " ago" })
        let conditions = status?.conditions ?? []
        let warnings = status?.isTrue(.ready) == true ? nil : EventsText.table(events, of: environment.key, now: now)
        let tail = warnings.map { "\n" + $0 } ?? ""
        guard !conditions.isEmpty else { return Table.render(rows) + tail }
        let table = conditions.map {
            let message = TextCleaning.plain($0.message.firstLine ?? "")
            return [$0.type.rawValue, $0.status.rawValue, $0.reason.rawValue, age($0.lastTransitionTime, now), message]
        }
        return Table.render(rows) + "\n" + Table.render([["CONDITION", "STATUS", "REASON", "AGE", "MESSAGE"]] + table) + tail
    }

    static func list(_ environments: [Environment], now: Date) -> String {
        let rows = environments.sorted { $0.key < $1.key }.map { environment in
            let status = environment.status
            return [
                environment.namespace ?? "", environment.name, environment.metadata.labels?[Names.environmentNameLabel] ?? "-",
                status?.condition(.ready)?.status.rawValue ?? "Unknown", status?.reason ?? "-",
                (status?.deployedRevision).map(Format.short) ?? "-",
                environment.metadata.creationTimestamp.map { age($0, now) } ?? "-", goesAway(environment, now) ?? "-",
                status?.urls?.first ?? "-",
            ]
        }
        return Table.render([["NAMESPACE", "NAME", "ENVIRONMENT", "READY", "REASON", "REVISION", "AGE", "GOES AWAY", "URL"]] + rows)
    }

    /// When a temporary environment is deleted: `in 7h`; `nil` for one that stays.
    static func goesAway(_ environment: Environment, _ now: Date) -> String? {
        guard let seconds = environment.spec.ttlSeconds, environment.metadata.deletionTimestamp == nil else { return nil }
        let synced = environment.metadata.annotations?[Names.syncedAtAnnotation].flatMap { Timestamp($0) }
        guard let begin = synced ?? environment.metadata.creationTimestamp else { return nil }
        let left = begin.date.addingTimeInterval(Double(seconds)).timeIntervalSince(now)
        return left > 0 ? "in \(Format.age(left))" : "now"
    }

    private static func revisions(_ environment: Environment) -> String {
        let wanted = Format.short(environment.spec.revision)
        guard let running = environment.status?.deployedRevision, !running.isEmpty else { return "\(wanted) wanted, none running" }
        return running == environment.spec.revision ? "\(wanted) running" : "\(wanted) wanted, \(Format.short(running)) running"
    }

    /// Whether the status speaks of older settings than the spec has.
    private static func isBehind(_ environment: Environment) -> Bool {
        guard let generation = environment.metadata.generation, environment.status != nil else { return false }
        return (environment.status?.observedGeneration ?? 0) < generation
    }

    private static func age(_ time: Timestamp, _ now: Date) -> String { Format.age(now.timeIntervalSince(time.date)) }
}
