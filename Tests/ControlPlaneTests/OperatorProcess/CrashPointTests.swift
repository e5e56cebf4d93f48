import Foundation
import KubernetesClient
import KubernetesModel
import SeawayAPI
import Testing

extension OperatorProcessTests {
    /// The operator may be killed at any time: whatever it had done by then, the next one goes on and ends in the same state.
    ///
    /// The effects are enumerated, not hit by luck: each write of a whole life passes a proxy, which kills the operator when the server has
    /// answered and before the operator hears of it. The life begins with an empty cluster and has every kind of effect that a plan can have.
    @Suite struct CrashPointTests {
        /// After which of its effects, counted over all operators of one life, an operator is killed.
        enum Killing: String, CaseIterable, Sendable {
            case never, each
            // The operator that follows does more than one thing.
            case odd, even

            func isDue(after effect: Int) -> Bool {
                switch self {
                case .never: false
                case .each: true
                case .odd: effect % 2 == 1
                case .even: effect % 2 == 0
                }
            }
        }

        /// What a plan and the start of an operator can do to the world.
        private static let kinds: Set = [
            "POST secrets", "PATCH environments", "PATCH environments/status", "POST events", "PATCH jobs", "PATCH persistentvolumeclaims",
            "PATCH deployments", "PATCH services", "PATCH ingresses", "DELETE jobs", "DELETE persistentvolumeclaims", "DELETE deployments",
            "DELETE services", "DELETE ingresses", "DELETE environments", "DELETE namespaces", "DELETE from the store", "DELETE from the registry",
        ]

        @Test(.timeLimit(.minutes(20))) func `the next operator ends in the same state, after whichever effect the last one died`() async throws {
            try await PrivateControlPlane.with { plane, client in
                let undisturbed = try await Life(plane, client, killing: .never).live()
                #expect(undisturbed.operators == 1)
                // Events are read before the Environment expires.
                let told = undisturbed.happenings.filter { !$0.key.hasPrefix("Expired ") && !$0.key.hasPrefix("Deleting ") }
                #expect(undisturbed.events == told)
                #expect(Self.kinds.subtracting(undisturbed.effects) == [], "kinds of effects that did not happen")
                for killing in Killing.allCases where killing != .never {
                    let started = ContinuousClock.now
                    let life = try await Life(plane, client, killing: killing).live()
                    let due = life.effects.indices.count { killing.isDue(after: $0 + 1) }
                    print("killed after \(killing.rawValue) effect: \(due) of \(life.effects.count), in \(ContinuousClock.now - started)")
                    #expect(life.operators == life.killed + 1, "one operator for each that was killed")
                    // The store's objects are removed several at once.
                    #expect((due * 3 / 4...due).contains(life.killed))
                    // An event follows the status that it tells of, so an operator that is killed after each effect never comes to it.
                    #expect(Self.kinds.subtracting(life.effects) == (killing == .each ? ["POST events"] : []), "\(killing)")
                    #expect(life.states == undisturbed.states, "\(killing)")
                    #expect(life.builds == undisturbed.builds, "\(killing): Jobs, and pods of each")
                    #expect(life.left == [], "\(killing): orphans")
                    // A happening is told before or after the kill, and not twice; one whose status was written and whose event was not yet is
                    // not told as an event any more. How far a roll-out is when it is first seen differs from life to life.
                    for (event, count) in life.events {
                        #expect(count <= life.happenings[event] ?? 0, "\(killing): \(event)")
                        if event.hasPrefix("RollingOut ") { continue }
                        #expect(count <= undisturbed.happenings[event] ?? 1, "\(killing): \(event)")
                    }
                }
            }
        }
    }
}
