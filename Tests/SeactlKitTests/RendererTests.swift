import Synchronization
import Testing

@testable import SeactlKit

@Suite struct PlainRendererTests {
    @Test func oneLineForEachChange() {
        var renderer = PlainRenderer()
        var text = ""
        func tell(_ milliseconds: Int, _ event: OutputEvent) { text += renderer.render(event, at: .milliseconds(milliseconds)) }
        tell(0, .heading("hello/dev → namespace hello-dev, context kind"))
        tell(0, .stage(.source, .running("scanning")))
        tell(100, .upload(UploadState(filesSent: 1, filesTotal: 3, bytesSent: 10, bytesTotal: 30)))
        tell(400, .stage(.source, .done("6,012 files, 3 changed, 12 KiB sent")))
        tell(500, .stage(.build, .running("started")))
        tell(600, .stage(.build, .running("started")))
        tell(900, .log(.build, "STEP 3/5: RUN \u{1B}[1mmake\u{1B}[0m"))
        tell(4600, .stage(.build, .done("image abc was built")))
        tell(4600, .stage(.deploy, .running("rolling out 1/2")))
        tell(6900, .stage(.deploy, .done("revision abc runs")))
        tell(7900, .ready(urls: ["http://hello.example"]))
        #expect(
            text == """
                sync     hello/dev → namespace hello-dev, context kind
                source   scanning
                source   6,012 files, 3 changed, 12 KiB sent  (0.4 s)
                build    started
                build    | STEP 3/5: RUN make
                build    image abc was built  (4.1 s)
                deploy   rolling out 1/2
                deploy   revision abc runs  (2.3 s)
                ready    http://hello.example  (7.9 s)
                times    source 0.4 s, build 4.1 s, deploy 2.3 s

                """)
        #expect(!text.contains("\u{1B}"))
    }

    @Test func upToDate() {
        var renderer = PlainRenderer()
        #expect(renderer.render(.upToDate(urls: ["http://a"]), at: .milliseconds(120)) == "ready    up to date  http://a  (0.1 s)\n")
    }
}

@Suite struct LiveRendererTests {
    private func renderer(columns: Int = 60, colors: Bool = true) -> LiveRenderer {
        LiveRenderer(style: Style(colors: colors), size: { TerminalSize(columns: columns, rows: 24) })
    }

    /// A frame without its escape sequences.
    private func visible(_ frame: String) -> [String] {
        frame.split(separator: "\n").map { TextCleaning.plain(String($0)) }
    }

    /// Whoever is asked something sees the question until it is answered, and it stays.
    @Test func aQuestionIsNotDrawnOver() {
        let written = Mutex<[String]>([])
        let output = Output(renderer(), isLive: true, elapsed: { .zero }, write: { text in written.withLock { $0.append(text) } })
        output.emit(.heading("hello/dev"))
        output.tick()
        let before = written.withLock(\.count)
        output.aside {
            #expect(written.withLock { $0.last } == "\r\u{1B}[4A\u{1B}[J")
            output.tick()
            #expect(written.withLock(\.count) == before + 1)
        }
        output.tick()
        #expect(written.withLock { $0.last?.hasPrefix("\u{1B}[?25l\r\u{1B}[J") } == true)
    }

    @Test func everyFrameShowsTheCursorAgain() {
        var renderer = renderer()
        let frames = [
            renderer.render(.heading("hello/dev"), at: .zero), renderer.render(.stage(.build, .running("building")), at: .seconds(1)),
            renderer.tick(at: .seconds(2)), renderer.finish(at: .seconds(3)),
        ]
        for frame in frames {
            #expect(frame.hasPrefix("\u{1B}[?25l"))
            #expect(frame.hasSuffix("\u{1B}[?25h"))
        }
        #expect(renderer.tick(at: .seconds(4)).isEmpty, "nothing is drawn after the end")
    }

