/// How a command ended. The numbers are part of the interface: scripts decide by them.
public enum CommandStatus: Int32, Error, Sendable, CaseIterable {
    case done = 0
    /// `deps diff` found what an apply would change.
    case different = 1
    /// Usage, manifest or files on this machine.
    case badInput = 2
    /// The cluster refused, answered nonsense or cannot be reached.
    case clusterFailed = 3
    case buildFailed = 4
    case deployFailed = 5
    case timedOut = 6
    case dependencyFailed = 7
    /// The user ended the command (128 + SIGINT).
    case interrupted = 130
}
