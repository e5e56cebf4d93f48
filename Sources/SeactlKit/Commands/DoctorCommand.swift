import ArgumentParser
import Foundation

struct DoctorCommand: SeactlCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Checks what Seaway needs on this machine and in the cluster, and says what to do about each finding.",
        discussion: "Exits with 0 when applications can be run, on this machine or on the cluster, and with 3 when neither is possible.")

    @OptionGroup(title: "Global options") var cluster: ClusterOptions

    @Option(name: [.customShort("n"), .long], help: "Whose permissions are looked at, instead of the context's namespace.")
    var namespace: String?

    func run(in system: System) async throws {
        let request = ConnectionRequest(kubeconfig: cluster.kubeconfig, context: cluster.context, verbose: cluster.verbose)
        let findings = try await race(system) { await Doctor(system: system, request: request, namespace: namespace).examine() }
        for finding in findings {
            system.standardOutput.write(
                "\(finding.verdict.rawValue.padding(toLength: 8, withPad: " ", startingAt: 0))\(finding.what): \(finding.text)\n")
            for step in finding.next { system.standardOutput.write("        → \(step)\n") }
        }
        guard Self.isUsable(findings) else {
            throw CommandFailure(.clusterFailed, "neither this machine nor a cluster can run applications", next: ["do what is said above"])
        }
    }

    /// Whether one engine has all that it needs.
    static func isUsable(_ findings: [DoctorFinding]) -> Bool {
        func isGood(_ names: [String]) -> Bool { names.allSatisfy { name in findings.contains { $0.what == name && $0.verdict == .good } } }
        return isGood(["podman"]) || isGood(["cluster", "permissions", "operator", "store", "registry"])
    }
}
