import KubernetesModel
import Testing

@testable import SeawayOperator

struct BuildSlotsTests {
    private func key(_ name: String) -> ObjectKey { ObjectKey(namespace: "dev", name: name) }

    @Test func aSlotIsHeldUntilItIsReleased() {
        let slots = BuildSlots(limit: 1)
        #expect(slots.take(key("a")))
        #expect(slots.take(key("a")))
        #expect(!slots.take(key("b")))
        #expect(slots.release(key("a")) == key("b"))
        #expect(slots.take(key("b")))
    }

    @Test func whoAskedFirstIsServedFirst() {
        let slots = BuildSlots(limit: 1)
        _ = slots.take(key("a"))
        _ = slots.take(key("b"))
        _ = slots.take(key("c"))
        #expect(slots.release(key("a")) == key("b"))
        // It was not the turn of `c`, though a slot is free.
        #expect(!slots.take(key("c")))
        #expect(slots.take(key("b")))
    }

    @Test func aWaiterThatNoLongerNeedsItsTurnPassesItOn() {
        let slots = BuildSlots(limit: 1)
        _ = slots.take(key("a"))
        _ = slots.take(key("b"))
        _ = slots.take(key("c"))
        #expect(slots.release(key("a")) == key("b"))
        // `b` was deleted meanwhile.
        #expect(slots.release(key("b")) == key("c"))
        #expect(slots.take(key("c")))
    }

    @Test func runningBuildsOfAnEarlierOperatorCount() {
        let slots = BuildSlots(limit: 1)
        slots.hold(key("a"))
        slots.hold(key("b"))
        #expect(!slots.take(key("c")))
        #expect(slots.release(key("a")) == nil)
        #expect(slots.release(key("b")) == key("c"))
    }
}
