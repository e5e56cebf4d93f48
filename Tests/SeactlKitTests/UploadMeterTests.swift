import Testing

@testable import SeactlKit

@Suite struct UploadMeterTests {
    private func state(_ sent: Int, of total: Int = 100 << 20) -> UploadState {
        UploadState(filesSent: 0, filesTotal: 10, bytesSent: sent, bytesTotal: total)
    }

    @Test func rateAndWhatRemains() {
        var meter = UploadMeter()
        #expect(meter.rate(at: .zero) == nil)
        meter.note(0, at: .seconds(1))
        #expect(meter.text(state(0), at: .seconds(1)) == "0 B of 100 MiB", "nothing is known yet")
        meter.note(10 << 20, at: .seconds(3))
        #expect(meter.rate(at: .seconds(3)) == Double(5 << 20))
        #expect(meter.text(state(10 << 20), at: .seconds(3)) == "10.0 MiB of 100 MiB, 5.0 MiB/s, 18 s left")
        #expect(meter.text(state(100 << 20), at: .seconds(3)) == "100 MiB of 100 MiB, 5.0 MiB/s")
    }

    @Test func onlyTheLastSecondsCount() {
        var meter = UploadMeter()
        for second in 0...10 { meter.note(second * 1000, at: .seconds(second)) }
        #expect(meter.rate(at: .seconds(10)) == 1000)
        // Ten times as fast from now on: after the window, only that counts.
        for second in 11...20 { meter.note(10_000 + (second - 10) * 10_000, at: .seconds(second)) }
        #expect(meter.rate(at: .seconds(20)) == 10_000)
    }

    @Test func aConnectionThatHangsGetsSlower() {
        var meter = UploadMeter()
        meter.note(0, at: .zero)
        meter.note(10_000, at: .seconds(1))
        let before = meter.rate(at: .seconds(1)) ?? 0
        let after = meter.rate(at: .seconds(10)) ?? 0
        #expect(after < before / 5)
        #expect(meter.text(state(10_000, of: 20_000), at: .seconds(10)) == "10 KiB of 20 KiB, 1000 B/s, 10 s left")
    }

    @Test func oddNumbers() {
        var meter = UploadMeter()
        meter.note(100, at: .seconds(1))
        meter.note(100, at: .seconds(1))
        #expect(meter.rate(at: .seconds(1)) == nil, "no time has passed")
        meter.note(5, at: .seconds(2))
        #expect(meter.rate(at: .seconds(2)) == nil, "another upload")
        meter.note(10, at: .seconds(3))
        #expect(meter.text(state(10, of: 5), at: .seconds(3)) == "10 B of 5 B, 5 B/s", "more than was said")
        #expect(meter.text(state(10, of: .max), at: .seconds(3)).hasSuffix(", 5 B/s"), "nobody waits that long")
        #expect(meter.text(state(0, of: 0), at: .seconds(3)).hasPrefix("0 B of 0 B"))
    }

    @Test func plainOutputTellsNowAndThen() {
        var renderer = PlainRenderer()
        _ = renderer.render(.stage(.source, .running("sending")), at: .zero)
        var lines: [String] = []
        for tenth in 1...130 {
            let text = renderer.render(.upload(state(tenth * 1_000_000)), at: .milliseconds(tenth * 100))
            if !text.isEmpty { lines.append(text) }
        }
        #expect(
            lines == [
                "source   sending: 47.7 MiB of 100 MiB, 9.5 MiB/s, 6 s left\n", "source   sending: 95.4 MiB of 100 MiB, 9.5 MiB/s\n",
            ])
    }

    @Test func theLiveViewHasIt() {
        var renderer = LiveRenderer(style: Style(colors: false), size: { TerminalSize(columns: 100, rows: 24) })
        _ = renderer.render(.stage(.source, .running("sending")), at: .zero)
        _ = renderer.render(.upload(state(0)), at: .zero)
        let frame = renderer.render(.upload(state(50 << 20)), at: .seconds(2))
        #expect(frame.contains("████████░░░░░░░░ 50.0 MiB of 100 MiB, 25.0 MiB/s, 2 s left"))
    }
}
