import Foundation
import KubernetesModel
import Logging
import SeawayAPI
import Synchronization
import Testing

@testable import SeawayOperator

/// The forms in which the operator tells of itself.
struct ExpositionTests {
    @Test func `counters, gauges and labels`() {
        let families = [
            MetricFamily(name: "a_total", help: "One \\ and\ntwo.", kind: .counter, samples: [.init(value: 3)]),
            MetricFamily(
                name: "b", help: "B.", kind: .gauge, samples: [.init(labels: [.init("x", "say \"hi\"\\\n"), .init("y", "")], value: 0.5)]),
        ]
        #expect(
            MetricFamily.text(families) == """
                # HELP a_total One \\\\ and\\ntwo.
                # TYPE a_total counter
                a_total 3
                # HELP b B.
                # TYPE b gauge
                b{x="say \\"hi\\"\\\\\\n",y=""} 0.5

                """)
    }

    @Test func `histograms count up to each bound`() {
        var histogram = Histogram([0.1, 1, 10])
        for value in [0.05, 0.1, 0.5, 100] { histogram.add(value) }
        let text = MetricFamily.text([.init(name: "h", help: "H.", kind: .histogram, samples: histogram.samples([.init("of", "it")]))])
        #expect(
            text.split(separator: "\n").dropFirst(2) == [
                #"h_bucket{of="it",le="0.1"} 2"#, #"h_bucket{of="it",le="1"} 3"#, #"h_bucket{of="it",le="10"} 3"#,
                #"h_bucket{of="it",le="+Inf"} 4"#, #"h_sum{of="it"} 100.65"#, #"h_count{of="it"} 4"#,
            ])
    }

    @Test func `numbers are written as Prometheus reads them`() {
        #expect([0, 12, 1.5, 1e20, .infinity, -.infinity, .nan].map(MetricFamily.number) == ["0", "12", "1.5", "1e+20", "+Inf", "-Inf", "NaN"])
    }

    @Test func `every metric is there from the start`() {
        let families = OperatorMetrics().families([:])
        #expect(families.map(\.name) == Metric.allCases.map(\.rawValue))
        #expect(families.filter { $0.kind != .gauge && $0.samples.isEmpty }.map(\.name) == ["seaway_source_request_seconds"])
    }
}

struct LogfmtTests {
    private func line(_ message: Logger.Message, _ metadata: Logger.Metadata = [:], at level: Logger.Level = .info) -> String {
        let lines = Mutex<[String]>([])
        var logger = Logger(label: "test") { label in LogfmtHandler(label: label, level: .debug) { line in lines.withLock { $0.append(line) } } }
        logger[metadataKey: "hb.request.id"] = "7f"
        logger.log(level: level, message, metadata: metadata)
        return lines.withLock { $0.joined() }
    }

    @Test func `a record is one line of fields`() throws {
        let text = line("two words", ["b": "x", "environment": "shop/web"])
        #expect(text.hasSuffix(" level=info logger=test msg=\"two words\" b=x environment=shop/web request=7f\n"), "\(text)")
        let time = try #require(text.firstMatch(of: #/^time=(\S+) /#)?.output.1)
        #expect(Timestamp(String(time)) != nil)
    }

    @Test func `no value breaks a line or a field`() {
        let text = line("a\nlevel=error msg=forged", ["k v": "q\"\\\u{7}\u{2028}\u{85}é", "empty": ""])
        #expect(text.count(where: \.isNewline) == 1)
        #expect(text.contains(#"msg="a\nlevel=error msg=forged" empty="" k_v="q\"\\\u0007\u2028\u0085é" request=7f"#), "\(text)")
    }

    @Test func `levels below are not written`() {
        #expect(line("m", at: .trace).isEmpty)
    }
}

/// What is counted when a status is written.
struct StatusObservationTests {
    private func time(_ seconds: Double) -> Timestamp { Timestamp(Date(timeIntervalSince1970: seconds)) }

    private func status(
        _ condition: Condition.Status, _ reason: Reason, build: EnvironmentStatus.Span? = nil, rollout: EnvironmentStatus.Span? = nil
    ) -> EnvironmentStatus {
        var status = EnvironmentStatus()
        status.conditions = [Condition(.imageBuilt, condition, reason, "m", observedGeneration: 1, since: time(0))]
        status.build = build
        status.rollout = rollout
        status.lastUpdated = time(130)
        return status
    }

    @Test func `a build's end is counted once`() {
        let span = EnvironmentStatus.Span(startedAt: time(100), finishedAt: time(112))
        let building = status(.unknown, .building, build: .init(startedAt: time(100)))
        let built = status(.true, .imagePushed, build: span)
        #expect(StatusObservation.between(building, built) == [.buildEnded(.imagePushed, succeeded: true, seconds: 12)])
        #expect(StatusObservation.between(nil, built).count == 1)
        var later = built
        later.conditions?[0].message = "other words"
        #expect(StatusObservation.between(built, later) == [])
        // The image is known to be pushed before the Job has ended.
        let pushed = status(.true, .imagePushed, build: .init(startedAt: time(100)))
        #expect(StatusObservation.between(building, pushed) == [.buildEnded(.imagePushed, succeeded: true, seconds: 30)])
        #expect(StatusObservation.between(pushed, built) == [])
    }

    @Test func `failures, another try, and what was no build`() {
        let failed = status(.false, .buildFailed, build: .init(startedAt: time(100), finishedAt: time(101)))
        let again = status(.false, .buildFailed, build: .init(startedAt: time(200), finishedAt: time(203)))
        #expect(StatusObservation.between(failed, again) == [.buildEnded(.buildFailed, succeeded: false, seconds: 3)])
        #expect(StatusObservation.between(failed, status(.true, .imageExists)) == [])
        #expect(StatusObservation.between(nil, status(.false, .platformUnsupported)) == [])
    }

    @Test func `a rollout's end is counted once`() {
        let rolling = status(.true, .imageExists, rollout: .init(startedAt: time(100)))
        let rolled = status(.true, .imageExists, rollout: .init(startedAt: time(100), finishedAt: time(104)))
        #expect(StatusObservation.between(rolling, rolled) == [.rolledOut(seconds: 4)])
        #expect(StatusObservation.between(rolled, rolled) == [])
    }
}
