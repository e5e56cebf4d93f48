/// A step of `seactl env sync` as the user sees it.
enum Stage: String, CaseIterable, Sendable {
    case source, build, deploy, ready
}

/// How far a stage is; the texts are for people, one line each.
enum StageState: Equatable, Sendable {
    case pending
    case running(String)
    case done(String)
    case failed(String)

    var text: String {
        switch self {
        case .pending: ""
        case .running(let text), .done(let text), .failed(let text): text
        }
    }

    var isOver: Bool {
        switch self {
        case .done, .failed: true
        case .pending, .running: false
        }
    }
}

/// How much of the sources has been sent.
struct UploadState: Equatable, Sendable {
    var filesSent: Int
    var filesTotal: Int
    var bytesSent: Int
    var bytesTotal: Int
}

/// What a command has to tell while it works. A renderer decides how it looks.
enum OutputEvent: Equatable, Sendable {
    /// What is about to be done: `hello/dev → namespace hello-dev, context kind`.
    case heading(String)
    case note(String)
    case warning(String)
    /// A line about the dependencies.
    case dependency(String)
    case stage(Stage, StageState)
    case upload(UploadState)
    case log(Stage, String)
    /// The end of a sync that had nothing to do.
    case upToDate(urls: [String])
    /// The end of a sync that runs.
    case ready(urls: [String])
}

/// Turns events into what is written. Pure: `time` is the time since the command began.
protocol Renderer: Sendable {
    mutating func render(_ event: OutputEvent, at time: Duration) -> String
    /// Called some times a second, for views that move.
    mutating func tick(at time: Duration) -> String
    /// The last that is written; what follows comes from somebody else.
    mutating func finish(at time: Duration) -> String
    /// Takes away what moves, as somebody else writes next; what follows is drawn below that.
    mutating func stepAside() -> String
}

extension Renderer {
    mutating func stepAside() -> String { "" }
}

/// Writes nothing.
struct SilentRenderer: Renderer {
    mutating func render(_ event: OutputEvent, at time: Duration) -> String { "" }
    mutating func tick(at time: Duration) -> String { "" }
    mutating func finish(at time: Duration) -> String { "" }
}
