import Testing

@testable import KubernetesClient

@Suite struct RetryPolicyTests {
    let policy = RetryPolicy()

    @Test func overloadWaitsAsLongAsAsked() {
        #expect(policy.delay(afterAttempt: 1, method: "POST", outcome: .status(429, retryAfter: 3)) == .seconds(3))
        #expect(policy.delay(afterAttempt: 1, method: "POST", outcome: .status(429, retryAfter: 999)) == .seconds(10))
        #expect(policy.delay(afterAttempt: 1, method: "POST", outcome: .status(429, retryAfter: nil)) == .seconds(1))
        #expect(policy.delay(afterAttempt: 5, method: "POST", outcome: .status(429, retryAfter: 3)) == nil)
    }

    @Test func onlyReadsAreRepeatedWhenNobodyKnows() {
        #expect(policy.delay(afterAttempt: 1, method: "GET", outcome: .connectionLost) == .zero)
        #expect(policy.delay(afterAttempt: 2, method: "GET", outcome: .connectionLost) == nil)
        #expect(policy.delay(afterAttempt: 1, method: "PATCH", outcome: .connectionLost) == nil)
        #expect(policy.delay(afterAttempt: 1, method: "GET", outcome: .status(503, retryAfter: 2)) == .seconds(2))
        #expect(policy.delay(afterAttempt: 1, method: "PATCH", outcome: .status(503, retryAfter: 2)) == nil)
        #expect(policy.delay(afterAttempt: 1, method: "GET", outcome: .status(500, retryAfter: nil)) == nil)
        #expect(policy.delay(afterAttempt: 1, method: "GET", outcome: .status(404, retryAfter: nil)) == nil)
    }
}
