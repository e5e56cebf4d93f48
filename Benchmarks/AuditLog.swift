import Foundation

/// What the API server wrote down about the requests it answered, with microseconds. `scripts/cluster` has it do so.
struct AuditLog {
    struct Entry: Decodable {
        var verb: String
        var user: User
        var objectRef: Reference?
        var responseStatus: Response?
        var requestObject: Content?
        var requestReceivedTimestamp: String
        var stageTimestamp: String

        struct User: Decodable { var username: String }
        struct Reference: Decodable { var resource: String?, subresource: String?, namespace: String?, name: String? }
        struct Response: Decodable { var code: Int? }

        var received: Double { AuditLog.seconds(requestReceivedTimestamp) }
        var answered: Double { AuditLog.seconds(stageTimestamp) }
        var succeeded: Bool { (200..<300).contains(responseStatus?.code ?? 0) }
        var isWrite: Bool { ["create", "update", "patch", "delete", "deletecollection"].contains(verb) }
        var isReplicaSetControllers: Bool { user.username == "system:serviceaccount:kube-system:replicaset-controller" }
        var isOperators: Bool { user.username == "system:serviceaccount:seaway-system:seaway" }

        func concerns(_ resource: String, _ subresource: String? = nil) -> Bool {
            objectRef?.resource == resource && objectRef?.subresource == subresource
        }
    }

    /// Of what was written: the parts that measurements look at.
    struct Content: Decodable {
        var metadata: Metadata?
        var status: Status?

        struct Metadata: Decodable { var generation: Int? }
        struct Status: Decodable {
            var observedGeneration: Int?
            var replicas: Int?
            var updatedReplicas: Int?
            var availableReplicas: Int?
            var conditions: [Condition]?
            var containerStatuses: [Container]?
        }
        struct Condition: Decodable { var type: String, status: String? }
        struct Container: Decodable {
            var name: String
            var restartCount: Int?
            var state: State?
            struct State: Decodable { var waiting: Waiting?, terminated: Ended? }
            struct Waiting: Decodable { var reason: String? }
            struct Ended: Decodable { var exitCode: Int? }
        }

        func ended(_ container: String) -> Int? { status?.containerStatuses?.first { $0.name == container }?.state?.terminated?.exitCode }
        /// Whether a container crashed more than once.
        func isInCrashLoop(_ container: String) -> Bool {
            let status = status?.containerStatuses?.first { $0.name == container }
            return status?.state?.waiting?.reason == "CrashLoopBackOff" || (status?.restartCount ?? 0) > 1
        }
        func holds(_ type: String) -> Bool { status?.conditions?.contains { $0.type == type && $0.status == "True" } ?? false }
    }

    let file: String
    /// What is before this was written before the measurement.
    private let start: UInt64

    /// - Throws: `BenchmarkError` when the API server writes no such log.
    init(_ file: String) throws {
        guard let size = try? FileManager.default.attributesOfItem(atPath: file)[.size] as? UInt64 else {
            throw BenchmarkError("the API server writes no audit log to \(file); `scripts/cluster down` and up again with this checkout")
        }
        self.file = file
        start = size
    }

    /// Everything since the beginning of the measurement, in the order of the answers.
    func entries() throws -> [Entry] {
        let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: file))
        defer { try? handle.close() }
        guard try handle.seekToEnd() >= start else { throw BenchmarkError("\(file) was rotated during the measurement") }
        try handle.seek(toOffset: start)
        let lines = (try handle.readToEnd() ?? Data()).split(separator: UInt8(ascii: "\n"))
        let decoder = JSONDecoder()
        // The last line may be half written.
        return lines.compactMap { try? decoder.decode(Entry.self, from: $0) }.sorted { $0.stageTimestamp < $1.stageTimestamp }
    }

    /// Seconds since 1970 of `2026-11-23T23:11:30.123456Z`.
    static func seconds(_ text: some StringProtocol) -> Double {
        let parts = text.dropLast().split(separator: ".")
        guard let whole = parts.first, let date = try? Date("\(whole)Z", strategy: .iso8601) else { return .nan }
        return date.timeIntervalSince1970 + (parts.count > 1 ? Double("0.\(parts[1])") ?? 0 : 0)
    }
}
