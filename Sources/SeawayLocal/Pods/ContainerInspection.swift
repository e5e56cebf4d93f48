import Foundation
import KubernetesModel
import SeawayAPI

/// What `podman container inspect` tells of a container, as far as it is read.
struct ContainerInspection: Decodable {
    var name: String
    var restartCount: Int
    var state: State

    struct State: Decodable {
        var status: String
        var exitCode: Int
        var isOutOfMemory: Bool
        var startedAt: String
        var finishedAt: String

        enum CodingKeys: String, CodingKey {
            case status = "Status"
            case exitCode = "ExitCode"
            case isOutOfMemory = "OOMKilled"
            case startedAt = "StartedAt"
            case finishedAt = "FinishedAt"
        }
    }

    enum CodingKeys: String, CodingKey {
        case name = "Name"
        case restartCount = "RestartCount"
        case state = "State"
    }

    var isRunning: Bool { state.status == "running" || state.status == "paused" }
    var startedAt: Timestamp? { Self.time(state.startedAt) }

    /// How it ended, when it does not run.
    var exit: ContainerStatus.Terminated? {
        guard ["exited", "stopped", "dead"].contains(state.status) else { return nil }
        return .init(
            exitCode: state.exitCode, reason: state.isOutOfMemory ? "OOMKilled" : state.exitCode == 0 ? "Completed" : "Error",
            startedAt: startedAt, finishedAt: Self.time(state.finishedAt))
    }

    /// Podman's times have nine digits of a second and the zone's offset; the year 1 stands for never.
    static func time(_ text: String) -> Timestamp? {
        guard !text.hasPrefix("0001") else { return nil }
        let whole = text.prefix { $0 != "." }
        guard let dot = text.firstIndex(of: ".") else { return Timestamp(text) }
        let zone = text[text.index(after: dot)...].drop { $0.isNumber }
        return Timestamp(String(whole) + String(zone))
    }
}

extension PlayedPod {
    /// The pod as a cluster would show it.
    /// - Parameter inspection: `nil` when the container is gone.
    func observed(_ inspection: ContainerInspection?, isReady: Bool, namespace: String) -> Pod? {
        guard let inspection else { return nil }
        let ended = inspection.exit
        var status = ContainerStatus(name: Names.applicationContainer, ready: isReady && inspection.isRunning, restartCount: inspection.restartCount)
        if let ended {
            status.state = .init(terminated: ended)
        } else if inspection.isRunning {
            status.state = .init(running: .init(startedAt: inspection.startedAt))
        } else {
            status.state = .init(waiting: .init(reason: "ContainerCreating"))
        }
        if inspection.restartCount > 0, let lastExit { status.lastState = .init(terminated: lastExit) }
        let phase = isFallback ? "Succeeded" : ended == nil && !inspection.isRunning ? "Pending" : "Running"
        return Pod(
            metadata: ObjectMeta(
                name: name, namespace: namespace, uid: name, labels: labels, annotations: annotations, creationTimestamp: createdAt),
            status: .init(phase: phase, containerStatuses: [status]))
    }
}
