import Source
import Testing

@testable import SourceService

struct UploadClockTests {
    private let shop: ObjectName
    private let start = ContinuousClock.now

    init() throws { shop = try ObjectName(namespace: "shop", name: "app") }

    @Test func anUploadLastsFromItsFirstRequestToItsLast() throws {
        let clock = UploadClock()
        let (one, two) = (Digest(hashing: [1]), Digest(hashing: [2]))
        func note(_ revision: Digest, isComplete: Bool, from began: Int, to end: Int) -> Duration? {
            clock.note(shop, revision, isComplete: isComplete, start + .seconds(began), now: start + .seconds(end))
        }
        #expect(note(one, isComplete: false, from: 0, to: 1) == nil)
        #expect(note(one, isComplete: false, from: 5, to: 6) == nil)
        // Nothing had to be sent.
        #expect(note(two, isComplete: true, from: 6, to: 7) == nil)
        #expect(note(one, isComplete: true, from: 8, to: 9) == .seconds(9))
        // It is told once.
        #expect(note(one, isComplete: true, from: 20, to: 22) == nil)
        // One that goes on the next day begins anew.
        #expect(note(two, isComplete: false, from: 30, to: 31) == nil)
        #expect(note(two, isComplete: false, from: 86_400, to: 86_401) == nil)
        #expect(note(two, isComplete: true, from: 86_402, to: 86_403) == .seconds(3))
    }

    @Test func thoseThatWereGivenUpDoNotPileUp() throws {
        let clock = UploadClock()
        for number in 0...1000 {
            let environment = try ObjectName(namespace: "shop", name: "app-\(number)")
            #expect(clock.note(environment, .ofNothing, isComplete: false, start + .milliseconds(number)) == nil)
        }
        let forgotten = try ObjectName(namespace: "shop", name: "app-0")
        #expect(clock.note(forgotten, .ofNothing, isComplete: true, start + .seconds(2), now: start + .seconds(3)) == nil)
        let kept = try ObjectName(namespace: "shop", name: "app-1")
        #expect(clock.note(kept, .ofNothing, isComplete: true, start + .seconds(2), now: start + .milliseconds(3001)) == .seconds(3))
    }
}
