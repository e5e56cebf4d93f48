import KubernetesModel
import Testing

@testable import KubernetesRuntime

@Suite(.timeLimit(.minutes(10))) struct StoreTests {
    private func map(_ name: String, _ version: String, namespace: String = "n", label: String? = nil, uid: String? = nil) -> ConfigMap {
        ConfigMap(
            metadata: ObjectMeta(name: name, namespace: namespace, uid: uid, resourceVersion: version, labels: label.map { ["env": $0] }))
    }

    private func key(_ name: String) -> ObjectKey { ObjectKey(namespace: "n", name: name) }

    @Test func aNewListReportsOnlyWhatDiffers() {
        let store = Store([map("same", "1"), map("changed", "1"), map("gone", "1"), map("recreated", "1", uid: "u1")])
        let changes = store.replace([map("same", "1"), map("changed", "2"), map("new", "3"), map("recreated", "1", uid: "u2")], keeping: [])
        #expect(changes.map(\.key.name) == ["changed", "new", "recreated", "gone"])
        #expect(changes[0].old?.metadata.resourceVersion == "1" && changes[0].new?.metadata.resourceVersion == "2")
        #expect(changes[1].old == nil && changes[1].new != nil)
        #expect(changes[3].old != nil && changes[3].new == nil)
        #expect(store.count == 4)
        #expect(store.get(key("gone")) == nil)
    }

    @Test func anUndecodableObjectStaysAsItWas() {
        let store = Store([map("odd", "1"), map("gone", "1")])
        let changes = store.replace([], keeping: [key("odd")])
        #expect(changes.map(\.key.name) == ["gone"])
        #expect(store.get("odd", namespace: "n") != nil)
    }

    @Test func indexFollowsLabels() {
        let store = Store([map("a", "1", label: "x"), map("b", "1", label: "x"), map("c", "1", namespace: "m", label: "x"), map("d", "1")])
        func names(_ value: String, namespace: String? = nil) -> [String] { store.index(by: "env", value, namespace: namespace).map(\.name).sorted() }
        #expect(names("x") == ["a", "b", "c"])
        #expect(names("x", namespace: "n") == ["a", "b"])
        _ = store.upsert(map("a", "2", label: "y"))
        _ = store.upsert(map("d", "2", label: "x"))
        _ = store.remove(key("b"))
        #expect(names("x") == ["c", "d"])
        #expect(names("y") == ["a"])
        #expect(names("z").isEmpty)
        _ = store.upsert(map("a", "3"))
        #expect(names("y").isEmpty)
    }

    @Test func waitingEndsWithTheFirstList() async throws {
        let store = Store<ConfigMap>()
        #expect(!store.isReady)
        async let ready: Void = store.waitUntilReady()
        _ = store.replace([], keeping: [])
        try await ready
        #expect(store.isReady)
        try await store.waitUntilReady()
    }

    @Test func waitingEndsWithCancellation() async {
        let store = Store<ConfigMap>()
        let task = Task { try await store.waitUntilReady() }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }
}
