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
        #expect(note(two, isComplete: true, from: 6, to: 7) == .seconds(1))
        #expect(note(one, isComplete: true, from: 8, to: 9) == .seconds(9))
        // It is told once; another one begins anew.
        #expect(note(one, isComplete: true, from: 20, to: 22) == .seconds(2))
    }

    @Test func thoseThatWereGivenUpDoNotPileUp() throws {
        let clock = UploadClock()
        for number in 0...1000 {
            let environment = try ObjectName(namespace: "shop", name: "app-\(number)")
            #expect(clock.note(environment, .ofNothing, isComplete: false, start + .seconds(number)) == nil)
        }
        let forgotten = try ObjectName(namespace: "shop", name: "app-0")
        #expect(clock.note(forgotten, .ofNothing, isComplete: true, start + .seconds(2000), now: start + .seconds(2001)) == .seconds(1))
        let kept = try ObjectName(namespace: "shop", name: "app-1")
        #expect(clock.note(kept, .ofNothing, isComplete: true, start + .seconds(2000), now: start + .seconds(2001)) == .seconds(2000))
    }
}
