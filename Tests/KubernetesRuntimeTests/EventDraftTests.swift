import Foundation
import KubernetesModel
import Testing

@testable import KubernetesRuntime

@Suite struct EventDraftTests {
    private func draft(reason: String = "Building", message: String = "m") -> EventDraft {
        EventDraft(
            component: "seaway", type: .normal, reason: reason, message: message,
            object: ObjectReference(apiVersion: "seaway.ctx.sh/v1beta1", kind: "Environment", namespace: "dev", name: "web", uid: "u"))
    }

    @Test func equalHappeningsHaveEqualNames() {
        #expect(draft().name == draft().name)
        #expect(draft().name.hasPrefix("web."))
        #expect(draft().name.count == "web.".count + 16)
        #expect(draft().name != draft(reason: "Built").name)
        #expect(draft().name != draft(message: "other").name)
    }

    @Test func theObjectIsACoreEvent() {
        let object = draft().object(count: 2, at: Timestamp(Date(timeIntervalSince1970: 0)))
        #expect(object["involvedObject"]?["uid"] == "u")
        #expect(object["involvedObject"]?["resourceVersion"] == nil)
        #expect(object["metadata"]?["namespace"] == "dev")
        #expect(object["count"] == 2)
        #expect(object["lastTimestamp"] == "1970-01-01T00:00:00Z")
    }

    @Test func longMessagesAreCutBetweenCharacters() {
        #expect(EventDraft.cut("short") == "short")
        for unit in ["x", "ü", "👩‍👩‍👧"] {
            let text = EventDraft.cut(String(repeating: unit, count: 2000))
            #expect(text.utf8.count <= 1024)
            #expect(text.hasSuffix("…"))
        }
    }

    @Test func seenEventsAreBounded() {
        let seen = SeenEvents()
        let counts = [seen.count("a"), seen.count("a"), seen.count("b")]
        #expect(counts == [1, 2, 1])
        for index in 0..<5000 { _ = seen.count("\(index)") }
        #expect(seen.count("a") == 1)
    }
}
