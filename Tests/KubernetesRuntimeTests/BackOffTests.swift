import KubernetesRuntime
import Testing

@Suite struct BackOffTests {
    let backOff = BackOff(initial: .seconds(1), maximum: .seconds(30))

    @Test(arguments: [(1, 1), (2, 2), (3, 4), (5, 16), (6, 30), (10_000, 30)])
    func growsUpToItsLimit(failures: Int, seconds: Int) {
        #expect(backOff.delay(failures: failures, random: 0) == .seconds(seconds))
    }

    @Test func jitterTakesAtMostHalf() {
        #expect(backOff.delay(failures: 3, random: 1) == .seconds(2))
        #expect(backOff.delay(failures: 3, random: 0.5) == .seconds(3))
    }
}
