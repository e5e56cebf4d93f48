import Foundation
import KubernetesModel
import SeawayLocal

/// The choice of the local engine, and the way to it.
enum LocalConnection {
    /// Whether the user named a cluster, or this machine or pod has the configuration of one.
    static func hasCluster(
        _ request: ConnectionRequest, variables: [String: String], exists: (String) -> Bool = { FileManager.default.fileExists(atPath: $0) }
    ) -> Bool {
        if request.kubeconfig != nil || request.context != nil { return true }
        // A variable that names files which are not there is a mistake to tell, not a wish for another engine.
        if let files = variables["KUBECONFIG"], !files.isEmpty { return true }
        if variables["KUBERNETES_SERVICE_HOST"]?.isEmpty == false { return true }
        return exists((variables["HOME"] ?? NSHomeDirectory()) + "/.kube/config")
    }

    /// - Throws: ``CommandFailure`` when Podman is missing, too old or does not run.
    static func open(variables: [String: String]) async throws -> Connection {
        let directory = stateDirectory(variables)
        let podman: Podman
        do {
            podman = try await self.podman(variables: variables)
        } catch let error as LocalError {
            throw CommandFailure(local: error)
        }
        let engine = LocalEngine(podman: podman, directory: directory)
        return Connection(
            context: "local", namespace: "default", cluster: .local(engine), dependencies: .local(engine),
            exec: { key, command, terminal in
                try await engine.exec(in: key, command: command, interactive: true, terminal: terminal)
            }, close: {})
    }

    /// - Throws: `LocalError` when Podman is missing, too old or does not run.
    static func podman(variables: [String: String]) async throws -> Podman {
        try await PodmanSetup.prepare(stateDirectory: stateDirectory(variables), variables: variables)
    }

    static func stateDirectory(_ variables: [String: String]) -> String {
        let base = variables["XDG_STATE_HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil } ?? (variables["HOME"] ?? NSHomeDirectory()) + "/.local/state"
        return base + "/seaway/local"
    }
}
