/// A view that is drawn again in place: stages with their times, progress, the end of the build log beneath.
///
/// Every frame hides the cursor while it is drawn and shows it at its end, so that whatever ends the program leaves
/// a terminal that works.
struct LiveRenderer: Renderer {
    /// Lines of the build log under the stages.
    static let logLines = 6

    private let style: Style
    private let size: @Sendable () -> TerminalSize
    private var clock = StageClock()
    private var heading = ""
    private var upload: UploadState?
    private var meter = UploadMeter()
    private var log: [String] = []
    private var result: String?
    private var drawnLines = 0
    private var beat = 0
    private var isFinished = false

    init(style: Style, size: @escaping @Sendable () -> TerminalSize) {
        self.style = style
        self.size = size
    }

    mutating func render(_ event: OutputEvent, at time: Duration) -> String {
        switch event {
        case .heading(let text): heading = text
        case .note(let text): return frame(at: time, above: [text])
        case .dependency(let text): return frame(at: time, above: [TextCleaning.plain(text)])
        case .warning(let text): return frame(at: time, above: [style.warning("warning: ") + text])
        case .stage(let stage, let state):
            guard clock.note(stage, state, at: time) else { return "" }
            if stage == .build, state.isOver { log = [] }
        case .upload(let state):
            upload = state
            meter.note(state.bytesSent, at: time)
        case .log(_, let text):
            log.append(TextCleaning.plain(text))
            log.removeFirst(max(0, log.count - Self.logLines))
            // Drawn with the next tick: a build can write thousands of lines a second.
            return ""
        case .upToDate(let urls): result = "up to date" + (urls.isEmpty ? "" : "  " + urls.joined(separator: " "))
        case .ready(let urls): result = urls.isEmpty ? "running" : urls.joined(separator: " ")
        }
        return frame(at: time)
    }

    mutating func tick(at time: Duration) -> String {
        guard !isFinished else { return "" }
        beat += 1
        return frame(at: time)
    }

    mutating func finish(at time: Duration) -> String {
        guard !isFinished else { return "" }
        isFinished = true
        log = []
        return frame(at: time)
    }

    mutating func stepAside() -> String {
        defer { drawnLines = 0 }
        return drawnLines > 0 ? "\r\u{1B}[\(drawnLines)A\u{1B}[J" : ""
    }

    /// One write: back to where the last frame began, erase it, draw.
    private mutating func frame(at time: Duration, above: [String] = []) -> String {
        let size = size()
        let lines = view(at: time, width: size.columns).suffix(max(1, size.rows - 1))
        var text = "\u{1B}[?25l\r"
        if drawnLines > 0 { text += "\u{1B}[\(drawnLines)A" }
        text += "\u{1B}[J"
        for line in above + lines { text += line + "\n" }
        drawnLines = lines.count
        return text + "\u{1B}[?25h"
    }

    private func view(at time: Duration, width: Int) -> [String] {
        var lines: [String] = []
        if !heading.isEmpty { lines.append(style.bold(TextCleaning.cut(heading, to: width))) }
        for stage in [Stage.source, .build, .deploy] where result == nil || clock.state(stage) != .pending {
            lines.append(stageLine(stage, at: time, width: width))
            if stage == .build, !isFinished {
                lines += log.map { style.dim("   │ " + TextCleaning.cut($0, to: width - 5)) }
            }
        }
        if let result {
            let text = TextCleaning.cut(result, to: max(8, width - 24))
            lines.append(" " + style.good("✓") + " " + "ready".padding(to: 8) + style.bold(text) + style.dim("  \(Format.seconds(time))"))
        } else if case .running(let text) = clock.state(.ready) {
            lines.append(" \(mark(.running(text))) " + "ready".padding(to: 8) + TextCleaning.cut(text, to: max(8, width - 12)))
        }
        return lines
    }

    private func stageLine(_ stage: Stage, at time: Duration, width: Int) -> String {
        let state = clock.state(stage)
        var text = state.text
        if stage == .source, case .running = state, let upload { text = describe(upload, at: time) }
        let took = clock.elapsed(stage, at: time).map(Format.seconds) ?? ""
        let room = max(8, width - 12 - took.count - 2)
        let body = TextCleaning.cut(text, to: room)
        return " \(mark(state)) " + stage.rawValue.padding(to: 8) + body + (took.isEmpty ? "" : "  " + style.dim(took))
    }

    private func mark(_ state: StageState) -> String {
        switch state {
        case .pending: style.dim("·")
        case .running: isFinished ? style.dim("·") : style.accent(Self.spinner[beat % Self.spinner.count])
        case .done: style.good("✓")
        case .failed: style.bad("✗")
        }
    }

    private static let spinner = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"]

    private func describe(_ upload: UploadState, at time: Duration) -> String {
        let share = upload.bytesTotal > 0 ? min(1, Double(upload.bytesSent) / Double(upload.bytesTotal)) : 1
        let filled = Int((share * 16).rounded())
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 16 - filled)
        return "\(bar) \(meter.text(upload, at: time))"
    }
}
