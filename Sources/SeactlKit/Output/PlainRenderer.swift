/// Lines without any escape sequence, one for each change: for pipes, files and CI.
struct PlainRenderer: Renderer {
    private var clock = StageClock()
    private var meter = UploadMeter()
    /// When progress was last told.
    private var told: Duration?

    /// Progress is a line now and then, not thousands of them in the log of a CI.
    private static let uploadPause: Duration = .seconds(5)

    mutating func render(_ event: OutputEvent, at time: Duration) -> String {
        switch event {
        case .heading(let text): return line("sync", text)
        case .note(let text): return line("note", text)
        case .warning(let text): return line("warning", text)
        case .dependency(let text): return line("deps", TextCleaning.plain(text))
        case .log(let stage, let text): return line(stage.rawValue, "| " + TextCleaning.plain(text))
        case .upload(let state):
            meter.note(state.bytesSent, at: time)
            let last = told ?? clock.begin(.source) ?? time
            guard time - last >= Self.uploadPause, state.bytesSent < state.bytesTotal else { return "" }
            told = time
            return line(Stage.source.rawValue, "sending: \(meter.text(state, at: time))")
        case .stage(let stage, let state):
            guard clock.note(stage, state, at: time) else { return "" }
            return stageLine(stage, state, at: time)
        case .upToDate(let urls): return line("ready", "up to date" + suffix(urls) + took(time))
        case .ready(let urls):
            let ready = line("ready", (urls.isEmpty ? "running" : urls.joined(separator: " ")) + took(time))
            let summary = clock.summary(at: time)
            return ready + (summary.isEmpty ? "" : line("times", summary))
        }
    }

    mutating func tick(at time: Duration) -> String { "" }
    mutating func finish(at time: Duration) -> String { "" }

    private func stageLine(_ stage: Stage, _ state: StageState, at time: Duration) -> String {
        let took = clock.elapsed(stage, at: time).map { self.took($0) } ?? ""
        switch state {
        case .pending: return ""
        case .running(let text): return line(stage.rawValue, text)
        case .done(let text): return line(stage.rawValue, text + took)
        case .failed(let text): return line(stage.rawValue, text + took)
        }
    }

    private func line(_ label: String, _ text: String) -> String {
        label.padding(to: 8) + " " + text + "\n"
    }

    private func suffix(_ urls: [String]) -> String { urls.isEmpty ? "" : "  " + urls.joined(separator: " ") }
    private func took(_ duration: Duration) -> String { "  (\(Format.seconds(duration)))" }
}

extension String {
    /// This text, filled up with spaces to `width` columns.
    func padding(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - TextCleaning.width(self)))
    }
}
