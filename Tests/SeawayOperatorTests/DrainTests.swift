import SeawayPlan
import Testing

@testable import SeawayOperator

/// How pods drain on which cluster.
struct DrainTests {
    @Test(arguments: [
        ("v1.20.2", false), ("v1.29.9", false), ("v1.30.0", true), ("v1.34.1+k3s1", true), ("v1.30.5-gke.100", true), ("v2.0.0", true),
        ("1.31", true), ("", false), ("unknown", false),
    ])
    func `versions are told apart`(version: String, expected: Bool) {
        #expect(KubernetesVersion.isAtLeast(1, 30, version) == expected)
    }

    @Test func `older clusters ask the operator`() {
        #expect(
            PlainServer.drain(seconds: 4, version: "v1.20.2", address: "10.96.0.7", port: 8081)
                == .init(seconds: 4, method: .request(host: "10.96.0.7", port: 8081)))
        #expect(PlainServer.drain(seconds: 4, version: "v1.34.0", address: nil, port: 8081) == .init(seconds: 4, method: .sleep))
        #expect(PlainServer.drain(seconds: 4, version: "v1.20.2", address: nil, port: 8081) == nil)
        #expect(PlainServer.drain(seconds: 4, version: "v1.20.2", address: "None", port: 8081) == nil)
        #expect(PlainServer.drain(seconds: 0, version: "v1.34.0", address: nil, port: 8081) == nil)
    }
}
