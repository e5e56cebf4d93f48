/// How a container of a pod is.
public struct ContainerStatus: Codable, Sendable, Equatable {
    public var name: String
    public var image: String?
    /// The image by digest, once pulled.
    public var imageID: String?
    public var ready: Bool?
    public var started: Bool?
    public var restartCount: Int?
    public var state: State?
    /// How the run before this one ended.
    public var lastState: State?

    /// One of the three is set; none means waiting.
    public struct State: Codable, Sendable, Equatable {
        public var waiting: Waiting?
        public var running: Running?
        public var terminated: Terminated?

        public init(waiting: Waiting? = nil, running: Running? = nil, terminated: Terminated? = nil) {
            self.waiting = waiting
            self.running = running
            self.terminated = terminated
        }
    }

    public struct Waiting: Codable, Sendable, Equatable {
        /// `ContainerCreating`, `ImagePullBackOff`, `CrashLoopBackOff`, ….
        public var reason: String?
        public var message: String?

        public init(reason: String? = nil, message: String? = nil) {
            self.reason = reason
            self.message = message
        }
    }

    public struct Running: Codable, Sendable, Equatable {
        public var startedAt: Timestamp?

        public init(startedAt: Timestamp? = nil) {
            self.startedAt = startedAt
        }
    }

    public struct Terminated: Codable, Sendable, Equatable {
        public var exitCode: Int?
        public var signal: Int?
        /// `Completed`, `Error`, `OOMKilled`, ….
        public var reason: String?
        /// The container's termination message.
        public var message: String?
        public var startedAt: Timestamp?
        public var finishedAt: Timestamp?

        public init(
            exitCode: Int? = nil, signal: Int? = nil, reason: String? = nil, message: String? = nil, startedAt: Timestamp? = nil,
            finishedAt: Timestamp? = nil
        ) {
            self.exitCode = exitCode
            self.signal = signal
            self.reason = reason
            self.message = message
            self.startedAt = startedAt
            self.finishedAt = finishedAt
        }
    }

    public init(
        name: String, image: String? = nil, imageID: String? = nil, ready: Bool? = nil, started: Bool? = nil, restartCount: Int? = nil,
        state: State? = nil, lastState: State? = nil
    ) {
        self.name = name
        self.image = image
        self.imageID = imageID
        self.ready = ready
        self.started = started
        self.restartCount = restartCount
        self.state = state
        self.lastState = lastState
    }
}
