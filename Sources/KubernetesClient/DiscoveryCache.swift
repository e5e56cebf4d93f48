import KubernetesModel
import Synchronization

/// Kinds that discovery found. A kind that was not there is not remembered: it may be installed at any time.
final class DiscoveryCache: Sendable {
    private struct Name: Hashable {
        var apiVersion: String
        var kind: String
    }

    private let types: Mutex<[Name: ResourceType]>

    init() {
        types = Mutex(
            Dictionary(uniqueKeysWithValues: ResourceType.wellKnown.map { (Name(apiVersion: $0.apiVersion, kind: $0.kind), $0) }))
    }

    func resourceType(apiVersion: String, kind: String) -> ResourceType? {
        types.withLock { $0[Name(apiVersion: apiVersion, kind: kind)] }
    }

    func add(_ type: ResourceType, apiVersion: String) {
        types.withLock { $0[Name(apiVersion: apiVersion, kind: type.kind)] = type }
    }
}
