import KubernetesModel
import Testing

@testable import KubernetesRuntime

@Suite struct InformerStateMachineTests {
    typealias Machine = InformerStateMachine<ConfigMap>

    private func map(_ name: String, _ version: String) -> ConfigMap {
        ConfigMap(metadata: ObjectMeta(name: name, namespace: "n", resourceVersion: version))
    }

    private func page(_ names: [String], version: String, next: String? = nil) -> List<ConfigMap> {
        List(metadata: ListMeta(resourceVersion: version, continue: next), items: names.map { map($0, version) })
    }

    private func watching(from version: String = "10") -> Machine {
        var machine = Machine(backOff: BackOff(initial: .seconds(1), maximum: .seconds(30)))
        _ = machine.listed(page(["a"], version: version))
        return machine
    }

    @Test func pagesAreSwappedInTogether() {
        var machine = Machine()
        #expect(machine.step == .list(continue: nil))
        #expect(machine.listed(page(["a"], version: "5", next: "t1")) == .none)
        #expect(machine.step == .list(continue: "t1"))
        #expect(machine.listed(page(["b"], version: "5")) == .replace([map("a", "5"), map("b", "5")], undecodable: []))
        #expect(machine.step == .watch(resourceVersion: "5"))
    }

    @Test func eventsAndBookmarksMoveTheVersion() {
        var machine = watching()
        #expect(machine.received(.added(map("b", "11"))) == .upsert(map("b", "11")))
        #expect(machine.step == .watch(resourceVersion: "11"))
        #expect(machine.received(.deleted(map("b", "12"))) == .remove(ObjectKey(namespace: "n", name: "b")))
        #expect(machine.received(.bookmark(resourceVersion: "20")) == .none)
        #expect(machine.step == .watch(resourceVersion: "20"))
    }

    @Test func anEndedWatchGoesOnAtOnce() {
        var machine = watching()
        #expect(machine.ended(atOnce: false, random: 0) == .zero)
        #expect(machine.step == .watch(resourceVersion: "10"))
    }

    @Test func aWatchThatEndsAsItBeginsIsNotHurried() {
        var machine = watching()
        #expect(machine.ended(atOnce: true, random: 0) == .seconds(1))
        #expect(machine.ended(atOnce: true, random: 0) == .seconds(2))
        #expect(machine.ended(atOnce: false, random: 0) == .zero)
        #expect(machine.ended(atOnce: true, random: 0) == .seconds(1))
    }

    @Test func errorsKeepTheVersionAndBackOff() {
        var machine = watching()
        #expect(machine.failed(isGone: false, random: 0) == .seconds(1))
        #expect(machine.failed(isGone: false, random: 0) == .seconds(2))
        #expect(machine.step == .watch(resourceVersion: "10"))
        _ = machine.received(.modified(map("a", "11")))
        #expect(machine.failed(isGone: false, random: 0) == .seconds(1))
    }

    @Test func aVersionTooOldListsAgainAtOnceButNotForEver() {
        var machine = watching()
        #expect(machine.failed(isGone: true, random: 0) == .zero)
        #expect(machine.step == .list(continue: nil))
        #expect(machine.failed(isGone: true, random: 0) == .seconds(1))
        _ = machine.listed(page(["a"], version: "30"))
        #expect(machine.step == .watch(resourceVersion: "30"))
        #expect(machine.failed(isGone: true, random: 0) == .zero)
    }

    @Test func aPageTooOldStartsOver() {
        var machine = Machine()
        _ = machine.listed(page(["a"], version: "5", next: "t1"))
        _ = machine.failed(isGone: false, random: 0)
        #expect(machine.step == .list(continue: "t1"))
        _ = machine.failed(isGone: true, random: 0)
        #expect(machine.step == .list(continue: nil))
        #expect(machine.listed(page(["b"], version: "6")) == .replace([map("b", "6")], undecodable: []))
    }

    @Test func undecodableObjectsAreKeptUnlessDeleted() {
        var machine = watching()
        let odd = UndecodableObject(key: ObjectKey(namespace: "n", name: "a"), resourceVersion: "11", reason: "x")
        #expect(machine.received(.undecodable(odd, deleted: false)) == .warn(odd))
        #expect(machine.step == .watch(resourceVersion: "11"))
        #expect(machine.received(.undecodable(odd, deleted: true)) == .remove(ObjectKey(namespace: "n", name: "a")))
    }
}
