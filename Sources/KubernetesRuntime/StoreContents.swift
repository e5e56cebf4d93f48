import KubernetesModel

/// What happened to one object of a store; a new one has no `old`, a deleted one no `new`.
struct StoreChange<Object: KubernetesObject>: Sendable {
    var key: ObjectKey
    var old: Object?
    var new: Object?
}

/// Objects by key, and by the values of labels that were asked for. Pure.
struct StoreContents<Object: KubernetesObject>: Sendable {
    private(set) var objects: [ObjectKey: Object] = [:]
    /// label → value → keys
    private var indexes: [String: [String: Set<ObjectKey>]] = [:]

    mutating func upsert(_ object: Object) -> StoreChange<Object> {
        let key = object.key
        let old = objects.updateValue(object, forKey: key)
        if old?.metadata.labels != object.metadata.labels {
            if let old { unindex(old, key) }
            index(object, key)
        }
        return StoreChange(key: key, old: old, new: object)
    }

    mutating func remove(_ key: ObjectKey) -> StoreChange<Object>? {
        guard let old = objects.removeValue(forKey: key) else { return nil }
        unindex(old, key)
        return StoreChange(key: key, old: old, new: nil)
    }

    /// - Returns: what differs; an object of the same resource version is the same.
    mutating func replace(_ list: [Object], keeping: [ObjectKey]) -> [StoreChange<Object>] {
        var changes: [StoreChange<Object>] = []
        var gone = Set(objects.keys).subtracting(keeping)
        for object in list {
            gone.remove(object.key)
            let change = upsert(object)
            let isSame = change.old.map { $0.metadata.uid == object.metadata.uid && $0.metadata.resourceVersion == object.metadata.resourceVersion }
            if isSame != true || object.metadata.resourceVersion == nil { changes.append(change) }
        }
        changes += gone.sorted().compactMap { remove($0) }
        return changes
    }

    mutating func objects(label: String, value: String, namespace: String?) -> [Object] {
        if indexes[label] == nil {
            indexes[label] = [:]
            for (key, object) in objects {
                if let value = object.metadata.labels?[label] { indexes[label]?[value, default: []].insert(key) }
            }
        }
        let keys = indexes[label]?[value] ?? []
        return keys.compactMap { key in namespace == nil || key.namespace == namespace ? objects[key] : nil }
    }

    private mutating func index(_ object: Object, _ key: ObjectKey) {
        for label in indexes.keys {
            if let value = object.metadata.labels?[label] { indexes[label]?[value, default: []].insert(key) }
        }
    }

    private mutating func unindex(_ object: Object, _ key: ObjectKey) {
        for label in indexes.keys {
            guard let value = object.metadata.labels?[label] else { continue }
            indexes[label]?[value]?.remove(key)
            if indexes[label]?[value]?.isEmpty == true { indexes[label]?[value] = nil }
        }
    }
}