    @Test func redrawsOverTheLastFrame() {
        var renderer = renderer(colors: false)
        let first = renderer.render(.heading("hello/dev"), at: .zero)
        #expect(visible(first).first == "hello/dev")
        #expect(renderer.tick(at: .seconds(1)).contains("\u{1B}[4A"), "heading and three stages")
    }

    @Test func theEndOfTheLogIsShownAndTakenAway() {
        var renderer = renderer(colors: false)
        _ = renderer.render(.stage(.source, .done("3 files")), at: .seconds(1))
        _ = renderer.render(.stage(.build, .running("building")), at: .seconds(1))
        for line in 1...9 { _ = renderer.render(.log(.build, "line \(line)"), at: .seconds(2)) }
        let frame = visible(renderer.tick(at: .seconds(3)))
        #expect(frame.filter { $0.contains("│") } == (4...9).map { "   │ line \($0)" })
        #expect(frame.contains { $0.contains("✓ source") })
        let done = visible(renderer.render(.stage(.build, .done("pushed")), at: .seconds(4)))
        #expect(!done.contains { $0.contains("│") })
    }

    @Test func linesFitTheTerminalAndNoColorHasNone() {
        var renderer = renderer(columns: 30, colors: false)
        _ = renderer.render(.heading(String(repeating: "x", count: 90)), at: .zero)
        _ = renderer.render(.stage(.build, .running(String(repeating: "語", count: 40))), at: .zero)
        _ = renderer.render(.log(.build, String(repeating: "y", count: 90)), at: .zero)
        let frame = renderer.tick(at: .seconds(75))
        for line in visible(frame) { #expect(TextCleaning.width(line) <= 30, "\(line)") }
        #expect(!frame.contains("\u{1B}[3"), "no colours")
    }

    @Test func theResultStandsAtTheEnd() {
        var renderer = renderer(colors: false)
        _ = renderer.render(.stage(.source, .done("3 files")), at: .seconds(1))
        let frame = visible(renderer.render(.ready(urls: ["http://a"]), at: .seconds(2)))
        #expect(frame.contains(" ✓ ready   http://a  2.0 s"))
    }
}

@Suite struct TextTests {
    @Test func escapesAndControlsAreRemoved() {
        #expect(TextCleaning.plain("a\u{1B}[2K\u{1B}[31mb\u{1B}]0;title\u{07}c\rd\te") == "abcd    e")
        #expect(TextCleaning.plain("größe ✓") == "größe ✓")
        #expect(TextCleaning.cut("hello", to: 5) == "hello")
        #expect(TextCleaning.cut("hello!", to: 5) == "hell…")
        #expect(TextCleaning.width("語") == 2)
    }

    @Test func numbers() {
        #expect([0, 999, 1000, 1_234_567].map { Format.count($0) } == ["0", "999", "1,000", "1,234,567"])
        #expect([0, 1023, 12_288, 1_500_000, 200 << 20].map(Format.bytes) == ["0 B", "1023 B", "12 KiB", "1.4 MiB", "200 MiB"])
        let times: [Duration] = [.milliseconds(40), .milliseconds(7900), .seconds(72), .seconds(7500)]
        #expect(times.map(Format.seconds) == ["0.0 s", "7.9 s", "1 min 12 s", "2 h 5 min"])
        #expect([42.0, 300, 7300, 200_000].map(Format.age) == ["42s", "5m", "2h", "2d"])
        #expect(Format.count(1, "file") == "1 file")
    }

    @Test(arguments: [("90s", 90), ("15m", 900), ("1h30m", 5400), ("45", 45)])
    func timeLimits(text: String, seconds: Int) { #expect(TimeLimit(argument: text)?.duration == .seconds(seconds)) }

    @Test(arguments: ["", "0", "m", "5x", "-3s", "1m30", "99999999999h"])
    func badTimeLimits(text: String) { #expect(TimeLimit(argument: text) == nil) }
}
