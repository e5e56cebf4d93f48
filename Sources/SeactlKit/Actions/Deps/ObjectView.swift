import KubernetesClient
import KubernetesModel
import Synchronization

/// The objects that one watch is about, kept up to date by its events.
final class ObjectView: Sendable {
    private struct State {
        var objects: [String: JSONValue]
        var isOver = false
    }

    private let state: Mutex<State>
    private let handle: @Sendable ([JSONValue]) -> Bool

    init(_ objects: [JSONValue], _ handle: @escaping @Sendable ([JSONValue]) -> Bool) {
        state = Mutex(State(objects: Dictionary(objects.map { (Self.key($0), $0) }, uniquingKeysWith: { $1 })))
        self.handle = handle
    }

    var isOver: Bool { state.withLock(\.isOver) }

    /// Hands the present objects over.
    func show() -> Bool {
        let goesOn = handle(state.withLock { Array($0.objects.values) })
        if !goesOn { state.withLock { $0.isOver = true } }
        return goesOn
    }

    /// - Returns: whether the watch is to go on.
    func note(_ event: WatchEvent<UntypedObject>) -> Bool {
        switch event {
        case .added(let object), .modified(let object): state.withLock { $0.objects[Self.key(object.value)] = object.value }
        case .deleted(let object): state.withLock { $0.objects[Self.key(object.value)] = nil }
        case .bookmark: return true
        case .error, .undecodable: return false
        }
        return show()
    }

    private static func key(_ object: JSONValue) -> String {
        "\(object["metadata"]?["namespace"]?.stringValue ?? "")/\(object["metadata"]?["name"]?.stringValue ?? "")"
    }
}
