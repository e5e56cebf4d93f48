import KubernetesModel
import SeawayAPI

/// What is seen of the cluster while waiting for an object.
public struct WaitObserved: Sendable {
    /// `nil` when it is not there.
    public var object: JSONValue?
    /// The object's pods, where it has any.
    public var pods: [JSONValue]
    /// Of a Service: the Endpoints of its name.
    public var endpoints: JSONValue?

    public init(object: JSONValue?, pods: [JSONValue] = [], endpoints: JSONValue? = nil) {
        self.object = object
        self.pods = pods
        self.endpoints = endpoints
    }
}

/// How a wait stands.
public enum WaitVerdict: Sendable, Equatable {
    case met
    /// With what is missing, for people.
    case pending(String)
    /// It will not come true by waiting.
    case failed(reason: String, log: PodLog?)
    /// There is no such object.
    case missing

    /// A container whose log tells why.
    public struct PodLog: Sendable, Equatable {
        public var pod: String
        public var namespace: String
        public var container: String
        /// The log of its last run: the present one has none yet.
        public var previous: Bool
    }
}

extension WaitGoal {
    /// Judges what is seen. Pure.
    public func judge(_ kind: GroupKind, _ observed: WaitObserved) -> WaitVerdict {
        guard let object = observed.object else {
            switch self {
            case .deleted: return .met
            case .exists: return .pending("is not there yet")
            default: return .missing
            }
        }
        switch self {
        case .exists: return .met
        case .deleted: return .pending(Readiness.deletionText(object))
        case .field(let path, let value): return Self.judge(path, value, object)
        case .condition(let type, let value):
            return Self.consider(Readiness.condition(type, value: value, kind, object), observed.pods, kind, object)
        case .ready:
            return Self.consider(Readiness.judge(kind, object, endpoints: observed.endpoints), observed.pods, kind, object)
        }
    }

    /// A wait that is not met and whose pods break is over.
    private static func consider(_ verdict: WaitVerdict, _ pods: [JSONValue], _ kind: GroupKind, _ object: JSONValue) -> WaitVerdict {
        guard case .pending(let text) = verdict else {
            guard case .failed(let reason, nil) = verdict, let log = pods.lazy.compactMap({ PodTrouble($0)?.log }).first else { return verdict }
            return .failed(reason: reason, log: log)
        }
        let troubles = pods.compactMap { PodTrouble($0) }
        // A Job tries again with other pods; its own condition says when it gives up. Behind a Service, one pod that works is enough.
        let mayEnd = kind != .service || troubles.count { $0.isFatal } == pods.count
        if mayEnd, let fatal = troubles.first(where: { $0.isFatal && !(kind.kind == "Job" && $0.isExit) }) {
            return .failed(reason: "pod \(fatal.name): \(fatal.reason)\(advice(fatal.name, pods, kind, object))", log: fatal.log)
        }
        guard let trouble = troubles.first else { return .pending(text) }
        return .pending("\(text); pod \(trouble.name): \(trouble.reason)")
    }

    /// A StatefulSet does not take a pod away that is not ready, not even for one of its next version.
    private static func advice(_ name: String, _ pods: [JSONValue], _ kind: GroupKind, _ object: JSONValue) -> String {
        guard let pod = pods.first(where: { $0["metadata"]?["name"]?.stringValue == name }), !PodSelector.isOfPresentVersion(pod, of: kind, object)
        else { return "" }
        return "; it is of an earlier version, which the StatefulSet leaves until it is ready: `kubectl delete pod \(name)` makes way"
    }

    private static func judge(_ path: JSONPath, _ value: String?, _ object: JSONValue) -> WaitVerdict {
        let found = path.values(in: object).map(JSONPath.text)
        guard let value else { return found.isEmpty ? .pending("has no \(path.text)") : .met }
        if !found.isEmpty, found.allSatisfy({ $0 == value }) { return .met }
        return .pending(found.isEmpty ? "has no \(path.text)" : "\(path.text) is '\(found.joined(separator: "', '"))', not '\(value)'")
    }
}
